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

	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// A suite is a module with copies of other people's packages and of their tests, edited so that calls pass
// calls of these tests pass. It is built once; whether the calls are wrapped is said when the tests run.
type suite struct {
	*testing.T
	module, dir string
	packages    []string // their directories in dir
}

// least is what a package of a suite must come to for its tests to have said something.
type least struct{ passes, spans int }

// spans goes into each suite, as its package of that name. Run has the spans that tests draw counted: each must be
// finished, and no more than once.
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
	for n := 0; n < 500; n++ { // results that a test never closed are the garbage collector's to report
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

// newSuite makes a module written in the Go of pkg's. It joins the house's workspace, so that what it imports has the
// house's versions, and is compiled already.
func newSuite(t *testing.T, module, pkg string) *suite {
	t.Helper()
	s := &suite{T: t, module: module, dir: servers.ProgramDir(t)}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.work", "go.work.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		s.write(name, strings.ReplaceAll(string(text), "\t.", "\t"+root))
	}
	s.edit("go.work", 1, "use (\n", "use (\n\t.\n")
	s.write("go.mod", "module "+module+"\n\ngo "+s.list("{{with .Module}}{{.GoVersion}}{{else}}1.26.0{{end}}", pkg)+"\n")
	s.write("spans/spans.go", spans)
	return s
}

// add copies a package with its tests to dir, without the files that without matches. Paths that it imports are
// replaced, each by the one behind it.
func (s *suite) add(dir, pkg, without string, paths ...string) {
	s.Helper()
	from := s.list("{{.Dir}}", pkg)
	files, err := os.ReadDir(from)
	if err != nil {
		s.Fatal(err)
	}
	for i := range paths {
		paths[i] = `"` + paths[i] + `"`
	}
	imports := strings.NewReplacer(paths...)
	for _, file := range files {
		name := file.Name()
		if name == "testdata" {
			if err := os.CopyFS(filepath.Join(s.dir, dir, name), os.DirFS(filepath.Join(from, name))); err != nil {
				s.Fatal(err)
			}
		}
		if out, _ := path.Match(without, name); out || path.Ext(name) != ".go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			s.Fatal(err)
		}
		s.write(path.Join(dir, name), imports.Replace(string(text)))
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

// edit replaces text that must stand so many times in a copied file: what has changed is to be looked at anew.
func (s *suite) edit(name string, times int, before, after string) {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.Fatal(err)
	}
	if n := strings.Count(string(text), before); n != times {
		s.Fatalf("%q stands %d times in %s, not %d", before, n, name, times)
	}
	s.write(name, strings.ReplaceAll(string(text), before, after))
}

// endAlike runs the tests of all packages, raw and then wrapped, and fails where they do not end the same, or where a
// package, under the last name of its path, does not come to what is expected of it.
func (s *suite) endAlike(expected map[string]least, env []string, flags ...string) {
	s.Helper()
	from := time.Now()
	build := []string{"test", "-c", "-vet=off", "-o", "bin/"}
	for _, dir := range s.packages {
		build = append(build, "./"+dir)
	}
	s.run(s.dir, s.env(), build...)
	s.Logf("built in %v", time.Since(from).Round(time.Millisecond))
	raw, wrapped, drawn := map[string]map[string]string{}, map[string]map[string]string{}, map[string]int{}
	for _, dir := range s.packages { // all raw first: the wrapped ones are not to meet ports that were in use just now
		raw[dir], _ = s.ends(dir, "raw", append(s.env(), env...), flags)
	}
	for _, dir := range s.packages {
		wrapped[dir], drawn[dir] = s.ends(dir, "wrapped", append(s.env(), append(env, "GAPTRACE_WRAPPED=1")...), flags)
	}
	for _, dir := range s.packages {
		names := maps.Clone(raw[dir])
		maps.Copy(names, wrapped[dir])
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if raw[dir][name] != wrapped[dir][name] {
				s.Errorf("%s: %q raw, %q wrapped", name, raw[dir][name], wrapped[dir][name])
			}
		}
		got := least{count(wrapped[dir])["pass"], drawn[dir]}
		if want := expected[s.name(dir)]; want == (least{}) || got.passes < want.passes || got.spans < want.spans {
			s.Errorf("%s came to %+v, not %+v", s.name(dir), got, want)
		}
	}
}

// ends runs the tests of a package, and tells how each ended and how many spans were drawn.
func (s *suite) ends(dir, how string, env, flags []string) (results map[string]string, drawn int) {
	s.Helper()
	from := time.Now()
	cmd := exec.CommandContext(s.Context(), "go", append([]string{
		"tool", "test2json", filepath.Join(s.dir, "bin", s.name(dir)+".test"),
		"-test.v=test2json", "-test.paniconexit0", "-test.timeout=5m",
	}, flags...)...)
	cmd.Dir, cmd.Env = filepath.Join(s.dir, dir), env
	out, err := cmd.Output()
	results = map[string]string{}
	var said strings.Builder
	for line := range bytes.Lines(out) {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(line, &event) != nil {
			continue
		}
		said.WriteString(event.Output)
		_, _ = fmt.Sscanf(event.Output, "spans: %d started", &drawn)
		switch {
		case event.Test == "":
		case event.Action == "pass", event.Action == "fail", event.Action == "skip":
			results[event.Test] = event.Action
		case strings.Contains(event.Output, " ns/op"): // all that is said of a benchmark that was well
			results[event.Test] = "pass"
		}
	}
	s.Logf("%s %s: %v, %d spans, in %v", s.name(dir), how, count(results), drawn, time.Since(from).Round(time.Millisecond))
	if err != nil {
		s.Errorf("%s %s: %v\n%s", s.name(dir), how, err, said.String())
	}
	return results, drawn
}

func count(results map[string]string) map[string]int {
	counts := map[string]int{}
	for _, end := range results {
		counts[end]++
	}
	return counts
}

// name is what the go command calls the package in dir.
func (s *suite) name(dir string) string { return path.Base(path.Join(s.module, dir)) }

func (s *suite) env() []string {
	return append(os.Environ(), "GOWORK="+filepath.Join(s.dir, "go.work"), "GOFLAGS=")
}

// list asks the root, which requires all that is wrapped, about a package.
func (s *suite) list(format, pkg string) string {
	s.Helper()
	return s.run("../../..", os.Environ(), "list", "-f", format, pkg)
}

// run runs the go command, and returns what it prints.
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
