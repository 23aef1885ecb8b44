package vet

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/types/typeutil"
)

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
		if !isNew(b.info, call) || !b.info.Types[call.Args[0]].IsType() {
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
		for i, a := range args {
			if !isContext(fn.Signature().Params().At(min(i, fn.Signature().Params().Len()-1)).Type()) {
				b.covered[a] |= k
			}
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
	switch name {
	case "net/http.Handle", "net/http.HandleFunc":
		b.mux = append(b.mux, args[len(args)-1])
	case "(*net/http.ServeMux).Handle", "(*net/http.ServeMux).HandleFunc":
		if s, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			if v := variableOf(b.info, s.X); v != nil && v.Name() == "DefaultServeMux" {
				b.mux = append(b.mux, args[len(args)-1])
			}
		}
	}
	if fn.Signature().Recv() != nil && !b.bodies[fn.Origin()] {
		if selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			receiver := b.receiver(selector)
			b.methods = append(b.methods, methodCall{receiver, args})
			// A framework's server is served as the receiver, so a wrapper must reach that.
			if n := len(b.sites); n > 0 && b.sites[n-1].expr == ast.Expr(call) && b.sites[n-1].makes == httpServer {
				b.sites[n-1].node = receiver
			}
		}
	}
}

// collectKnown adds what is known about a function of another package.
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
		if !isDefaultClient(b.info, name) {
			return
		}
		e := ast.Expr(name)
		around := path
		if selector, ok := path[len(path)-1].(*ast.SelectorExpr); ok && selector.Sel == name {
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

// isAssigned reports whether e, what it points to, or a field of it is on the left side of an
// assignment.
func isAssigned(e ast.Expr, path []ast.Node) bool {
	for i := len(path) - 1; i >= 0; i-- {
		switch around := path[i].(type) {
		case *ast.StarExpr, *ast.SelectorExpr, *ast.ParenExpr:
			e = around.(ast.Expr)
		case *ast.AssignStmt:
			return slices.Contains(around.Lhs, e)
		default:
			return false
		}
	}
	return false
}
