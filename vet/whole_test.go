package vet

import (
	"fmt"
	"go/token"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"
)

const wholeModule = "example.com/whole"

// libraries are the fakes of testdata/src that the packages of testdata/whole use.
var libraries = []string{
	"github.com/gaptrace/gaptrace", "github.com/go-redis/redis/v8", "github.com/opentracing/opentracing-go",
	"google.golang.org/grpc", "github.com/elastic/go-elasticsearch/v8",
}

// wholeProgram loads the packages of testdata/whole as a module, once for all tests.
var wholeProgram = sync.OnceValues(func() (pkgs []*packages.Package, err error) {
	dir, err := os.MkdirTemp("", "whole")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var mod strings.Builder
	mod.WriteString("module " + wholeModule + "\n\ngo 1.26.0\n")
	for i, l := range libraries {
		to := filepath.Join(dir, "libraries", strconv.Itoa(i))
		if err := os.CopyFS(to, os.DirFS(filepath.Join("testdata/src", filepath.FromSlash(l)))); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(to, "go.mod"), []byte("module "+l+"\n\ngo 1.26.0\n"), 0o600); err != nil {
			return nil, err
		}
		version := "v1.0.0"
		if strings.HasSuffix(l, "/v8") {
			version = "v8.0.0"
		}
		mod.WriteString(fmt.Sprintf("\nrequire %s %s\n\nreplace %s => ../libraries/%d\n", l, version, l, i))
	}
	module := filepath.Join(dir, "module")
	if err := os.CopyFS(module, os.DirFS("testdata/whole")); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(module, "go.mod"), []byte(mod.String()), 0o600); err != nil {
		return nil, err
	}
	return packages.Load(&packages.Config{
		Mode:  packages.LoadAllSyntax | packages.NeedModule | packages.NeedForTest,
		Dir:   module,
		Env:   append(os.Environ(), "GO111MODULE=on", "GOWORK=off", "GOPROXY=off", "GOFLAGS="),
		Tests: true,
	}, "./...")
})

// loadCase returns the packages of a folder of testdata/whole, without the main functions of tests.
func loadCase(t *testing.T, name string) (pkgs []*packages.Package) {
	t.Helper()
	all, err := wholeProgram()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		path := strings.TrimSuffix(p.PkgPath, "_test")
		if (name == "" || strings.HasPrefix(path+"/", wholeModule+"/"+name+"/")) && !strings.HasSuffix(path, ".test") {
			pkgs = append(pkgs, p)
		}
	}
	if len(pkgs) == 0 {
		t.Fatalf("no package of %q was loaded: %v", name, all)
	}
	return pkgs
}

// analyzed runs [Analyzer] on all packages, once for all tests.
var analyzed = sync.OnceValues(func() (*checker.Graph, error) {
	pkgs, err := wholeProgram()
	if err != nil {
		return nil, err
	}
	return checker.Analyze([]*analysis.Analyzer{Analyzer}, pkgs, nil)
})

// analyze returns what [Analyzer] finds in packages, one finding a line.
func analyze(t *testing.T, pkgs []*packages.Package) (lines []string) {
	t.Helper()
	graph, err := analyzed()
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range graph.Roots {
		if !slices.Contains(pkgs, act.Package) {
			continue
		}
		if act.Err != nil {
			t.Error(act.Err)
		}
		lines = append(lines, diagnostics(act)...)
	}
	return lines
}

var (
	wanted  = regexp.MustCompile("// (want|whole|modular) (`.*`)")
	pattern = regexp.MustCompile("`([^`]*)`")
)

