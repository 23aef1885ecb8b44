package weaver

import (
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// environMain prints the environment as a package sees it that is initialized before main, and as
// main sees it.
const environMain = `package main

import (
	"fmt"
	_ "net/http"
	"os"

	"example.com/tiny/early"
)

func main() {
	for _, kv := range append(early.Environ, os.Environ()...) {
		fmt.Println("env:", kv)
	}
}
`

// environTest prints the environment of a test.
const environTest = `package %

import (
	"fmt"
	"os"
	"testing"
)

func TestEnviron(t *testing.T) {
	for _, kv := range os.Environ() {
		fmt.Println("env:", kv)
	}
}
`

func TestProgramsHaveTheUsersEnvironment(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	p.write("early/early.go", "package early\n\nimport \"os\"\n\nvar Environ = os.Environ()\n")
	p.write("environ/main.go", environMain)
	p.write("environ/main_test.go", strings.Replace(environTest, "%", "main", 1))
	p.write("early/early_test.go", strings.Replace(environTest, "%", "early_test", 1)) // it uses no library
	t.Setenv("GOFLAGS", "-tags=mine")
	t.Setenv("GOTMPDIR", p.temp)
	t.Setenv("GAPTRACE_MINE", "")
	for _, args := range [][]string{
		{"run", "./environ"},
		{"run", "environ/main.go"},
		{"test", "-v", "./environ", "./early"},
		{"test", "-v", "-cover", "./environ", "./early"},
		{"test", "-v", "./early"}, // nothing to weave
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			variables := func(woven bool) (all []string) {
				for line := range strings.Lines(p.must(woven, args[0], args[1:]...)) {
					kv, ok := strings.CutPrefix(line, "env: ")
					// p starts gaptrace with -C, which leaves PWD. Each test has its own GOCOVERDIR.
					if ok && !strings.HasPrefix(kv, "PWD=") && !strings.HasPrefix(kv, "GOCOVERDIR=") {
						all = append(all, kv)
					}
				}
				slices.Sort(all)
				return all
			}
			plain, woven := variables(false), variables(true)
			if !slices.Contains(plain, "GOFLAGS=-tags=mine\n") || !slices.Contains(plain, "GOTMPDIR="+p.temp+"\n") {
				t.Fatalf("without weaving: %q", plain)
			}
			for _, kv := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(plain, woven)))) {
				count := func(in []string) (n int) {
					for _, other := range in {
						if other == kv {
							n++
						}
					}
					return n
				}
				if without, with := count(plain), count(woven); without != with {
					t.Errorf("%q: %d times without weaving, %d times with it", kv, without, with)
				}
			}
		})
	}
}

func TestLibrariesAnswerTheSame(t *testing.T) {
	mod, sum := shopMod(t, "")
	p := newProgram(t, "asks", strings.Replace(mod, "/shop", "/asks", 1), sum)
	lines := func(woven bool) []string {
		return slices.Sorted(strings.Lines(p.must(woven, "run", ".")))
	}
	plain, woven := lines(false), lines(true)
	if !slices.Equal(plain, woven) || len(plain) != 3+5*3 {
		t.Errorf("without weaving:\n%swith it:\n%s", strings.Join(plain, ""), strings.Join(woven, ""))
	}
}

// standsAlone is a main that prints whether it is woven. It imports no package of its module.
const standsAlone = `package main

import (
	"fmt"
	_ "net/http"
	"runtime"
	"strings"
)

func main () {
	pc, _, line, _ := runtime.Caller(0)
	fmt.Println("woven:", strings.HasPrefix(runtime.FuncForPC(pc).Name(), "main.gaptrace"), "line:", line)
}
`

const standsAloneWoven = "woven: true line: 11\n"

// standsAloneTest passes if its HTTP client is woven.
const standsAloneTest = `package alone_test

import (
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"testing"
)

func TestWoven(t *testing.T) {
	woven := false
	(&http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		woven = strings.Contains(string(debug.Stack()), "gaptrace/contrib/nethttp.")
		return nil, http.ErrServerClosed
	}}}).Get("http://127.0.0.1:1")
	if !woven {
		t.Error("not woven")
	}
}
`

const byteOrderMark = "\xef\xbb\xbf"

