package vet

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/packages"
)

// Rule is a kind of finding.
type Rule struct {
	ID      string // such as GT101
	Summary string // what is found
	Fix     string // how it is fixed; "" if it is not
	Info    bool   // a hint: it does not mean that something is wrong
}

// Rules lists all rules, by ID.
var Rules = []Rule{
	{"GT001", "an ignore comment without a reason", "", false},
	{"GT101", "an HTTP client that is not wrapped, or a call of one without a context", "nethttp.WrapClient, nethttp.Get", false},
	{"GT102", "a database that is not opened through a wrapper", "gapsql.Open, gapmysql.Open, gapsql.Wrap", false},
	{"GT103", "a go-redis v8 client that is not wrapped", "gapredis.Wrap", false},
	{"GT104", "a go-elasticsearch v8 client that is not wrapped", "gapes.Wrap", false},
	{"GT105", "a gRPC client or server without interceptors", "gapgrpc.DialOptions, gapgrpc.ServerOptions", false},
	{"GT201", "an HTTP server whose handler is not wrapped", "nethttp.WrapHandler", false},
	{"GT301", "a call of database/sql or sqlx without a context, although one is in scope", "the method that takes a context", false},
	{"GT302", "context.Background or context.TODO that reaches a call, although a context is in scope", "the context in scope", false},
	{"GT303", "http.NewRequest, although a context is in scope", "http.NewRequestWithContext", false},
	{"GT304", "a call of Elasticsearch's API without WithContext, although a context is in scope", "WithContext", false},
	{"GT401", "a client or server of a library that has no wrapper", "", true},
	{"GT501", "a program that makes clients or servers and opens no tracer", "", true},
}

// Options select what [Check] reports.
type Options struct {
	Rules []string // IDs, or their beginnings such as GT3; empty for all
	Tests bool     // also report findings in _test.go files
}

// Result is what [Check] found.
type Result struct {
	Findings []Finding // by file, line and column
	Skipped  []Skipped // by package and rule
}

// Finding is a place in the program that a rule reports.
type Finding struct {
	Rule     string
	Message  string
	Info     bool // see [Rule.Info]
	Pos, End token.Position
	Package  string // import path

	// Edits fix the finding. They do not overlap each other, but another finding may have an equal
	// insertion. nil if there is no fix.
	Edits    []analysis.TextEdit
	Fix      string   // what the edits do
	Requires []string // import paths that the edits add
}

// Skipped counts a package's calls without a context that a rule does not report, since no context
// is in scope.
type Skipped struct {
	Package string
	Rule    string
	Count   int
}

// Check checks packages as one program. Pass it all packages of the main modules, from one call of
// packages.Load, with syntax, types and type information. Packages with type errors are checked as
// far as their types are known.
func Check(pkgs []*packages.Package, o Options) *Result {
	var units []*unit
	for _, p := range pkgs {
		if p.Types == nil || p.TypesInfo == nil {
			continue
		}
		units = append(units, &unit{path: p.PkgPath, pkg: p.Types, info: p.TypesInfo, fset: p.Fset, files: p.Syntax})
	}
	p := newProgram(units, nil)
	p.check()
	return p.result(o)
}

// unit is a package.
type unit struct {
	path  string
	pkg   *types.Package
	info  *types.Info
	fset  *token.FileSet
	files []*ast.File
}

// finding is a Finding whose positions are not resolved.
type finding struct {
	rule, message string
	unit          *unit
	file          *ast.File
	node          ast.Node
	edits         []analysis.TextEdit
	fix           string
	requires      []string
}

// selects reports whether findings of a rule in a file are wanted.
func (o *Options) selects(rule, file string) bool {
	wanted := len(o.Rules) == 0 || slices.ContainsFunc(o.Rules, func(r string) bool { return strings.HasPrefix(rule, r) })
	return wanted && (o.Tests || !isTest(file))
}

// selected returns the findings that are wanted.
func (p *program) selected(o Options) (found []finding) {
	for _, f := range p.findings {
		if o.selects(f.rule, f.unit.fset.Position(f.node.Pos()).Filename) {
			found = append(found, f)
		}
	}
	return found
}

// result selects findings, and sorts them.
func (p *program) result(o Options) *Result {
	r := &Result{}
	for _, f := range p.selected(o) {
		pos, end := f.unit.fset.Position(f.node.Pos()), f.unit.fset.Position(f.node.End())
		r.Findings = append(r.Findings, Finding{
			Rule: f.rule, Message: f.message, Info: isInfo(f.rule), Pos: pos, End: end, Package: f.unit.path,
			Edits: f.edits, Fix: f.fix, Requires: f.requires,
		})
	}
	slices.SortFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Offset, b.Pos.Offset),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message),
		)
	})
	// With tests, packages.Load returns a package twice: alone, and together with its tests.
	r.Findings = slices.CompactFunc(r.Findings, func(a, b Finding) bool {
		return a.Pos == b.Pos && a.Rule == b.Rule && a.Message == b.Message
	})
	counts := map[Skipped]int{}
	for _, s := range p.skipped {
		if o.selects(s.rule, s.unit.fset.Position(s.pos).Filename) {
			counts[Skipped{Package: s.unit.path, Rule: s.rule}]++
		}
	}
	for s, n := range counts {
		s.Count = n
		r.Skipped = append(r.Skipped, s)
	}
	slices.SortFunc(r.Skipped, func(a, b Skipped) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Rule, b.Rule))
	})
	return r
}

func isInfo(rule string) bool {
	return slices.ContainsFunc(Rules, func(r Rule) bool { return r.ID == rule && r.Info })
}

func isTest(file string) bool { return strings.HasSuffix(file, "_test.go") }
