package weaver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const repository = "../../../.."

// program is a copy of a program in testdata.
type program struct {
	*testing.T
	dir, temp string
}

// newProgram copies a program, and writes its go.mod and go.sum. The temporary folder of the test
// must be empty at its end.
func newProgram(t *testing.T, name, mod, sum string) *program {
	t.Helper()
	if testing.Short() {
		t.Skip("builds programs")
	}
	if raceDetector {
		t.Skip("builds programs, for which the race detector of this one changes nothing")
	}
	if end, ok := t.Deadline(); ok && name == "shop" && time.Until(end) < 5*time.Minute {
		t.Skip("compiles go-elasticsearch, which may take minutes; needs go test -timeout 30m")
	}
	p := &program{t, filepath.Join(t.TempDir(), name), t.TempDir()}
	if err := os.CopyFS(p.dir, os.DirFS("testdata/"+name)); err != nil {
		t.Fatal(err)
	}
	p.write("go.mod", mod)
	p.write("go.sum", sum)
	for name, value := range map[string]string{"TMPDIR": p.temp, "GOPROXY": "off", "GOWORK": "", "GOFLAGS": ""} {
		t.Setenv(name, value)
	}
	t.Cleanup(func() {
		if left, _ := os.ReadDir(p.temp); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return p
}

func (p *program) write(name, text string) {
	p.Helper()
	path := filepath.Join(p.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
		p.Fatal(err)
	}
}

// run runs gaptrace with a verb, or the go command if woven is false.
func (p *program) run(woven bool, verb string, args ...string) (stdout, stderr string, err error) {
	var out, notes bytes.Buffer
	if woven {
		err = Run(p.Context(), verb, append([]string{"-C", p.dir}, args...), Streams{nil, &out, &notes})
	} else {
		cmd := exec.CommandContext(p.Context(), "go", append([]string{verb}, args...)...)
		cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, &out, &notes
		err = cmd.Run()
	}
	return out.String(), notes.String(), err
}

func (p *program) must(woven bool, verb string, args ...string) (stdout string) {
	p.Helper()
	stdout, stderr, err := p.run(woven, verb, args...)
	if err != nil {
		p.Fatalf("%s %v: %v\n%s%s", verb, args, err, stdout, stderr)
	}
	return stdout
}

// files returns the files of the program, with their times.
func (p *program) files() (all []string) {
	p.Helper()
	if err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		all = append(all, fmt.Sprint(path, info.ModTime()))
		return err
	}); err != nil {
		p.Fatal(err)
	}
	return all
}

// tinyMod has no gaptrace, and an old Go version, so that defaults of GODEBUG differ.
const tinyMod = "module example.com/tiny\n\ngo 1.22\n"

const wovenTiny = "server true, client true, before main true\n"

