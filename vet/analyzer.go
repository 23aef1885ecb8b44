package vet

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// Analyzer checks one package at a time. It knows what the functions of imported packages do with
// their parameters and results. It does not report a client that leaves its package, or a program
// without a tracer. Use [Check] for these.
//
// Flags: -rules selects rules, as [Options.Rules] does, separated by commas; -tests also checks
// files that end in _test.go.
var Analyzer = newAnalyzer()

func newAnalyzer() *analysis.Analyzer {
	var rules string
	var o Options
	a := &analysis.Analyzer{
		Name:             "gaptrace",
		Doc:              "find network clients that gaptrace does not cover\n\nSee https://pkg.go.dev/" + ours + "/vet.",
		URL:              "https://pkg.go.dev/" + ours + "/vet",
		FactTypes:        []analysis.Fact{new(flows)},
		RunDespiteErrors: true,
	}
	a.Flags.StringVar(&rules, "rules", "", "report only these rules, such as GT101,GT3")
	a.Flags.BoolVar(&o.Tests, "tests", false, "also check _test.go files")
	a.Run = func(pass *analysis.Pass) (any, error) {
		selected := o
		for r := range strings.SplitSeq(rules, ",") {
			if r = strings.TrimSpace(r); r != "" {
				selected.Rules = append(selected.Rules, r)
			}
		}
		run(pass, selected)
		return nil, nil
	}
	return a
}

// flows is what a function does, for packages that call it.
type flows struct {
	Covers  []kind // by parameter: the wrappers that get its argument
	Serves  []bool // by parameter: it is a handler that is served without a wrapper
	Covered []kind // by result: the wrappers that it comes from
	Makes   []kind // by result: it is a client that is not wrapped
}

func (*flows) AFact() {}

func (f *flows) String() string { return "flows" }

func (f *flows) isEmpty() bool {
	isSet := func(k kind) bool { return k != 0 }
	return !slices.Contains(f.Serves, true) && !slices.ContainsFunc(slices.Concat(f.Covers, f.Covered, f.Makes), isSet)
}

func at[T any](list []T, i int) (v T) {
	if i < len(list) {
		return list[i]
	}
	return v
}

func run(pass *analysis.Pass, o Options) {
	u := &unit{path: pass.Pkg.Path(), pkg: pass.Pkg, info: pass.TypesInfo, fset: pass.Fset, files: pass.Files}
	p := newProgram([]*unit{u}, func(fn *types.Func) *flows {
		f := new(flows)
		if pass.ImportObjectFact(fn, f) {
			return f
		}
		return nil
	})
	p.check()
	p.export(pass, u)
	inFiles := map[*ast.File]bool{}
	for _, f := range pass.Files {
		inFiles[f] = true
	}
	for _, f := range p.selected(o) {
		if f.rule == "GT501" || !inFiles[f.file] {
			continue
		}
		d := analysis.Diagnostic{
			Pos: f.node.Pos(), End: f.node.End(), Category: f.rule, Message: f.rule + ": " + f.message,
			URL: "https://pkg.go.dev/" + ours + "/vet#pkg-variables",
		}
		if len(f.edits) > 0 {
			d.SuggestedFixes = []analysis.SuggestedFix{{Message: f.fix, TextEdits: f.edits}}
		}
		pass.Report(d)
	}
}

// export exports the flows of the functions that other packages can call.
func (p *program) export(pass *analysis.Pass, u *unit) {
	if u.pkg.Name() == "main" {
		return
	}
	for _, fn := range p.functions {
		if !fn.Exported() {
			continue
		}
		s := fn.Signature()
		f := &flows{
			Covers: make([]kind, s.Params().Len()), Serves: make([]bool, s.Params().Len()),
			Covered: make([]kind, s.Results().Len()), Makes: make([]kind, s.Results().Len()),
		}
		for i := range s.Params().Len() {
			reached := p.graph.reach(p.graph.variable(s.Params().At(i)))
			for n := range reached {
				f.Covers[i] |= p.covered[n]
			}
			for _, h := range p.served {
				f.Serves[i] = f.Serves[i] || reached[h]
			}
		}
		for i := range s.Results().Len() {
			r := p.graph.result(fn, i)
			f.Covered[i] = p.kindsOf(r)
			for _, s := range p.leaving {
				if s.reached[r] {
					f.Makes[i] |= s.makes
				}
			}
		}
		if !f.isEmpty() {
			pass.ExportObjectFact(fn, f)
		}
	}
}

// leaving is a client that other packages may wrap.
type leaving struct {
	makes   kind
	reached set
}

// leavesPackage reports whether other packages may cover a site, if only one package is checked:
// what it makes leaves the package, or a caller may pass it a wrapper.
func (p *program) leavesPackage(s *site) bool {
	if p.facts == nil || s.unit.pkg.Name() == "main" {
		return false
	}
	reached := p.graph.reach(s.node)
	if s.makes != httpServer {
		for n := range reached {
			if p.isExported[n] {
				p.leaving = append(p.leaving, leaving{s.makes, reached})
				return true
			}
		}
	}
	if s.rule == "GT103" {
		return false // no option of go-redis wraps a client
	}
	inputs := slices.Clone(s.args)
	if lit, ok := s.expr.(*ast.CompositeLit); ok {
		b := &builder{program: p, unit: s.unit}
		for _, field := range []string{"Handler", "Transport"} {
			if e := element(lit, field); e != nil {
				inputs = append(inputs, b.value(e))
			}
		}
	}
	for _, fn := range p.functions {
		if !fn.Exported() {
			continue
		}
		for v := range fn.Signature().Params().Variables() {
			if _, isBasic := under(v.Type()).(*types.Basic); isBasic {
				continue
			}
			from := p.graph.reach(p.graph.variable(v))
			for _, n := range inputs {
				if from[n] && n != none {
					if s.makes == httpServer {
						p.served = append(p.served, n)
					}
					return true
				}
			}
		}
	}
	return false
}
