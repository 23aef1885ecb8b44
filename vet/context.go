package vet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"slices"
	"strings"

	"golang.org/x/tools/go/types/typeutil"
)

// withContext are the methods that take a context, by the full names of those that do not.
var withContext = methodsWithContext()

func methodsWithContext() map[string]string {
	m := map[string]string{
		"(*database/sql.DB).Begin":      "BeginTx",
		"(*" + sqlx + ".DB).NamedQuery": "NamedQueryContext",
		"(*" + sqlx + ".DB).Beginx":     "BeginTxx",
		"(*" + sqlx + ".DB).MustBegin":  "MustBeginTx",
	}
	for _, t := range []string{"DB", "Tx", "Stmt"} {
		for _, name := range []string{"Query", "QueryRow", "Exec", "Prepare", "Ping"} {
			m["(*database/sql."+t+")."+name] = name + "Context"
		}
	}
	for _, t := range []string{"DB", "Tx", "Stmt", "NamedStmt"} {
		for _, name := range []string{
			"Query", "QueryRow", "Exec", "Get", "Select", "Queryx", "QueryRowx", "NamedExec", "MustExec", "Preparex",
			"PrepareNamed",
		} {
			m["(*"+sqlx+"."+t+")."+name] = name + "Context"
		}
	}
	return m
}

// checkContexts reports calls that do not get the context that is in scope.
func (p *program) checkContexts() {
	sinks := set{} // contexts of calls that wrappers record
	type background struct {
		unit *unit
		file *ast.File
		call *ast.CallExpr
		path []ast.Node
	}
	var backgrounds []background
	requests := map[node]bool{} // that get a context later
	type pending struct {
		fx   *fixer
		call *ast.CallExpr
		path []ast.Node
	}
	var newRequests []pending
	var several [][]node // the contexts of calls that get more than one

	for _, u := range p.units {
		if strings.HasPrefix(u.path, contrib) {
			continue
		}
		b := &builder{program: p, unit: u}
		for _, f := range u.files {
			ast.PreorderStack(f, nil, func(n ast.Node, path []ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if isEndpoint(u.info.TypeOf(call.Fun)) {
					p.checkEndpoint(u, f, call, path)
					return true
				}
				fn, ok := typeutil.Callee(u.info, call).(*types.Func)
				if !ok {
					return true
				}
				name := fn.Origin().FullName()
				if contexts := b.contexts(call); len(contexts) > 1 {
					several = append(several, contexts)
				}
				if i := recordedContext(fn); i >= 0 && i < len(call.Args) {
					if v := b.value(call.Args[i]); v != none {
						sinks[v] = true
					}
				}
				switch {
				case name == "context.Background" || name == "context.TODO":
					backgrounds = append(backgrounds, background{u, f, call, slices.Clone(path)})
				case name == "net/http.NewRequest":
					newRequests = append(newRequests, pending{&fixer{program: p, unit: u, file: f}, call, slices.Clone(path)})
				case name == "(*net/http.Request).WithContext" || name == "(*net/http.Request).Clone":
					if s, ok := call.Fun.(*ast.SelectorExpr); ok {
						requests[b.value(s.X)] = true
					}
				case clientMethod(name) != "":
					p.checkClientMethod(u, f, call, path)
				case withContext[name] != "":
					p.checkMethod(u, f, call, path, withContext[name])
				}
				return true
			})
		}
	}
	for _, bg := range backgrounds {
		made := p.graph.result(bg.call, 0)
		reached, near := p.graph.reachCalls(made), p.inFunction(made)
		hits := false
		for n := range reached {
			hits = hits || sinks[n]
		}
		if !hits || isFallback(bg.unit, bg.path) || slices.ContainsFunc(several, func(contexts []node) bool {
			n := 0
			for _, c := range contexts {
				if near[c] {
					n++
				}
			}
			return n > 0 && n < len(contexts) // the call may copy what another context holds
		}) {
			continue
		}
		fx := &fixer{program: p, unit: bg.unit, file: bg.file}
		ctx := fx.contextAt(bg.path, bg.call.Pos())
		if ctx == "" {
			ctx = fx.detached(bg.path, bg.call)
		}
		if ctx == "" {
			p.skipped = append(p.skipped, skipped{"GT302", bg.unit, bg.call.Pos()})
			continue
		}
		fx.replace(bg.call, ctx)
		fx.what = "use " + ctx
		p.report(fx, "GT302", bg.call, types.ExprString(bg.call)+" loses the trace of the context in scope")
	}
	for _, r := range newRequests {
		if reachesAny(p.graph.reach(p.graph.result(r.call, 0)), requests) {
			continue
		}
		ctx := r.fx.contextAt(r.path, r.call.Pos())
		if ctx == "" {
			p.skipped = append(p.skipped, skipped{"GT303", r.fx.unit, r.call.Pos()})
			continue
		}
		r.fx.withContext(r.call, "NewRequestWithContext", ctx, "")
		p.report(r.fx, "GT303", r.call, types.ExprString(r.call.Fun)+": the request has no context")
	}
}