func TestProgramsWithoutGaptraceInGoMod(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	before := p.files()
	plain := p.must(false, "run", ".")
	for name, args := range map[string][]string{
		"a package":       {"."},
		"a file":          {"main.go"},
		"race":            {"-race", "."},
		"trimpath":        {"-trimpath", "."},
		"two parallel":    {"-p=2", "."},
		"with a tag":      {"-tags", "some", "."},
		"with arguments":  {".", "-tags", "x"},
		"GOFLAGS changed": {"."},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "GOFLAGS changed" {
				t.Setenv("GOFLAGS", "-mod=mod -tags=other")
			}
			got := p.must(true, "run", args...)
			got, cut := strings.CutPrefix(got, "arguments: [-tags x]\n")
			if cut != (name == "with arguments") {
				t.Errorf("got the arguments %s", got)
			}
			want := strings.Replace(plain, "server false, client false, before main false\n", wovenTiny, 1)
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
	if after := p.files(); !slices.Equal(after, before) {
		t.Errorf("files before:\n%v\nafter:\n%v", before, after)
	}
}

func TestVerbs(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	bin := t.TempDir()
	t.Setenv("GOBIN", bin)
	if out := p.must(true, "test", "-v", "./..."); strings.Count(out, "--- PASS") != 2 {
		t.Error(out)
	}
	if _, _, err := p.run(false, "test", "./..."); err == nil {
		t.Error("the tests pass without weaving")
	}
	p.must(true, "install", "-trimpath", "./...")
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "tiny")).Output()
	if err != nil || !strings.HasPrefix(string(out), wovenTiny) {
		t.Errorf("%v\n%s", err, out)
	}
	binary, err := os.ReadFile(filepath.Join(bin, "tiny"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{p.dir, p.temp, "/proc/self/root", "gaptrace-woven"} {
		if bytes.Contains(binary, []byte(dir)) {
			t.Errorf("the program built with -trimpath contains %s", dir)
		}
	}
	for _, args := range [][]string{{"-cover", "./..."}, {"-coverpkg=./...", "./..."}} {
		out := p.must(true, "test", append(args, "-v")...)
		if strings.Count(out, "--- PASS") != 2 || !strings.Contains(out, "coverage: ") {
			t.Errorf("test %v: %s", args, out)
		}
	}
	var failed ExitError
	p.write("fails_test.go", "package main\n\nimport \"testing\"\n\nfunc TestFails(t *testing.T) { t.Fail() }\n")
	if _, _, err := p.run(true, "test", "."); !errors.As(err, &failed) || failed != 1 {
		t.Errorf("a failing test: %v", err)
	}
	p.write("main.go", "package main\n\nimport \"net/http\"\n\nfunc main() {\n\thttp.Nothing()\n}\n")
	if _, stderr, err := p.run(true, "build", "."); err == nil || !strings.Contains(stderr, "./main.go:6") {
		t.Errorf("the compiler's error names another file: %v\n%s", err, stderr)
	}
	p.write("main.go", "package main\n\nimport \"net/htp\"\n")
	if _, stderr, err := p.run(true, "build", "."); err == nil || !strings.Contains(stderr, "net/htp") {
		t.Errorf("%v\n%s", err, stderr)
	}
}

// The program has no tracer. Its spans are sent when main returns.
func TestTracerIsOpenedFromTheEnvironment(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	var received bytes.Buffer
	var mu sync.Mutex
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.Copy(&received, req.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer collector.Close()
	t.Setenv("JAEGER_ENDPOINT", collector.URL)
	p.must(true, "run", ".")
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"tiny", "HTTP GET", "net/http"} {
		if !bytes.Contains(received.Bytes(), []byte(want)) {
			t.Errorf("the collector has not received %q", want)
		}
	}
	if n := bytes.Count(received.Bytes(), []byte("HTTP GET")); n != 9 {
		t.Errorf("the collector has received %d spans, want one for each request, 9", n)
	}
}

func TestProfileGuidedOptimization(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	profile, err := os.ReadFile("testdata/default.pgo")
	if err != nil {
		t.Fatal(err)
	}
	p.write("default.pgo", string(profile))
	if out := p.must(true, "run", "."); !strings.Contains(out, "-pgo ") || !strings.HasPrefix(out, wovenTiny) {
		t.Error(out)
	}
}

func TestUsersWorkspace(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	p.write("lib/go.mod", "module example.com/tiny/lib\n\ngo 1.21\n")
	p.write("go.work", "go 1.23\n\nuse (\n\t.\n\t./lib\n)\n\nreplace example.com/none => ./none\n\ngodebug panicnil=1\n")
	plain := p.must(false, "run", ".")
	got := p.must(true, "run", ".")
	_, settings, _ := strings.Cut(plain, "\n")
	if want := wovenTiny + settings; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if !strings.Contains(got, "panicnil=1") {
		t.Error("GODEBUG is lost")
	}
}

// The wrappers are packages of the main module here. They cannot import themselves.
func TestGaptraceItselfInTheWorkspace(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	p.dir = repository
	p.must(true, "build", "./gap/debug")
}

func TestTwoBuildsAtOnce(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			if _, stderr, err := p.run(true, "build", "-o", filepath.Join(t.TempDir(), fmt.Sprint(i)), "."); err != nil {
				t.Errorf("%v\n%s", err, stderr)
			}
		})
	}
	wg.Wait()
}

// newProgram checks that nothing is left behind.
func TestInterruptedBuild(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	t.Setenv("GOCACHE", t.TempDir()) // so that the build takes long
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	notes, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, "build", []string{"-C", p.dir, "-o", os.DevNull, "."}, Streams{nil, io.Discard, w})
		w.Close()
	}()
	first := make([]byte, 100)
	n, err := notes.Read(first) // what was woven
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, notes)
	time.Sleep(time.Second) // the go command runs
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Errorf("no error after %s", first[:n])
		}
	case <-time.After(time.Minute):
		t.Error("still running")
	}
}

