package vet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"github.com/gaptrace/gaptrace/internal/clients"
)

// program is what is checked together.
type program struct {
	units     []*unit
	checked   map[*types.Package]bool
	bodies    map[*types.Func]bool // functions whose bodies are checked
	functions []*types.Func        // the same, in the order of the files

	graph          *graph
	writes         []write
	indirectCalls  []*indirect
	interfaceCalls []interfaceCall
	injected       []injected
	values         []injected // see functionValues

	sites         []*site
	covered       map[node]kind // the wrappers that get a node as an argument
	sources       map[node]kind // results of wrappers, and wrappers as values
	wrapperValues map[node]kind
	methods       []methodCall // of values of other modules
	mux           []node       // handlers of http.DefaultServeMux
	globals       []global
	drivers       []registered
	held          []kind         // by node: the kinds that its type can hold
	kinds         []kind         // by node: the wrappers whose results flow into it, or influence it
	traced        map[*unit]bool // opens a tracer

	hasSource   set
	rootless    set // see reachedByBackground
	isParameter set

	backgrounds     []place  // calls of context.Background and context.TODO
	newRequests     []place  // calls of http.NewRequest
	withoutContext  []place  // calls that could get a context
	endpoints       []place  // calls of Elasticsearch's API
	recorded        set      // contexts of calls that wrappers record
	lateContexts    set      // requests that get a context after they were made
	severalContexts [][]node // contexts of calls that get more than one

	// For a package that is checked alone.
	facts      func(*types.Func) *flows // what functions of other packages do; nil for a whole program
	isExported set                      // nodes that other packages can get
	leaving    []leaving
	served     []node // handlers that come from another package

	findings []finding
	skipped  []skipped
}

// skipped is a call without a context. None is in scope.
type skipped struct {
	rule string
	unit *unit
	pos  token.Pos
}

func newProgram(units []*unit, facts func(*types.Func) *flows) *program {
	p := &program{
		units: units, checked: map[*types.Package]bool{}, bodies: map[*types.Func]bool{}, graph: newGraph(),
		covered: map[node]kind{}, sources: map[node]kind{}, wrapperValues: map[node]kind{}, traced: map[*unit]bool{},
		isParameter: set{}, facts: facts, isExported: set{}, recorded: set{}, lateContexts: set{},
	}
	for _, u := range units {
		p.checked[u.pkg] = true
		for _, f := range u.files {
			for _, d := range f.Decls {
				if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
					if fn, ok := u.info.Defs[d.Name].(*types.Func); ok {
						p.bodies[fn] = true
						p.functions = append(p.functions, fn)
					}
				}
			}
		}
	}
	for _, u := range units {
		b := &builder{program: p, unit: u}
		b.build()
		b.collect()
	}
	p.link()
	if facts != nil {
		p.findExported()
	}
	p.callWrappers()
	p.held = p.holds()
	p.kinds = p.graph.spread(p.sources, p.held)
	p.hasSource = make(set, len(p.graph.flows))
	for _, edges := range p.graph.flows {
		for _, n := range edges {
			p.hasSource[n] = true
		}
	}
	return p
}

// findExported finds the nodes that other packages can get.
func (p *program) findExported() {
	for _, fn := range p.functions {
		if fn.Exported() {
			for i := range fn.Signature().Results().Len() {
				p.isExported[p.graph.result(fn, i)] = true
			}
		}
	}
	for key, n := range p.graph.nodes {
		if v, ok := key.(*types.Var); ok && v.Exported() && (v.IsField() || v.Parent() == v.Pkg().Scope()) {
			p.isExported[n] = true
		}
	}
}

// check finds everything.
func (p *program) check() {
	for _, s := range p.sites {
		p.checkSite(s)
	}
	p.checkContexts()
	p.checkTracers()
	p.applyIgnores()
}

// isCovered reports whether a wrapper of the site's kind gets what the site makes, or has made
// something that the site gets.
func (p *program) isCovered(s *site) bool {
	given := s.covers
	if given&database != 0 {
		given |= driverName
	}
	for _, a := range s.args {
		if p.kindsOf(a)&given != 0 {
			return true
		}
	}
	want := s.makes | s.covers
	if _, ok := s.expr.(*ast.CompositeLit); ok && p.kindsOf(s.node)&want != 0 {
		return true // an element is wrapped
	}
	if p.isRegistered(s) {
		return true
	}
	if p.graph.isPart(s.node, p.covered, s.makes, p.held) {
		return true
	}
	reached := p.reach(s.node, want)
	for _, w := range p.writes {
		if reached[w.base] && p.kindsOf(w.value)&want != 0 {
			return true
		}
	}
	for _, m := range p.methods {
		for _, a := range m.args {
			if reached[m.receiver] && p.kindsOf(a)&want != 0 || reached[a] && p.kindsOf(m.receiver)&want != 0 {
				return true
			}
		}
	}
	return false
}

// isRegistered reports whether a database is opened by the name of a wrapped driver. A name that is
// not constant may be that of any driver.
func (p *program) isRegistered(s *site) bool {
	call, ok := s.expr.(*ast.CallExpr)
	if !ok || s.makes != database {
		return false
	}
	for _, d := range p.drivers {
		if p.kindsOf(d.driver)&database == 0 {
			continue
		}
		for _, arg := range call.Args {
			if !isString(s.unit.info.TypeOf(arg)) {
				continue
			}
			if name := constantString(s.unit, arg); name == d.name || name == "" || d.name == "" {
				return true
			}
			break // the data source's name
		}
	}
	return false
}

// reach returns the nodes to which a value of one of the kinds flows.
func (p *program) reach(from node, of kind) set {
	return walk(from, func(left []node, n node) []node {
		if !p.canHold(n, of) {
			return left
		}
		return append(left, p.graph.flows[n]...)
	})
}