func TestUnusualSources(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		args  []string
		want  string
	}{
		"a file": {
			map[string]string{"alone/main.go": standsAlone}, []string{"run", "alone/main.go"}, standsAloneWoven,
		},
		"a byte order mark": {
			map[string]string{"alone/main.go": byteOrderMark + standsAlone}, []string{"run", "./alone"}, standsAloneWoven,
		},
		"a test file": {
			map[string]string{"alone/alone_test.go": standsAloneTest}, []string{"test", "./alone/alone_test.go"}, "ok",
		},
		"only external tests": {
			map[string]string{"alone/alone_test.go": standsAloneTest}, []string{"test", "./alone"}, "ok",
		},
		"a flag of the test binary": {
			map[string]string{"alone/alone_test.go": standsAloneTest},
			[]string{"test", "-test.run", "TestWoven", "./alone"},
			"ok",
		},
		"a package that only its external tests make use a library": {
			map[string]string{"alone/alone.go": "package alone\n", "alone/alone_test.go": standsAloneTest},
			[]string{"test", "./alone"},
			"ok",
		},
		"a package named as external tests": {
			map[string]string{
				"alone/alone.go":  "package alone_test\n\nimport \"net/http\"\n\nvar _ = http.Get\n",
				"alone/a_test.go": strings.NewReplacer("alone_test", "alone_test_test").Replace(standsAloneTest),
				"main.go":         "package main\n\nimport _ \"example.com/tiny/alone\"\n\nfunc main() {}\n",
			},
			[]string{"test", "./alone"},
			"ok",
		},
		"and its coverage": {
			map[string]string{
				"alone/alone.go":  "package alone_test\n\nimport \"net/http\"\n\nvar _ = http.Get\n",
				"alone/a_test.go": strings.NewReplacer("alone_test", "alone_test_test").Replace(standsAloneTest),
			},
			[]string{"test", "-cover", "./alone"},
			"ok",
		},
		"and a program with it": {
			map[string]string{
				"alone/alone.go": "package alone_test\n\nimport \"net/http\"\n\nvar _ = http.Get\n",
				"main.go":        strings.Replace(standsAlone, `_ "net/http"`, `_ "example.com/tiny/alone"`, 1),
			},
			[]string{"run", "."},
			standsAloneWoven,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProgram(t, "tiny", tinyMod, "")
			for name, text := range c.files {
				p.write(name, text)
			}
			if got := p.must(true, c.args[0], c.args[1:]...); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A file in the user's overlay replaces another one, is removed, or is in a folder that does not
// exist.
func TestUsersOverlay(t *testing.T) {
	p := newProgram(t, "tiny", tinyMod, "")
	p.write("other.txt", standsAlone)
	p.write("alone/main.go", "package main\n\nfunc main() { println(\"not replaced\") }\n")
	p.write("alone/removed.go", "package main\n\nvar Removed int = \"wrong\"\n")
	p.write("go.txt", tinyMod+"\ngodebug panicnil=1\n")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(p.dir, "alone/main.go"): "other.txt",
		"alone/removed.go":                    "",
		"nowhere/./main.go":                   filepath.Join(p.dir, "other.txt"),
		"go.mod":                              "go.txt",
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.write("overlay.json", string(text))
	for _, args := range [][]string{
		{"-overlay=overlay.json", "./alone"},
		{"-overlay", filepath.Join(p.dir, "overlay.json"), "./nowhere"},
		{"-overlay", "overlay.json", "nowhere/main.go"},
	} {
		if got := p.must(true, "run", args...); got != standsAloneWoven {
			t.Errorf("%v: got %s", args, got)
		}
	}
	t.Setenv("GOFLAGS", "-overlay="+filepath.Join(p.dir, "overlay.json"))
	binary := filepath.Join(t.TempDir(), "alone")
	p.must(true, "build", "-o", binary, "./alone")
	if info, err := buildinfo.ReadFile(binary); err != nil || !strings.Contains(info.String(), "panicnil=1") {
		t.Errorf("go.mod is not replaced: %v\n%v", err, info)
	}
}

// A program's name and its path are those that the go command gives it.
func TestNamesOfPrograms(t *testing.T) {
	p := newProgram(t, "tiny", strings.Replace(tinyMod, "example.com/tiny", "example.com/tiny/v3", 1), "")
	for _, name := range []string{"main.go", "cmd/other/main.go", "cmd/other/files.go"} {
		p.write(name, standsAlone)
	}
	if err := os.RemoveAll(filepath.Join(p.dir, "lib")); err != nil {
		t.Fatal(err)
	}
	builds := [][]string{{}, {"."}, {"./cmd/other/files.go"}, {"main.go"}}
	if _, err := exec.LookPath("gcc"); err == nil {
		p.write("cgo/first.go", strings.Replace(standsAlone, "import (", "import \"C\"\n\nimport (", 1))
		builds = append(builds, []string{"cgo/first.go"})
	}
	p.write("cmd/one/main.go", standsAlone)
	builds = append(builds, []string{"./cmd/one"}, []string{"-o", "out/", "./cmd/one", "."})
	for _, args := range builds {
		made := func(woven bool) (all []string) {
			p.must(woven, "build", args...)
			err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() || slices.Contains([]string{".go", ".mod", ".sum"}, filepath.Ext(path)) {
					return err
				}
				info, err := buildinfo.ReadFile(path)
				if err != nil {
					return err
				}
				rel, err := filepath.Rel(p.dir, path)
				all = append(all, rel+" "+info.Path+" "+info.Main.Path+" "+info.Main.Version)
				return errors.Join(err, os.Remove(path))
			})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		plain, woven := made(false), made(true)
		if len(plain) == 0 || !slices.Equal(plain, woven) {
			t.Errorf("build %v makes %q; woven %q", args, plain, woven)
		}
	}
}

func TestOtherSystems(t *testing.T) {
	for _, target := range []string{"windows/amd64", "darwin/arm64", "js/wasm"} {
		t.Run(target, func(t *testing.T) {
			if target != "windows/amd64" && os.Getenv("GAPTRACE_ALL_SYSTEMS") == "" {
				t.Skip("skipped: it compiles the standard library; .ci/full sets GAPTRACE_ALL_SYSTEMS=1")
			}
			p := newProgram(t, "tiny", tinyMod, "")
			system, arch, _ := strings.Cut(target, "/")
			t.Setenv("GOOS", system)
			t.Setenv("GOARCH", arch)
			p.must(true, "build", "-o", filepath.Join(t.TempDir(), "tiny"), ".")
		})
	}
}