// shopMod returns the go.mod and go.sum of the program shop, with the versions of a module of the
// repository.
func shopMod(t *testing.T, of string) (mod, sum string) {
	t.Helper()
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, of, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, of, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	mod = regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(string(text), "module example.com/shop")
	mod = regexp.MustCompile(`(?m)^(replace |\t)github.com/gaptrace/gaptrace(/\S*)? .*$`).ReplaceAllString(mod, "")
	mod += "\nrequire github.com/gaptrace/gaptrace v0.0.0\n\nreplace github.com/gaptrace/gaptrace => " + root + "\n"
	return mod, string(sums)
}

// A program draws the same whether its clients are woven, wrapped by hand, or both. The options of
// wrappers by hand stay.
func TestWovenAndByHandDrawTheSame(t *testing.T) {
	for name, module := range map[string]string{"oldest versions": "", "newest versions": "internal/interop"} {
		t.Run(name, func(t *testing.T) {
			mod, sum := shopMod(t, module)
			p := newProgram(t, "shop", mod, sum)
			want := p.must(false, "run", "-tags=hand", ".")
			if strings.Count(want, "\n") < 20 {
				t.Errorf("the program by hand draws only\n%s", want)
			}
			if got := p.must(false, "run", "."); got != "" {
				t.Errorf("the raw program draws\n%s", got)
			}
			for tags, woven := range map[string]bool{"": true, "hand": true, "hand,tagged": true} {
				got := p.must(woven, "run", "-tags="+tags, ".")
				if strings.Contains(tags, "tagged") {
					spans := strings.Count(got, "component=")
					if n := strings.Count(got, "by=hand"); n != spans {
						t.Errorf("%d of %d spans are by hand:\n%s", n, spans, got)
					}
					got = strings.ReplaceAll(got, "by=hand ", "")
				}
				if got != want {
					t.Errorf("woven, with tags %q, draws\n%swant\n%s", tags, got, want)
				}
			}
		})
	}
}

func TestStackTracesNameOriginalLines(t *testing.T) {
	mod, sum := shopMod(t, "")
	p := newProgram(t, "shop", mod, sum)
	frames := func(out string) map[string]bool {
		at := map[string]bool{}
		for line := range strings.Lines(strings.ReplaceAll(out, "/proc/self/root", "")) {
			if _, place, _ := strings.Cut(line, " "); !strings.Contains(place, "gaptrace") {
				at[place] = true
			}
		}
		return at
	}
	plain, woven := frames(p.must(false, "run", ".", "stacks")), frames(p.must(true, "run", ".", "stacks"))
	if len(plain) < 20 {
		t.Fatalf("only %d frames", len(plain))
	}
	other := 0
	for place := range plain {
		if !woven[place] {
			other++ // hooks.process takes another branch if there is a hook
			t.Log(place)
		}
	}
	if other > 1 {
		t.Errorf("%d places are not in the woven program's stack traces:\n%v", other, woven)
	}
}

// A woven client makes as many allocations as one that is wrapped by hand, recorded or not.
func TestWovenClientsCostWhatClientsByHandDo(t *testing.T) {
	mod, sum := shopMod(t, "")
	p := newProgram(t, "shop", mod, sum)
	counts := func(out string) (all [][2]float64, names []string) {
		for line := range strings.Lines(out) {
			var name string
			var n [2]float64
			if _, err := fmt.Sscan(line, &name, &n[0], &n[1]); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			all, names = append(all, n), append(names, name)
		}
		return all, names
	}
	byHand, names := counts(p.must(false, "run", "-tags=hand", ".", "allocations"))
	woven, _ := counts(p.must(true, "run", ".", "allocations"))
	if len(byHand) != 5 || len(woven) != 5 {
		t.Fatalf("by hand %v, woven %v", byHand, woven)
	}
	for i, name := range names {
		t.Logf("%s: allocations with a parent and without: by hand %v, woven %v", name, byHand[i], woven[i])
		for j := range 2 {
			if math.Abs(woven[i][j]-byHand[i][j]) > 2 { // net/http's own vary
				t.Errorf("%s: %v allocations, by hand %v", name, woven[i], byHand[i])
			}
		}
	}
}

