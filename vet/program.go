package vet

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/internal/clients"
	"golang.org/x/tools/go/types/typeutil"
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
	covered       map[node]kind // the wrappers that got a node as an argument
	sources       map[node]kind // results of wrappers, and wrappers as values
	wrapperValues map[node]kind
	methods       []methodCall // of values of other modules
	mux           []node       // handlers of http.DefaultServeMux
	globals       []global
	drivers       []registered
	kinds         []kind         // by node: what flowed into it, or influences it
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

// skipped is a call without a context, where none is in scope.
type skipped struct {
	rule string
	unit *unit
	pos  token.Pos
}

// site is an expression that makes a client or begins to serve.
type site struct {
	constructor
	name string // as in the source
	unit *unit
	file *ast.File
	expr ast.Expr
	path []ast.Node // the nodes around expr, the file first
	node node       // its value
	args []node

	library string // for GT401: an import path
}

// global is an assignment to a variable of net/http.
type global struct {
	name  string
	value node
}

// registered is a driver that is registered with database/sql.
type registered struct {
	name   string
	driver node
}

// methodCall is a call of a method of another module, which may give its receiver a wrapper.
type methodCall struct {
	receiver node
	args     []node
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
	p.kinds = p.graph.spread(p.sources)
	p.hasSource = set{}
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

// callWrappers applies wrappers that are called as function values.
func (p *program) callWrappers() {
	kinds := map[node]kind{}
	for f, k := range p.wrapperValues {
		for n := range p.graph.reach(f) {
			kinds[n] |= k
		}
	}
	for _, c := range p.indirectCalls {
		k := kinds[c.function]
		if k == 0 {
			continue
		}
		b := &builder{program: p, unit: c.unit}
		for _, a := range b.arguments(c.call) {
			if a != none {
				p.covered[a] |= k
			}
		}
		signature, ok := under(c.unit.info.TypeOf(c.call.Fun)).(*types.Signature)
		if !ok {
			continue
		}
		for i := range signature.Results().Len() {
			if isCarrier(signature.Results().At(i).Type()) {
				p.sources[p.graph.result(c.call, i)] |= k
			}
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

// collect finds the sites of a package, and the uses of wrappers.
func (b *builder) collect() {
	for _, f := range b.files {
		ast.PreorderStack(f, nil, func(n ast.Node, path []ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				b.collectCall(f, n, path)
			case *ast.CompositeLit:
				b.collectLiteral(f, n, path)
			case *ast.ValueSpec:
				if len(n.Values) == 0 && n.Type != nil {
					b.collectVariables(f, n.Names, path)
				}
			case *ast.Field:
				if _, ok := path[len(path)-2].(*ast.StructType); ok {
					b.collectVariables(f, fieldNames(n), path)
				}
			case *ast.Ident:
				b.collectName(f, n, path)
			}
			return true
		})
	}
}

func (b *builder) site(f *ast.File, e ast.Expr, path []ast.Node, of node, c constructor, name string) *site {
	s := &site{
		constructor: c, name: name, unit: b.unit, file: f, expr: e, path: slices.Clone(path), node: of,
	}
	b.sites = append(b.sites, s)
	return s
}

func (b *builder) collectCall(f *ast.File, call *ast.CallExpr, path []ast.Node) {
	if isEndpoint(b.info.TypeOf(call.Fun)) {
		b.endpoints = append(b.endpoints, place{b.unit, f, call, slices.Clone(path)})
		return
	}
	fn, ok := typeutil.Callee(b.info, call).(*types.Func)
	if !ok {
		if !isNew(b.info, call) {
			return
		}
		switch t := deref(b.info.TypeOf(call)); {
		case isClient(t):
			b.site(f, call, path, b.graph.result(call, 0), newClient, "new(http.Client)")
		case isServer(t):
			b.site(f, call, path, b.graph.result(call, 0), newServer, "new(http.Server)")
		}
		return
	}
	name := fn.Origin().FullName()
	args := b.arguments(call)
	if !strings.HasPrefix(b.path, contrib) {
		b.collectContext(fn, name, args, place{b.unit, f, call, slices.Clone(path)})
	}
	if k := wrappers[name]; k != 0 {
		for i := range fn.Signature().Results().Len() {
			b.sources[b.graph.result(call, i)] |= k
		}
		for _, a := range args {
			b.covered[a] |= k
		}
		if k == tracing {
			b.traced[b.unit] = true
		}
		return
	}
	if c, ok := constructors[name]; ok {
		s := b.site(f, call, path, b.graph.result(call, 0), c, types.ExprString(call.Fun))
		s.args = args
	} else if makesUnwrapped(fn) {
		s := b.site(f, call, path, b.graph.result(call, 0), newUnwrapped, types.ExprString(call.Fun))
		s.args, s.library = args, fn.Pkg().Path()
	} else if b.facts != nil && !b.bodies[fn.Origin()] {
		if known := b.facts(fn.Origin()); known != nil {
			b.collectKnown(f, call, path, known, args)
		}
	}
	if name == "database/sql.Register" && len(call.Args) == 2 {
		b.drivers = append(b.drivers, registered{constantString(b.unit, call.Args[0]), args[1]})
	}
	if name == "net/http.Handle" || name == "net/http.HandleFunc" {
		b.mux = append(b.mux, args[len(args)-1])
	}
	if fn.Signature().Recv() != nil && !b.bodies[fn.Origin()] {
		if selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			receiver := b.receiver(selector)
			b.methods = append(b.methods, methodCall{receiver, args})
			// The receiver of a framework's server is what the wrapper must reach.
			if n := len(b.sites); n > 0 && b.sites[n-1].expr == ast.Expr(call) && b.sites[n-1].makes == httpServer {
				b.sites[n-1].node = receiver
			}
		}
	}
}

// collectKnown applies what is known of a function of another package.
func (b *builder) collectKnown(f *ast.File, call *ast.CallExpr, path []ast.Node, known *flows, args []node) {
	for i, a := range args {
		if a != none {
			b.covered[a] |= at(known.Covers, i)
		}
		if at(known.Serves, i) && i < len(call.Args) {
			s := b.site(f, call, path, none, constructor{
				rule: "GT201", makes: httpServer, covers: httpServer, advice: "wrap it with nethttp.WrapHandler",
			}, types.ExprString(call.Fun))
			s.args = args[i : i+1]
		}
	}
	for i := range max(len(known.Covered), len(known.Makes)) {
		result := b.graph.result(call, i)
		b.sources[result] |= at(known.Covered, i)
		for rule, k := range madeRules {
			if at(known.Makes, i)&k != 0 {
				b.site(f, call, path, result, constructor{rule: rule, makes: k}, types.ExprString(call.Fun))
			}
		}
	}
}

// madeRules are the rules of clients that a function of another package makes.
var madeRules = map[string]kind{
	"GT101": httpClient, "GT102": database, "GT103": redisClient, "GT104": searchClient, "GT105": grpcClient,
}

// makesUnwrapped reports whether a function makes a client of a library without a wrapper.
func makesUnwrapped(fn *types.Func) bool {
	return fn.Pkg() != nil && fn.Signature().Recv() == nil && slices.Contains(unwrapped[fn.Pkg().Path()], fn.Name())
}

func isNew(info *types.Info, call *ast.CallExpr) bool {
	b, ok := typeutil.Callee(info, call).(*types.Builtin)
	return ok && b.Name() == "new"
}

func deref(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

func isNamed(t types.Type, path, name string) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == path
}

func isClient(t types.Type) bool { return t != nil && isNamed(t, "net/http", "Client") }

func isServer(t types.Type) bool { return t != nil && isNamed(t, "net/http", "Server") }

func (b *builder) collectLiteral(f *ast.File, lit *ast.CompositeLit, path []ast.Node) {
	t := deref(b.info.TypeOf(lit))
	switch {
	case isClient(t):
		b.site(f, lit, path, b.graph.node(lit), newClient, "http.Client")
	case isNamed(t, "net/http/httputil", "ReverseProxy"):
		b.site(f, lit, path, b.graph.node(lit), newProxy, "httputil.ReverseProxy")
	case isServer(t):
		b.site(f, lit, path, b.graph.node(lit), newServer, "http.Server")
	}
}

// collectVariables finds variables and fields that are clients or servers themselves.
func (b *builder) collectVariables(f *ast.File, names []*ast.Ident, path []ast.Node) {
	for _, name := range names {
		v, ok := b.info.Defs[name].(*types.Var)
		if !ok {
			v = b.embedded(name, path)
		}
		if v == nil {
			continue
		}
		switch t := v.Type(); {
		case isClient(t):
			b.site(f, name, path, b.graph.variable(v), clientVariable, name.Name)
		case isServer(t):
			b.site(f, name, path, b.graph.variable(v), newServer, name.Name)
		}
	}
}

// fieldNames returns the names of a field, or of its type if it is embedded.
func fieldNames(f *ast.Field) []*ast.Ident {
	if len(f.Names) > 0 {
		return f.Names
	}
	switch t := f.Type.(type) {
	case *ast.Ident:
		return []*ast.Ident{t}
	case *ast.SelectorExpr:
		return []*ast.Ident{t.Sel}
	}
	return nil
}

// embedded returns the embedded field whose type has a name, or nil.
func (b *builder) embedded(name *ast.Ident, path []ast.Node) *types.Var {
	s, ok := path[len(path)-2].(*ast.StructType)
	if !ok {
		return nil
	}
	t, ok := under(b.info.TypeOf(s)).(*types.Struct)
	if !ok {
		return nil
	}
	for v := range t.Fields() {
		if v.Embedded() && v.Pos() == name.Pos() {
			return v
		}
	}
	return nil
}

// collectName finds uses of http.DefaultClient, and wrappers that are used as values.
func (b *builder) collectName(f *ast.File, name *ast.Ident, path []ast.Node) {
	switch o := b.info.Uses[name].(type) {
	case *types.Func:
		k := wrappers[o.Origin().FullName()]
		if k == 0 {
			return
		}
		if k == tracing {
			b.traced[b.unit] = true
		}
		if !isCallee(name, path) {
			b.sources[b.graph.function(o)] |= k
			b.wrapperValues[b.graph.function(o)] |= k
		}
	case *types.Var:
		if o.Name() != "DefaultClient" || o.Pkg() == nil || o.Pkg().Path() != "net/http" || o.IsField() {
			return
		}
		e := ast.Expr(name)
		around := path
		if selector, ok := path[len(path)-1].(*ast.SelectorExpr); ok {
			e, around = selector, path[:len(path)-1]
		}
		if isAssigned(e, around) {
			return
		}
		b.site(f, e, around, b.graph.node(e), useDefaultClient, "http.DefaultClient")
	}
}

// isCallee reports whether a name is the function of a call.
func isCallee(name *ast.Ident, path []ast.Node) bool {
	var n ast.Node = name
	for i := len(path) - 1; i >= 0; i-- {
		switch parent := path[i].(type) {
		case *ast.SelectorExpr, *ast.IndexExpr, *ast.IndexListExpr, *ast.ParenExpr:
			n = parent
		case *ast.CallExpr:
			return parent.Fun == n
		default:
			return false
		}
	}
	return false
}

// isAssigned reports whether e is on the left side of an assignment.
func isAssigned(e ast.Expr, path []ast.Node) bool {
	assign, ok := path[len(path)-1].(*ast.AssignStmt)
	if !ok {
		return false
	}
	return slices.Contains(assign.Lhs, e)
}

// isCovered reports whether a wrapper of the site's kind gets what the site makes, or gives it
// something.
func (p *program) isCovered(s *site) bool {
	for _, a := range s.args {
		if p.kindsOf(a)&s.covers != 0 {
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
	reached := p.graph.reach(s.node)
	for n := range p.graph.reachParts(s.node) {
		if p.covered[n]&s.makes != 0 {
			return true
		}
	}
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
			if name := constantString(s.unit, arg); name == d.name || name == "" {
				return true
			}
			break // the data source's name
		}
	}
	return false
}

func isString(t types.Type) bool {
	b, ok := under(t).(*types.Basic)
	return ok && b.Info()&types.IsString != 0
}

func constantString(u *unit, e ast.Expr) string {
	if v := u.info.Types[e].Value; v != nil && v.Kind() == constant.String {
		return constant.StringVal(v)
	}
	return ""
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
		message = s.name + ": the interceptors are missing"
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
	if s.fix != nil && !ast.IsGenerated(s.file) && (!isCall || s.makes == redisClient || !hasSeveral(s.unit, call)) {
		s.fix(fx)
	}
	f := finding{rule: s.rule, unit: s.unit, file: s.file, node: s.expr}
	f.edits, f.fix, f.requires = fx.edits, fx.what, fx.requires
	switch {
	case len(f.edits) > 0:
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