// contexts returns the nodes of the contexts that a call gets.
func (b *builder) contexts(call *ast.CallExpr) (nodes []node) {
	for _, arg := range call.Args {
		if isContext(b.info.TypeOf(arg)) {
			nodes = append(nodes, b.value(arg))
		}
	}
	return nodes
}

// isFallback reports whether a context is made because there is none.
func isFallback(u *unit, path []ast.Node) bool {
	for _, n := range path {
		if n, ok := n.(*ast.IfStmt); ok {
			if c, ok := n.Cond.(*ast.BinaryExpr); ok && c.Op == token.EQL && isContext(u.info.TypeOf(c.X)) {
				return true
			}
		}
	}
	return false
}

// detached returns an expression for the context of the request around a go statement, without its
// end: what runs there may outlive the request.
func (f *fixer) detached(path []ast.Node, call *ast.CallExpr) string {
	i := slices.IndexFunc(path, func(n ast.Node) bool { _, ok := n.(*ast.GoStmt); return ok })
	if i < 0 || slices.ContainsFunc(path[i+1:], func(n ast.Node) bool {
		switch n.(type) {
		case *ast.GoStmt, *ast.DeferStmt:
			return true
		}
		return false
	}) {
		return ""
	}
	q, ok := f.qualifier(call.Fun)
	ctx := f.contextAt(path[:i], path[i].Pos())
	if ctx == "" || !ok || version.Compare(f.unit.pkg.GoVersion(), "go1.21") < 0 {
		return ""
	}
	// The names mean the same inside the function literal.
	name, _, _ := strings.Cut(ctx, ".")
	scope := f.unit.pkg.Scope().Innermost(call.Pos())
	_, inside := scope.LookupParent(name, call.Pos())
	_, outside := f.unit.pkg.Scope().Innermost(path[i].Pos()).LookupParent(name, path[i].Pos())
	if inside != outside {
		return ""
	}
	return fmt.Sprintf("%s.WithoutCancel(%s)", q, ctx)
}

func reachesAny(reached set, of map[node]bool) bool {
	for n := range reached {
		if of[n] {
			return true
		}
	}
	return false
}

func (p *program) report(fx *fixer, rule string, n ast.Node, message string) {
	f := finding{rule: rule, message: message, unit: fx.unit, file: fx.file, node: n}
	if !isGenerated(fx.file) {
		f.edits, f.fix, f.requires = fx.edits, fx.what, fx.requires
	}
	if f.fix != "" {
		f.message += "; " + f.fix
	}
	p.findings = append(p.findings, f)
}

// recordedContext returns which argument of a function of a wrapped library is the context under
// which a wrapper records the call, or -1.
func recordedContext(fn *types.Func) int {
	s := fn.Signature()
	if fn.Pkg() == nil || s.Params().Len() == 0 || !isContext(s.Params().At(0).Type()) {
		return -1
	}
	switch path := fn.Pkg().Path(); {
	case path == "database/sql" || path == sqlx || path == redis:
		return 0
	case path == "net/http" && fn.Name() == "NewRequestWithContext":
		return 0
	case strings.HasPrefix(path, nethttp.path):
		return 0
	case strings.HasPrefix(path, elastic+"/esapi") || strings.HasPrefix(path, elastic+"/typedapi"):
		return 0
	case s.Variadic():
		// A method of a generated gRPC client.
		last := s.Params().At(s.Params().Len() - 1).Type().(*types.Slice)
		if isNamed(last.Elem(), grpc, "CallOption") {
			return 0
		}
	}
	return -1
}

func isContext(t types.Type) bool { return t != nil && isNamed(t, "context", "Context") }

// clientMethod returns the function of nethttp for a method of http.Client without a context, or
// "".
func clientMethod(name string) string {
	const prefix = "(*net/http.Client)."
	switch m := strings.TrimPrefix(name, prefix); m {
	case "Get", "Head", "Post", "PostForm":
		if m != name {
			return m
		}
	}
	return ""
}

