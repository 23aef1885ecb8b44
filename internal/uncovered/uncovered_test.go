package uncovered

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// callsOf returns the calls without a parent of a component.
func callsOf(t *testing.T, component string) Calls {
	t.Helper()
	all := NoParent()
	i := slices.IndexFunc(all, func(c Calls) bool { return c.Component == component })
	if i < 0 {
		return Calls{}
	}
	return all[i]
}

// call stands for Wrapper.Start, whose caller is the library or the program.
func call(c *Component) { c.NoParent() }

func TestNoParentCountsAndSamples(t *testing.T) {
	c := Client(t.Name())
	if got := callsOf(t, t.Name()); got.Count != 0 {
		t.Errorf("%+v before a call", got)
	}
	for range 3*sampleEvery + 1 {
		call(c)
	}
	got := callsOf(t, t.Name())
	if got.Count != 3*sampleEvery+1 {
		t.Errorf("%d calls", got.Count)
	}
	samples := 0
	for _, s := range got.Sites {
		samples += s.Samples
	}
	if samples != 4 {
		t.Errorf("%d samples, want the first and one in each 1,024 more: %+v", samples, got.Sites)
	}
}

func TestNilComponentCountsNothing(t *testing.T) {
	var c *Component
	c.NoParent()
}

func TestNoParentAllocatesNothing(t *testing.T) {
	c := Client(t.Name())
	for name, before := range map[string]int64{"sampled": 0, "counted": 1} {
		if allocs := testing.AllocsPerRun(100, func() { c.calls.Store(before); call(c) }); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func TestManyStacksAreBounded(t *testing.T) {
	c := Client(t.Name())
	var deep func(n int)
	deep = func(n int) {
		if n > 0 {
			deep(n - 1)
			return
		}
		c.sample()
	}
	for range 5 {
		deep(0)
	}
	for n := range 10 * maxStacks {
		deep(n)
	}
	if c.n != maxStacks {
		t.Errorf("%d stacks", c.n)
	}
	kept := slices.ContainsFunc(c.stacks[:], func(s stack) bool { return s.samples >= 5 })
	if !kept {
		t.Error("the stack with most samples was replaced")
	}
}

func TestCallsFromManyGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5000 {
				call(Client(t.Name()))
				if len(NoParent()) == 0 {
					t.Error("no calls")
				}
			}
		})
	}
	wg.Wait()
	if got := callsOf(t, t.Name()); got.Count != 40_000 {
		t.Errorf("%d calls", got.Count)
	}
}

func TestSiteWithoutTheProgram(t *testing.T) {
	var pcs [maxDepth]uintptr
	n := runtime.Callers(1, pcs[:])
	if site := siteOf(pcs[:n]); site.Function != "testing.tRunner" || site.Line == 0 {
		t.Errorf("of a goroutine without a frame of the program: %+v, want the outermost frame", site)
	}
}

func TestUnwrapped(t *testing.T) {
	build := &debug.BuildInfo{}
	for _, path := range []string{
		"example.com/shop", "github.com/IBM/sarama", "github.com/go-kratos/kratos/v2", "github.com/go-redis/redis/v8",
		"github.com/go-resty/resty/v2", "github.com/go-sql-driver/mysql", "github.com/jackc/pgx/v5", "golang.org/x/net",
		"google.golang.org/grpc",
	} {
		build.Deps = append(build.Deps, &debug.Module{Path: path, Version: "v1.2.3"})
	}
	all := linkedIn(build)
	defer func() { components.all = nil }()
	for name, test := range map[string]struct {
		clients, servers string
		want             string
	}{
		"nothing is wrapped": {"", "", "Sarama, go-redis v8, Resty, go-sql-driver/mysql, pgx, gRPC"},
		"some clients":       {"go-redis grpc", "", "Sarama, Resty, go-sql-driver/mysql, pgx"},
		"a component of several drivers": {
			"database/sql", "", "Sarama, go-redis v8, Resty, gRPC",
		},
		"a library that sends by a wrapped client": {"net/http", "", "Sarama, go-redis v8, go-sql-driver/mysql, pgx, gRPC"},
		"servers": { // an HTTP server covers no client, but who wraps a gRPC server need not have a client
			"", "net/http grpc", "Sarama, go-redis v8, Resty, go-sql-driver/mysql, pgx",
		},
	} {
		components.all = nil
		for component := range strings.FieldsSeq(test.clients) {
			Client(component)
		}
		for component := range strings.FieldsSeq(test.servers) {
			Server(component)
		}
		var names []string
		for _, l := range unwrapped(all) {
			if l.Version != "v1.2.3" {
				t.Errorf("%s: version %q", l.Name, l.Version)
			}
			names = append(names, l.Name)
		}
		if got := strings.Join(names, ", "); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, test.want)
		}
	}
}

func TestAdvice(t *testing.T) {
	got := map[string]string{}
	build := &debug.BuildInfo{Deps: []*debug.Module{
		{Path: "github.com/go-redis/redis/v8"}, {Path: "github.com/go-resty/resty/v2"},
	}}
	for _, l := range linkedIn(build) {
		got[l.Name] = l.Advice()
	}
	for name, want := range map[string]string{
		"go-redis v8": "wrap its clients with github.com/gaptrace/gaptrace/contrib/redis",
		"Resty":       "create it with resty.NewWithClient(nethttp.WrapClient(nil))",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

// Names of components come from wrappers, which may be anybody's.
func TestComponentsAreBounded(t *testing.T) {
	defer func() { components.all = nil }()
	components.all = nil
	for i := range 1000 {
		call(Client(fmt.Sprint("lib ", i)))
	}
	total := int64(0)
	for _, c := range NoParent() {
		total += c.Count
	}
	if len(components.all) != maxComponents || total != 1000 {
		t.Errorf("%d components, %d calls", len(components.all), total)
	}
}