// expect compares findings with the comments of the packages' files. Comments that begin with want
// or with the given word say what is found in their line.
func expect(t *testing.T, pkgs []*packages.Package, word string, found []string) {
	t.Helper()
	left := slices.Clone(found)
	for _, p := range pkgs {
		for _, f := range p.Syntax {
			for _, group := range f.Comments {
				for _, c := range group.List {
					m := wanted.FindStringSubmatch(c.Text)
					at := p.Fset.Position(c.Pos())
					if m == nil || m[1] != "want" && m[1] != word {
						continue
					}
					for _, want := range pattern.FindAllStringSubmatch(m[2], -1) {
						line := regexp.QuoteMeta(fmt.Sprintf("%s:%d:", at.Filename, at.Line))
						i := slices.IndexFunc(left, regexp.MustCompile("^"+line+`\d+: .*`+want[1]).MatchString)
						if i < 0 {
							t.Errorf("%s: not found: %s", at, want[1])
							continue
						}
						left = slices.Delete(left, i, i+1)
					}
				}
			}
		}
	}
	for _, f := range left {
		t.Errorf("not expected: %s", f)
	}
}

// TestPrograms checks programs of several packages with [Check] and with [Analyzer].
func TestPrograms(t *testing.T) {
	for _, name := range []string{
		"wrappedbymain", "notwrapped", "wrapsitself", "served", "servednotwrapped", "cycle", "generics", "notracer",
		"tracerelsewhere", "noclients", "detached", "broken", "library",
	} {
		t.Run(name, func(t *testing.T) {
			pkgs := loadCase(t, name)
			t.Run("whole", func(t *testing.T) { expect(t, pkgs, "whole", findings(Check(pkgs, Options{}), "")) })
			t.Run("modular", func(t *testing.T) { expect(t, pkgs, "modular", analyze(t, pkgs)) })
		})
	}
}

// TestOrder checks the packages of all programs together: neither their order nor an earlier check
// changes the result.
func TestOrder(t *testing.T) {
	pkgs := slices.DeleteFunc(loadCase(t, ""), func(p *packages.Package) bool { return p.ForTest != "" })
	first := Check(pkgs, Options{})
	if len(first.Findings) == 0 || len(first.Skipped) == 0 {
		t.Fatal("nothing was found")
	}
	again := Check(pkgs, Options{})
	if !reflect.DeepEqual(first, again) {
		t.Error("a second check has another result")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		random.Shuffle(len(pkgs), func(i, j int) { pkgs[i], pkgs[j] = pkgs[j], pkgs[i] })
		other := Check(pkgs, Options{})
		compareFindings(t, findings(other, ""), findings(first, ""))
		if !reflect.DeepEqual(first, other) {
			t.Error("another order of the packages gives another result")
		}
	}
}

// TestSkipped counts calls that have no context because none is in scope.
func TestSkipped(t *testing.T) {
	const path = wholeModule + "/notinscope"
	r := Check(loadCase(t, "notinscope"), Options{})
	if len(r.Findings) > 0 {
		t.Errorf("found: %v", findings(r, ""))
	}
	want := []Skipped{{path, "GT101", 1}, {path, "GT301", 2}, {path, "GT302", 1}, {path, "GT303", 1}}
	if !slices.Equal(r.Skipped, want) {
		t.Errorf("skipped: %v, want %v", r.Skipped, want)
	}
	r = Check(loadCase(t, "notinscope"), Options{Rules: []string{"GT303", "GT9"}})
	if !slices.Equal(r.Skipped, want[3:]) {
		t.Errorf("with one rule: skipped: %v, want %v", r.Skipped, want[3:])
	}
}

// TestTestFiles finds clients in files of tests only if asked, and each once.
func TestTestFiles(t *testing.T) {
	pkgs := loadCase(t, "tested")
	for tests, want := range map[bool]map[string]int{
		false: {"tested.go": 1},
		true:  {"tested.go": 1, "tested_test.go": 1, "outside_test.go": 1},
	} {
		found := map[string]int{}
		for _, f := range Check(pkgs, Options{Tests: tests}).Findings {
			found[filepath.Base(f.Pos.Filename)]++
		}
		if !maps.Equal(found, want) {
			t.Errorf("with tests %v: findings by file: %v, want %v", tests, found, want)
		}
	}
}