func TestVendoredPackages(t *testing.T) {
	mod, sum := shopMod(t, "")
	p := newProgram(t, "shop", mod, sum)
	p.must(false, "mod", "vendor")
	if _, _, err := p.run(true, "run", "."); err == nil || !strings.Contains(err.Error(), "gaptrace weave init && ") {
		t.Errorf("nothing to weave is vendored: %v", err)
	}

	p = newProgram(t, "tiny", strings.Replace(mod, "/shop", "/tiny", 1), sum)
	t.Chdir(p.dir)
	if err := Init(t.Context(), Streams{nil, io.Discard, io.Discard}); err != nil {
		t.Fatal(err)
	}
	if err := Init(t.Context(), Streams{nil, io.Discard, io.Discard}); err == nil {
		t.Errorf("init replaces %s", PinFile)
	}
	p.must(false, "mod", "vendor")
	t.Setenv("GOMODCACHE", t.TempDir()) // it must not be used
	t.Setenv("GOTOOLCHAIN", "local")
	if got := p.must(true, "run", "."); !strings.HasPrefix(got, wovenTiny) {
		t.Error(got)
	}
}

func TestErrors(t *testing.T) {
	const main = "package main\n\nimport (\n\t_ \"net/http\"\n\t\"google.golang.org/grpc\"\n)\n\nfunc main() { grpc.NewServer() }\n"
	for name, c := range map[string]struct {
		mod, file, text string
		args            []string
		want            string
	}{
		"no module": {"", "", "", []string{"."}, "no go.mod"},
		"a version": {tinyMod, "", "", []string{"example.com/x@v1.0.0"}, "cannot weave example.com/x@v1.0.0"},
		"-mod=mod":  {tinyMod, "", "", []string{"-mod=mod", "."}, "cannot weave with -mod=mod"},
		"-cover":    {tinyMod, "", "", []string{"-cover", "."}, "cannot weave with -cover"},
		"-modfile":  {tinyMod, "", "", []string{"-modfile=go.mod", "."}, "cannot weave with -modfile"},
		"a library that has changed": {
			tinyMod + "\nrequire google.golang.org/grpc v1.99.0\n\nreplace google.golang.org/grpc => ./grpc\n", "main.go", main,
			[]string{"."},
			"cannot weave google.golang.org/grpc v1.99.0: it has no function NewClient, NewServer",
		},
		"a module that is missing": { // a workspace needs it, and the program alone does not
			tinyMod + "\nrequire (\n\tgoogle.golang.org/grpc v1.99.0\n\texample.com/missing v1.0.0\n)\n\n" +
				"replace google.golang.org/grpc => ./grpc\n\nreplace example.com/missing => ./missing\n", "main.go", main,
			[]string{"."},
			"missing): reading missing/go.mod: open ",
		},
		"an older gaptrace": {
			tinyMod + "\nrequire " + rootModule + " v0.0.1\n\nreplace " + rootModule + " => ./grpc\n", "", "",
			[]string{"."},
			"has nothing to weave; run: go get",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProgram(t, "tiny", c.mod, "")
			if c.mod == "" {
				if err := os.Remove(filepath.Join(p.dir, "go.mod")); err != nil {
					t.Fatal(err)
				}
			}
			p.write("grpc/go.mod", "module google.golang.org/grpc\n\ngo 1.22\n")
			p.write("grpc/grpc.go", "package grpc\n\nfunc NewServer() {}\n")
			if c.file != "" {
				p.write(c.file, c.text)
			}
			_, stderr, err := p.run(true, "build", c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\n%swant %s", err, stderr, c.want)
			}
		})
	}
}

func TestTwoGoReleases(t *testing.T) {
	for _, release := range []string{"go1.26.11", "go1.27.4"} {
		t.Run(release, func(t *testing.T) {
			p := newProgram(t, "tiny", tinyMod, "")
			t.Setenv("GOTOOLCHAIN", release)
			if _, stderr, err := p.run(false, "version"); err != nil {
				t.Skipf("%s is not here: %s", release, stderr)
			}
			if out := p.must(true, "run", "."); !strings.HasPrefix(out, wovenTiny) {
				t.Error(out)
			}
		})
	}
}
