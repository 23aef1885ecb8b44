package suites_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	// go test caches a result by what the test imports, so these are the wrappers that the suites
	// use.
	_ "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	_ "github.com/gaptrace/gaptrace/contrib/nethttp"
	_ "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// suite is a module with copies of packages and of their tests. The copies are edited so that their
// calls pass through a wrapper if GAPTRACE_WRAPPED is set when the tests run.
type suite struct {
	*testing.T
	module, dir string
	packages    []string // their directories in dir
}

// minimum is the least that a package's tests must reach: otherwise they did not test the wrapper.
type minimum struct{ passes, spans int }

// spans is the source of a package of each suite. Its Run counts the spans of the tests: each must
// finish, exactly once.
const spans = `package spans

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

var Wrapped = os.Getenv("GAPTRACE_WRAPPED") != ""

var Tracer = &counting{MockTracer: mocktracer.New()}

type counting struct {
	*mocktracer.MockTracer
	started atomic.Int64
}

func (c *counting) StartSpan(name string, opts ...opentracing.StartSpanOption) opentracing.Span {
	c.started.Add(1)
	return c.MockTracer.StartSpan(name, opts...)
}

func Run(m interface{ Run() int }) (code int) {
	code = m.Run()
	var started, finished, distinct int
	for n := 0; n < 500; n++ { // a result that is never closed reports its span when it is collected
		runtime.GC()
		spans := map[*mocktracer.MockSpan]bool{}
		started, finished = int(Tracer.started.Load()), 0
		for _, span := range Tracer.FinishedSpans() {
			finished++
			spans[span] = true
		}
		if distinct = len(spans); distinct == started {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Printf("\nspans: %d started, %d finished\n", started, finished)
	if finished != started || distinct != started || !Wrapped && started > 0 {
		code = 1
	}
	return code
}
`

// newSuite returns a module with the go directive of pkg's module. It joins a copy of the project's
// workspace, so that its dependencies have the same versions, and are in the build cache.
func newSuite(t *testing.T, module, pkg string) *suite {
	t.Helper()
	s := &suite{T: t, module: module, dir: servers.ProgramDir(t)}
	root := spantest.Must(filepath.Abs("../../.."))(t)
	for _, name := range []string{"go.work", "go.work.sum"} {
		text := spantest.Must(os.ReadFile(filepath.Join(root, name)))(t)
		s.write(name, strings.NewReplacer("\t.", "\t"+root, "=> .", "=> "+root).Replace(string(text)))
	}
	s.edit("go.work", 1, "use (\n", "use (\n\t.\n")
	version := s.list("{{with .Module}}{{.GoVersion}}{{else}}1.26.0{{end}}", pkg)
	s.write("go.mod", "module "+module+"\n\ngo "+version+"\n")
	s.write("spans/spans.go", spans)
	return s
}

// copyPackage copies a package with its tests to dir, except for the files whose names match
// without. imports holds pairs of import paths, old and new, to replace.
func (s *suite) copyPackage(dir, pkg, without string, imports ...string) {
	s.Helper()
	from := s.list("{{.Dir}}", pkg)
	for i := range imports {
		imports[i] = `"` + imports[i] + `"`
	}
	replacer := strings.NewReplacer(imports...)
	for _, file := range spantest.Must(os.ReadDir(from))(s) {
		name := file.Name()
		if name == "testdata" {
			if err := os.CopyFS(filepath.Join(s.dir, dir, name), os.DirFS(filepath.Join(from, name))); err != nil {
				s.Fatal(err)
			}
		}
		if skip, _ := path.Match(without, name); skip || path.Ext(name) != ".go" {
			continue
		}
		text := spantest.Must(os.ReadFile(filepath.Join(from, name)))(s)
		s.write(path.Join(dir, name), replacer.Replace(string(text)))
	}
	s.packages = append(s.packages, dir)
}