// TestSelectedRules selects rules by their beginnings.
func TestSelectedRules(t *testing.T) {
	pkgs := loadCase(t, "notwrapped")
	for _, test := range []struct {
		rules string
		want  []string
	}{
		{"", []string{"GT101", "GT101", "GT103", "GT103", "GT105"}},
		{"GT103", []string{"GT103", "GT103"}},
		{"GT1", []string{"GT101", "GT101", "GT103", "GT103", "GT105"}},
		{"GT105,GT101", []string{"GT101", "GT101", "GT105"}},
		{"GT2", nil},
	} {
		var found []string
		o := Options{}
		if test.rules != "" {
			o.Rules = strings.Split(test.rules, ",")
		}
		for _, f := range Check(pkgs, o).Findings {
			found = append(found, f.Rule)
		}
		slices.Sort(found)
		if !slices.Equal(found, test.want) {
			t.Errorf("rules %q: found %v, want %v", test.rules, found, test.want)
		}
	}
}

// TestInfo checks which findings are hints.
func TestInfo(t *testing.T) {
	info := map[string]bool{}
	for _, f := range Check(loadCase(t, "notracer"), Options{}).Findings {
		info[f.Rule] = f.Info
		if f.Package != wholeModule+"/notracer" {
			t.Errorf("%s: its package is %s", f.Message, f.Package)
		}
		if f.End.Offset <= f.Pos.Offset {
			t.Errorf("%s: it ends at %v, before it begins at %v", f.Message, f.End, f.Pos)
		}
	}
	if want := map[string]bool{"GT103": false, "GT501": true}; !maps.Equal(info, want) {
		t.Errorf("found with info: %v, want %v", info, want)
	}
}

// TestCgo checks that no edit is in a file that cgo has written.
func TestCgo(t *testing.T) {
	pkgs := loadCase(t, "cgo")
	if len(pkgs[0].Syntax) == 0 {
		t.Skip("there is no C compiler")
	}
	expect(t, pkgs, "whole", findings(Check(pkgs, Options{}), ""))
	expect(t, pkgs, "modular", analyze(t, pkgs))
	fixed := map[string]bool{}
	for _, f := range Check(pkgs, Options{}).Findings {
		for _, e := range f.Edits {
			name := pkgs[0].Fset.File(e.Pos).Name()
			fixed[filepath.Base(name)] = true
			if !slices.Contains(pkgs[0].GoFiles, name) {
				t.Errorf("%s: %s: it edits %s", f.Pos, f.Message, name)
			}
		}
	}
	if !fixed["plain.go"] {
		t.Error("the file without C is not fixed")
	}
}

// TestFlags checks the flags of [Analyzer].
func TestFlags(t *testing.T) {
	pkgs := slices.DeleteFunc(loadCase(t, "tested"), func(p *packages.Package) bool { return p.ForTest == "" })
	for flags, want := range map[string]map[string]int{
		"rules=GT1":                    {"tested.go": 1},
		"rules=GT101, GT2":             {},
		"tests=true":                   {"tested.go": 1, "tested_test.go": 1, "outside_test.go": 1},
		"tests=true rules=GT103,GT501": {"tested.go": 1, "tested_test.go": 1, "outside_test.go": 1},
	} {
		a := newAnalyzer()
		for flag := range strings.SplitSeq(strings.ReplaceAll(flags, ", ", ","), " ") {
			name, value, _ := strings.Cut(flag, "=")
			if err := a.Flags.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
		graph, err := checker.Analyze([]*analysis.Analyzer{a}, pkgs, nil)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]int{}
		for _, act := range graph.Roots {
			for _, d := range act.Diagnostics {
				found[filepath.Base(act.Package.Fset.Position(d.Pos).Filename)]++
			}
		}
		if !maps.Equal(found, want) {
			t.Errorf("%s: findings by file: %v, want %v", flags, found, want)
		}
	}
}

// TestNoTypes checks packages that could not be loaded.
func TestNoTypes(t *testing.T) {
	r := Check([]*packages.Package{{PkgPath: "a"}, {PkgPath: "b", Fset: token.NewFileSet()}}, Options{})
	if len(r.Findings) != 0 || len(r.Skipped) != 0 {
		t.Errorf("found: %v", r)
	}
}