// checkClientMethod reports client.Get(url) and the like.
func (p *program) checkClientMethod(u *unit, f *ast.File, call *ast.CallExpr, path []ast.Node) {
	selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return
	}
	if p.isDefaultSite(selector.X) {
		return // reported as http.DefaultClient
	}
	fx := &fixer{program: p, unit: u, file: f}
	ctx := fx.contextAt(path, call.Pos())
	if ctx == "" {
		p.skipped = append(p.skipped, skipped{"GT101", u, call.Pos()})
		return
	}
	client, ok := clientOf(u, selector)
	if !ok || hasSeveral(u, call) {
		p.report(fx, "GT101", call, types.ExprString(call.Fun)+": the call has no context")
		return
	}
	n := fx.use(nethttp, call.Pos())
	fx.replace(call.Fun, n+"."+selector.Sel.Name)
	fx.insert(call.Lparen+1, ctx+", "+client+", ")
	fx.what = fmt.Sprintf("use %s.%s", n, selector.Sel.Name)
	p.report(fx, "GT101", call, types.ExprString(call.Fun)+": the call has no context")
}

// clientOf returns an expression for the *http.Client in x of x.Get, which may be embedded in x.
func clientOf(u *unit, selector *ast.SelectorExpr) (client string, ok bool) {
	selection := u.info.Selections[selector]
	if selection == nil {
		return "", false
	}
	client, t := types.ExprString(selector.X), selection.Recv()
	for _, i := range selection.Index()[:len(selection.Index())-1] {
		s, ok := under(deref(t)).(*types.Struct)
		if !ok {
			return "", false
		}
		client, t = client+"."+s.Field(i).Name(), s.Field(i).Type()
	}
	if _, ok := types.Unalias(t).(*types.Pointer); !ok {
		client = "&" + client
	}
	return client, true
}

// hasSeveral reports whether a call gets the results of another call as its arguments.
func hasSeveral(u *unit, call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	_, ok := u.info.TypeOf(call.Args[0]).(*types.Tuple)
	return ok
}

func (p *program) isDefaultSite(e ast.Expr) bool {
	return slices.ContainsFunc(p.sites, func(s *site) bool { return s.expr == ast.Unparen(e) })
}

// checkMethod reports a method of database/sql or sqlx that takes no context.
func (p *program) checkMethod(u *unit, f *ast.File, call *ast.CallExpr, path []ast.Node, method string) {
	fx := &fixer{program: p, unit: u, file: f}
	ctx := fx.contextAt(path, call.Pos())
	if ctx == "" {
		p.skipped = append(p.skipped, skipped{"GT301", u, call.Pos()})
		return
	}
	after := ""
	if strings.Contains(method, "Begin") {
		after = "nil"
	}
	fx.withContext(call, method, ctx, after)
	p.report(fx, "GT301", call, types.ExprString(call.Fun)+": the call has no context")
}

// withContext renames the function of a call, and adds its context, and another argument if it is
// not "".
func (f *fixer) withContext(call *ast.CallExpr, function, ctx, after string) {
	selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || hasSeveral(f.unit, call) {
		return
	}
	f.replace(selector.Sel, function)
	if after != "" {
		ctx += ", " + after
	}
	if len(call.Args) > 0 {
		ctx += ", "
	}
	f.insert(call.Lparen+1, ctx)
	f.what = "use " + function
}

// isEndpoint reports whether t is a function of Elasticsearch's API.
func isEndpoint(t types.Type) bool {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || n.Obj().Pkg() == nil || n.Obj().Pkg().Path() != elastic+"/esapi" {
		return false
	}
	_, ok = n.Underlying().(*types.Signature)
	return ok
}

// isPath reports whether e is made of names and dots, so that it can be written twice.
func isPath(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		return isPath(e.X)
	}
	return false
}

// required returns how many arguments a variadic function needs.
func required(t types.Type) int { return under(t).(*types.Signature).Params().Len() - 1 }

// checkEndpoint reports a call of Elasticsearch's API without WithContext.
func (p *program) checkEndpoint(u *unit, f *ast.File, call *ast.CallExpr, path []ast.Node) {
	if call.Ellipsis.IsValid() {
		return
	}
	for i, arg := range call.Args {
		if i < required(u.info.TypeOf(call.Fun)) {
			continue
		}
		option, ok := ast.Unparen(arg).(*ast.CallExpr)
		if !ok {
			return // it may be anything
		}
		if s, ok := option.Fun.(*ast.SelectorExpr); !ok || s.Sel.Name == "WithContext" {
			return
		}
	}
	fx := &fixer{program: p, unit: u, file: f}
	ctx := fx.contextAt(path, call.Pos())
	if ctx == "" {
		p.skipped = append(p.skipped, skipped{"GT304", u, call.Pos()})
		return
	}
	fun := types.ExprString(call.Fun)
	if !isPath(call.Fun) {
		p.report(fx, "GT304", call, fun+": the call has no context")
		return
	}
	option := fmt.Sprintf("%s.WithContext(%s)", fun, ctx)
	if len(call.Args) > 0 {
		option = ", " + option
	}
	fx.insert(fx.afterArguments(call), option)
	fx.what = "add " + fun + ".WithContext"
	p.report(fx, "GT304", call, fun+": the call has no context")
}

