package driver

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/packages"

	"github.com/gaptrace/gaptrace/vet"
)

// change is a finding whose edits replace texts in p.go, each "old=new". An empty old text is the
// end of the package clause.
type change struct {
	rule  string
	edits []string
}

func (c change) finding(t *testing.T, p *Program, name string) (vet.Finding, bool) {
	t.Helper()
	source, file := p.file(name)
	at := p.Fset.File(file.Pos())
	f := vet.Finding{Rule: c.rule, Fix: c.rule}
	for _, e := range c.edits {
		old, replacement, _ := strings.Cut(e, "=")
		start := strings.Index(string(source), old)
		if old == "" {
			start = at.Offset(file.Name.End())
		}
		if start < 0 {
			return f, false
		}
		f.Edits = append(f.Edits, analysis.TextEdit{
			Pos: at.Pos(start), End: at.Pos(start + len(old)), NewText: []byte(replacement),
		})
	}
	f.Pos = p.Fset.Position(f.Edits[0].Pos)
	return f, true
}

// TestChoose applies the fixes of invented findings.
func TestChoose(t *testing.T) {
	const source = "package p\n\nvar x = one(two(3))\n\nfunc one(int) int { return 1 }\n\nfunc two(int) int { return 2 }\n"
	for name, c := range map[string]struct {
		changes []change
		want    string   // instead of var x = one(two(3))
		refused []string // reasons
	}{
		"equal": {
			[]change{{"A", []string{"3=4"}}, {"B", []string{"3=4"}}}, "one(two(4))", nil,
		},
		"apart": {
			[]change{{"A", []string{"3=4"}}, {"B", []string{"one(t=two(t"}}}, "two(two(4))", nil,
		},
		"overlapping, and gone": {
			[]change{{"A", []string{"two(3)=5"}}, {"B", []string{"3=4"}}}, "one(5)", nil,
		},
		"overlapping, and still there": {
			[]change{{"A", []string{"two(3)=one(3)"}}, {"B", []string{"3=4"}}}, "one(one(4))", nil,
		},
		"the fix does not compile": {
			[]change{{"A", []string{"3=four"}}, {"B", []string{"one(t=two(t"}}},
			"two(two(3))",
			[]string{"the fix does not compile: undefined: four"},
		},
		"a syntax error": {
			[]change{{"A", []string{"3=)"}}}, "one(two(3))", []string{"the fix does not compile: p.go:3:19: expected declaration, found ')'"},
		},
		"together they do not compile": {
			[]change{
				{"A", []string{"=\n\nvar y = 1", "3=y"}}, {"B", []string{"=\n\nvar  y = 2", "one(t=two(t"}},
			}, "one(two(y))", []string{"the fix does not compile: y redeclared in this block"},
		},
		"equal declarations": {
			[]change{
				{"A", []string{"=\n\nvar y = 1", "3=y"}}, {"B", []string{"=\n\nvar y = 1", "one(t=two(t"}},
			}, "two(two(y))", nil,
		},
		"it does not remove the finding": {
			[]change{{"A", []string{"3=33"}}, {"B", []string{"one(t=two(t"}}},
			"two(two(3))",
			[]string{"the fix would not remove the finding"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if real, err := filepath.EvalSymlinks(dir); err == nil {
				dir = real
			}
			file := filepath.Join(dir, "p.go")
			for name, text := range map[string]string{file: source, filepath.Join(dir, "go.mod"): "module m\n\ngo 1.26\n"} {
				if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			p, err := Load(t.Context(), Config{Dir: dir, Env: append(os.Environ(), "GOWORK=off", "GOFLAGS=")})
			if err != nil {
				t.Fatal(err)
			}
			fixes, err := p.fixAll(t.Context(), func(p *Program) (all []vet.Finding) {
				for _, c := range c.changes {
					if f, ok := c.finding(t, p, file); ok {
						all = append(all, f)
					}
				}
				return all
			}, "")
			if err != nil {
				t.Fatal(err)
			}
			got := source
			for _, change := range fixes.Files {
				got = string(change.After)
			}
			if !strings.Contains(got, "\nvar x = "+c.want+"\n") {
				t.Errorf("got\n%s\nwant %s", got, c.want)
			}
			var reasons []string
			for _, r := range fixes.Refused {
				reasons = append(reasons, strings.ReplaceAll(r.Reason, dir+string(filepath.Separator), ""))
			}
			if strings.Join(reasons, "\n") != strings.Join(c.refused, "\n") {
				t.Errorf("refused %q, want %q", reasons, c.refused)
			}
		})
	}
}

func TestIsTop(t *testing.T) {
	const source = "package p\n\nimport (\n\t\"fmt\"\n)\n\nvar x = fmt.Sprint()\n"
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	at := fset.File(f.Pos())
	for text, want := range map[string]bool{
		"package": false, "\n\nimport": true, "\t\"fmt\"": true, "\nvar": true, "x =": false, "Sprint": false,
	} {
		if got := isTop(f, at.Pos(strings.Index(source, text))); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestGoVersion(t *testing.T) {
	g := &graph{lowest: "go1.26.0"}
	for _, c := range []struct {
		module string
		whole  bool
		want   string
	}{
		{"1.20", true, "go1.26.0"},
		{"1.20", false, "go1.20"},
		{"1.999", true, ""},
		{"1.999", false, ""},
		{"", true, ""},
		{"x", false, ""},
	} {
		pkg := &packages.Package{Module: &packages.Module{GoVersion: c.module}}
		if got := g.goVersion(&node{Package: pkg, whole: c.whole}); got != c.want {
			t.Errorf("go %s, whole %t: %q, want %q", c.module, c.whole, got, c.want)
		}
		if newer := newerGo([]*packages.Package{{}, pkg}); (newer != "") != (c.module == "1.999") {
			t.Errorf("go %s: newer is %q", c.module, newer)
		}
	}
}