// canHold reports whether the type of a node can hold one of the kinds.
func (p *program) canHold(n node, k kind) bool {
	return int(n) >= len(p.held) || p.held[n]&k != 0 // a node that was made since may hold all
}

func (p *program) kindsOf(n node) kind {
	if n == none || int(n) >= len(p.kinds) { // a node that was made since has no kinds
		return 0
	}
	return p.kinds[n]
}

// checkSite reports a site that is not covered.
func (p *program) checkSite(s *site) {
	if _, ok := s.expr.(*ast.Ident); ok && p.hasSource[s.node] {
		return // it gets its value elsewhere
	}
	if strings.HasPrefix(s.unit.path, contrib) || p.isCovered(s) || p.leavesPackage(s) {
		return
	}
	fx := &fixer{program: p, site: s, unit: s.unit, file: s.file}
	var message string
	switch s.rule {
	case "GT101":
		if p.defaultIsWrapped(s) {
			return
		}
		message = s.name + ": its calls are not wrapped"
	case "GT102":
		message = s.name + ": the database is not opened through a wrapper"
	case "GT103", "GT104":
		message = s.name + ": the client is not wrapped"
	case "GT105":
		message = s.name + ": gaptrace's interceptors are missing"
	case "GT201":
		if p.handlerIsWrapped(s) {
			return
		}
		message = s.name + ": the handler is not wrapped"
	case "GT401":
		message = fmt.Sprintf("%s: the library has no wrapper", s.name)
		if l := clients.ByPath(s.library); l != nil {
			message = fmt.Sprintf("%s: %s has no wrapper", s.name, l.Name)
			fx.advice = l.Advice
		}
	}
	call, isCall := s.expr.(*ast.CallExpr)
	if s.fix != nil && (!isCall || s.makes == redisClient || !hasSeveral(s.unit, call)) {
		s.fix(fx)
		fx.finish()
	}
	f := finding{rule: s.rule, unit: s.unit, file: s.file, node: s.expr}
	f.edits, f.fix, f.requires = fx.edits, fx.what, fx.requires
	switch {
	case fx.what != "":
		message += "; " + fx.what
	case s.advice != "":
		message += "; " + s.advice
	case fx.advice != "":
		message += "; " + fx.advice
	}
	f.message = message
	p.findings = append(p.findings, f)
}

// defaultIsWrapped reports whether s uses http.DefaultClient or http.DefaultTransport, and the
// program has replaced it.
func (p *program) defaultIsWrapped(s *site) bool {
	for _, w := range p.globals {
		if p.kindsOf(w.value)&httpClient == 0 {
			continue
		}
		switch w.name {
		case "DefaultTransport":
			if !hasTransport(s) {
				return true
			}
		case "DefaultClient":
			if s.name != "http.Client" && s.name != "new(http.Client)" {
				return true
			}
		}
	}
	return false
}

// hasTransport reports whether an http.Client is made with a transport of its own.
func hasTransport(s *site) bool {
	lit, ok := s.expr.(*ast.CompositeLit)
	return ok && element(lit, "Transport") != nil
}

// handlerIsWrapped reports whether the handler of a server is wrapped, or is http.DefaultServeMux
// with wrapped handlers.
func (p *program) handlerIsWrapped(s *site) bool {
	var handler ast.Expr
	switch e := s.expr.(type) {
	case *ast.CompositeLit:
		handler = element(e, "Handler")
	case *ast.CallExpr:
		if i := handlerIndex(s.unit, e); i >= 0 && i < len(e.Args) {
			handler = e.Args[i]
		}
	}
	if handler != nil {
		b := &builder{program: p, unit: s.unit}
		if p.kindsOf(b.value(handler))&httpServer != 0 {
			return true
		}
		isNil := s.unit.info.Types[handler].IsNil()
		if v := variableOf(s.unit.info, handler); !isNil && (v == nil || v.Name() != "DefaultServeMux") {
			return false
		}
	}
	for _, h := range p.mux {
		if p.kindsOf(h)&httpServer != 0 {
			return true
		}
	}
	return false
}

// handlerIndex returns which argument of a function of net/http is the handler, or -1.
func handlerIndex(u *unit, call *ast.CallExpr) int {
	fn := functionOf(u.info, call.Fun)
	switch {
	case fn == nil || fn.Pkg() == nil || fn.Pkg().Path() != "net/http":
		return -1
	case fn.Name() == "ListenAndServeTLS":
		return 3
	}
	return 1
}

// checkTracers reports the main packages that make clients or serve, and open no tracer.
func (p *program) checkTracers() {
	byPackage := map[*types.Package]*unit{}
	for _, u := range p.units {
		byPackage[u.pkg] = u
	}
	used := map[*unit]bool{}
	for _, s := range p.sites {
		used[s.unit] = true
	}
	for _, u := range p.units {
		if u.pkg.Name() != "main" {
			continue
		}
		uses, traced := false, false
		seen := map[*types.Package]bool{}
		var walk func(pkg *types.Package)
		walk = func(pkg *types.Package) {
			v := byPackage[pkg]
			if seen[pkg] || v == nil {
				return
			}
			seen[pkg] = true
			uses, traced = uses || used[v], traced || p.traced[v]
			for _, i := range pkg.Imports() {
				walk(i)
			}
		}
		walk(u.pkg)
		if !uses || traced {
			continue
		}
		for _, f := range u.files {
			for _, d := range f.Decls {
				if d, ok := d.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == "main" {
					p.findings = append(p.findings, finding{
						rule: "GT501", unit: u, file: f, node: d.Name,
						message: "main: no tracer is opened, so no call is recorded; open one with tracer.New of " + ours + "/tracer",
					})
				}
			}
		}
	}
}