// contextAt returns an expression for the context of the request at a position, or "". It does not
// look past a go or defer statement: what runs there may outlive the request.
func (f *fixer) contextAt(path []ast.Node, at token.Pos) string {
	scope := f.unit.pkg.Scope().Innermost(at)
	for i := len(path) - 1; i >= 0; i-- {
		switch n := path[i].(type) {
		case *ast.GoStmt, *ast.DeferStmt:
			return ""
		case *ast.FuncLit:
			if ctx := f.contextOf(n.Type, scope, at); ctx != "" {
				return ctx
			}
		case *ast.FuncDecl:
			if n.Recv != nil {
				if ctx := f.parameters(n.Recv, scope, at); ctx != "" {
					return ctx
				}
			}
			return f.contextOf(n.Type, scope, at)
		}
	}
	return ""
}

// contextOf looks for the innermost variable of a function that is a context, and then for a
// parameter that has one.
func (f *fixer) contextOf(t *ast.FuncType, scope *types.Scope, at token.Pos) string {
	if name := f.local(t, scope, at); name != "" {
		return name
	}
	if t.Params == nil {
		return ""
	}
	return f.parameters(t.Params, scope, at)
}

// local returns the innermost variable of a function that is a context, and comes from one.
func (f *fixer) local(t *ast.FuncType, scope *types.Scope, at token.Pos) string {
	for s := scope; s != nil && s.Pos() >= t.Pos(); s = s.Parent() { // a function's scope begins with its type
		var found *types.Var
		for _, name := range s.Names() {
			v, ok := s.Lookup(name).(*types.Var)
			if !ok || v.Pos() >= at || !isContext(v.Type()) || !f.isDerived(v) {
				continue
			}
			if _, o := scope.LookupParent(name, at); o == types.Object(v) && (found == nil || v.Pos() > found.Pos()) {
				found = v
			}
		}
		if found != nil {
			return found.Name()
		}
	}
	return ""
}

// isDerived reports whether v has a value, to which no context without a parent flows.
func (f *fixer) isDerived(v *types.Var) bool {
	n := f.graph.variable(v)
	return (f.isParameter[n] || f.hasSource[n]) && !f.reachedByBackground()[f.graph.variable(v)]
}

// parameters returns the context of the first parameter that has one.
func (f *fixer) parameters(list *ast.FieldList, scope *types.Scope, at token.Pos) string {
	for _, field := range list.List {
		for _, name := range field.Names {
			v, ok := f.unit.info.Defs[name].(*types.Var)
			if !ok || name.Name == "_" {
				continue
			}
			if _, o := scope.LookupParent(name.Name, at); o != types.Object(v) {
				continue
			}
			switch t := v.Type(); {
			case isContext(t):
				return name.Name
			case isPointerTo(t, "net/http", "Request"):
				return name.Name + ".Context()"
			case isPointerTo(t, gin, "Context"):
				return name.Name + ".Request.Context()"
			case isNamed(t, echo, "Context"):
				return name.Name + ".Request().Context()"
			case isStream(t):
				return name.Name + ".Context()"
			}
		}
	}
	return ""
}

func isPointerTo(t types.Type, path, name string) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && isNamed(p.Elem(), path, name)
}

// isStream reports whether t is the server's side of a gRPC stream.
func isStream(t types.Type) bool {
	if !types.IsInterface(t) {
		return false
	}
	has := func(name string) bool {
		o, _, _ := types.LookupFieldOrMethod(t, false, nil, name)
		return o != nil
	}
	return has("Context") && has("SendMsg") && has("SetTrailer")
}

// reachedByBackground returns the variables of functions that hold a context without a parent. It
// does not follow contexts into other functions: for those, a parameter is a context of its own.
func (p *program) reachedByBackground() set {
	if p.rootless != nil {
		return p.rootless
	}
	p.rootless = p.inFunction(p.backgrounds...)
	return p.rootless
}

// inFunction returns what reach returns, up to the parameters of other functions.
func (p *program) inFunction(from ...node) set {
	seen := set{}
	for left := slices.Clone(from); len(left) > 0; {
		n := left[len(left)-1]
		left = left[:len(left)-1]
		if seen[n] || p.isParameter[n] {
			continue
		}
		seen[n] = true
		for _, to := range p.graph.flows[n] {
			if pass, ok := p.graph.passes[[2]node{n, to}]; ok { // what comes out of the call is of this function again
				for _, i := range p.graph.summary(to, pass) {
					left = append(left, p.graph.result(pass.call, i))
				}
			}
			left = append(left, to)
		}
	}
	return seen
}
