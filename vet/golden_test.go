package vet

import (
	"go/ast"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/analysistest"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/types/typeutil"
)

// cases are the packages whose comments say what is found. The rest of testdata/src holds the names
// of libraries that they use.
const cases = "example/..."

// TestFindingsAndFixes runs [Analyzer] on all packages of testdata/src/example, applies its fixes,
// and compares the results with the golden files. [Check] finds the same.
func TestFindingsAndFixes(t *testing.T) {
	found := map[string]bool{} // rules, and functions that make clients
	for _, r := range analysistest.RunWithSuggestedFixes(t, analysistest.TestData(), Analyzer, cases) {
		alone := Check([]*packages.Package{r.Action.Package}, Options{})
		compareFindings(t, diagnostics(r.Action), findings(alone, "GT501"))
		places := map[string]bool{}
		for _, f := range alone.Findings {
			found[f.Rule], places[f.Pos.String()] = true, true
			checkEdits(t, &f)
		}
		for _, f := range r.Action.Package.Syntax {
			ast.Inspect(f, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok && places[r.Action.Package.Fset.Position(call.Pos()).String()] {
					if fn, ok := typeutil.Callee(r.Action.Package.TypesInfo, call).(*types.Func); ok {
						found[fn.Origin().FullName()] = true
					}
				}
				return true
			})
		}
	}
	for name := range constructors {
		if !found[name] {
			t.Errorf("no case has a finding for %s", name)
		}
	}
	for _, r := range Rules {
		if !found[r.ID] && r.ID != "GT501" { // TestPrograms has it
			t.Errorf("no case has a finding of %s", r.ID)
		}
	}
}

// checkEdits checks what [Finding] promises of its edits.
func checkEdits(t *testing.T, f *Finding) {
	t.Helper()
	if (f.Edits == nil) != (f.Fix == "") || f.Edits == nil && f.Requires != nil {
		t.Errorf("%s: %d edits, fix %q, requires %q", f.Pos, len(f.Edits), f.Fix, f.Requires)
	}
	for i, e := range f.Edits {
		for _, other := range f.Edits[:i] {
			if e.Pos < other.End && other.Pos < e.End {
				t.Errorf("%s: edits %q and %q overlap", f.Pos, other.NewText, e.NewText)
			}
		}
		if _, after, ok := strings.Cut(string(e.NewText), `"`+ours+"/"); ok {
			added, _, _ := strings.Cut(after, `"`)
			if !slices.Contains(f.Requires, ours+"/"+added) {
				t.Errorf("%s: it imports %s, but requires %q", f.Pos, added, f.Requires)
			}
		}
	}
}

// diagnostics returns the diagnostics of a package, one a line.
func diagnostics(act *checker.Action) (lines []string) {
	for _, d := range act.Diagnostics {
		lines = append(lines, act.Package.Fset.Position(d.Pos).String()+": "+d.Message)
	}
	slices.Sort(lines)
	return lines
}

// findings returns the findings of a result, except those of a rule, as diagnostics does.
func findings(r *Result, except string) (lines []string) {
	for _, f := range r.Findings {
		if f.Rule != except {
			lines = append(lines, f.Pos.String()+": "+f.Rule+": "+f.Message)
		}
	}
	slices.Sort(lines)
	return lines
}

// compareFindings reports findings that only one of two ways of checking has.
func compareFindings(t *testing.T, modular, whole []string) {
	t.Helper()
	for _, f := range modular {
		if !slices.Contains(whole, f) {
			t.Errorf("found by Analyzer only: %s", f)
		}
	}
	for _, f := range whole {
		if !slices.Contains(modular, f) {
			t.Errorf("found by Check only: %s", f)
		}
	}
}

// load loads packages of testdata/src, whose files may be replaced.
func load(t *testing.T, replaced map[string][]byte, patterns ...string) []*packages.Package {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	pkgs, err := packages.Load(&packages.Config{
		Mode:    packages.LoadAllSyntax,
		Dir:     dir,
		Env:     append(os.Environ(), "GOPATH="+dir, "GO111MODULE=off", "GOWORK=off"),
		Overlay: replaced,
	}, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

// TestFixedCode loads the golden files in place of their sources: they compile, and nothing is left
// to fix.
func TestFixedCode(t *testing.T) {
	names, err := filepath.Glob("testdata/src/example/*/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	replaced := map[string][]byte{}
	for _, name := range names {
		golden, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		absolute, err := filepath.Abs(strings.TrimSuffix(name, ".golden"))
		if err != nil {
			t.Fatal(err)
		}
		replaced[absolute] = golden
	}
	pkgs := load(t, replaced, cases)
	for _, p := range pkgs {
		for _, err := range p.Errors {
			t.Errorf("a golden file does not compile: %v", err)
		}
		for _, f := range Check([]*packages.Package{p}, Options{}).Findings {
			if f.Edits != nil {
				t.Errorf("%s: still has a fix: %s: %s", f.Pos, f.Rule, f.Message)
			}
		}
	}
	graph, err := checker.Analyze([]*analysis.Analyzer{Analyzer}, pkgs, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range graph.Roots {
		if act.Err != nil {
			t.Error(act.Err)
		}
		for _, d := range act.Diagnostics {
			if d.SuggestedFixes != nil {
				t.Errorf("%s: Analyzer still has a fix: %s", act.Package.Fset.Position(d.Pos), d.Message)
			}
		}
	}
}