func (s *suite) write(name, text string) {
	s.Helper()
	name = filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// edit replaces text in a copied file. It fails if the text does not occur the given number of
// times, since then a new version has changed what the edit relies on.
func (s *suite) edit(name string, times int, before, after string) {
	s.Helper()
	text := string(spantest.Must(os.ReadFile(filepath.Join(s.dir, name)))(s))
	if n := strings.Count(text, before); n != times {
		s.Fatalf("%s: %q occurs %d times, want %d", name, before, n, times)
	}
	s.write(name, strings.ReplaceAll(text, before, after))
}

// wantSameResults runs the tests of all packages, raw and then wrapped. It fails if a result
// differs, or if a package, named as packageName does, does not reach its minimum.
func (s *suite) wantSameResults(minimums map[string]minimum, env []string, flags ...string) {
	s.Helper()
	from := time.Now()
	build := []string{"test", "-c", "-vet=off", "-o", "bin/"}
	for _, dir := range s.packages {
		build = append(build, "./"+dir)
	}
	s.run(s.dir, s.env(), build...)
	s.Logf("built in %v", time.Since(from).Round(time.Millisecond))

	// All raw runs come first, so that no wrapped run meets a port that was in use just before.
	raw, wrapped := map[string]results{}, map[string]results{}
	for _, dir := range s.packages {
		raw[dir] = s.test(dir, "raw", append(s.env(), env...), flags)
	}
	for _, dir := range s.packages {
		wrapped[dir] = s.test(dir, "wrapped", append(s.env(), append(env, "GAPTRACE_WRAPPED=1")...), flags)
	}
	for _, dir := range s.packages {
		tests := maps.Clone(raw[dir].byTest)
		maps.Copy(tests, wrapped[dir].byTest)
		for _, test := range slices.Sorted(maps.Keys(tests)) {
			if r, w := raw[dir].byTest[test], wrapped[dir].byTest[test]; r != w {
				s.Errorf("%s: %q raw, %q wrapped", test, r, w)
			}
		}
		got := minimum{wrapped[dir].counts()["pass"], wrapped[dir].spans}
		want := minimums[s.packageName(dir)]
		if want == (minimum{}) || got.passes < want.passes || got.spans < want.spans {
			s.Errorf("%s: %+v, want at least %+v", s.packageName(dir), got, want)
		}
	}
}

// results are those of one run of a package's tests.
type results struct {
	byTest map[string]string // "pass", "fail" or "skip"
	spans  int
}

// counts returns how many tests passed, failed and were skipped.
func (r results) counts() map[string]int {
	counts := map[string]int{}
	for _, result := range r.byTest {
		counts[result]++
	}
	return counts
}

// test runs the tests of a package. how names the run in messages.
func (s *suite) test(dir, how string, env, flags []string) results {
	s.Helper()
	from := time.Now()
	cmd := exec.CommandContext(s.Context(), "go", append([]string{
		"tool", "test2json", filepath.Join(s.dir, "bin", s.packageName(dir)+".test"),
		"-test.v=test2json", "-test.paniconexit0", "-test.timeout=5m",
	}, flags...)...)
	cmd.Dir, cmd.Env = filepath.Join(s.dir, dir), env
	out, err := cmd.Output()
	r := results{byTest: map[string]string{}}
	var output strings.Builder
	for line := range bytes.Lines(out) {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(line, &event) != nil {
			continue
		}
		output.WriteString(event.Output)
		_, _ = fmt.Sscanf(event.Output, "spans: %d started", &r.spans)
		switch {
		case event.Test == "":
		case event.Action == "pass", event.Action == "fail", event.Action == "skip":
			r.byTest[event.Test] = event.Action
		case strings.Contains(event.Output, " ns/op"): // a benchmark that succeeds has no other event
			r.byTest[event.Test] = "pass"
		}
	}
	duration := time.Since(from).Round(time.Millisecond)
	s.Logf("%s %s: %v, %d spans, in %v", s.packageName(dir), how, r.counts(), r.spans, duration)
	if err != nil {
		s.Errorf("%s %s: %v\n%s", s.packageName(dir), how, err, output.String())
	}
	return r
}

// packageName returns the last element of a package's import path.
func (s *suite) packageName(dir string) string { return path.Base(path.Join(s.module, dir)) }

func (s *suite) env() []string {
	return append(os.Environ(), "GOWORK="+filepath.Join(s.dir, "go.work"), "GOFLAGS=")
}

// list runs go list in the project's root module, which requires every wrapped library.
func (s *suite) list(format, pkg string) string {
	s.Helper()
	return s.run("../../..", os.Environ(), "list", "-f", format, pkg)
}

// run runs the go command, and returns its output.
func (s *suite) run(dir string, env []string, args ...string) string {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, env
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &errs)
	}
	return strings.TrimSpace(string(out))
}
