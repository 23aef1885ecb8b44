package vet

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/types"
	"maps"
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

// place is a call in the source.
type place struct {
	unit *unit
	file *ast.File
	call *ast.CallExpr
	path []ast.Node // the nodes around it, the file first
}

// collectContext notes what a call does with contexts.
func (b *builder) collectContext(fn *types.Func, name string, args []node, at place) {
	switch name {
	case "context.Background", "context.TODO":
		if !getsSpan(at) {
			b.backgrounds = append(b.backgrounds, at)
		}
	case "net/http.NewRequest":
		b.newRequests = append(b.newRequests, at)
	case "(*net/http.Request).WithContext", "(*net/http.Request).Clone":
		if s, ok := at.call.Fun.(*ast.SelectorExpr); ok {
			b.lateContexts[b.value(s.X)] = true
		}
	}
	if clientMethod(name) != "" || withContext[name] != "" {
		b.withoutContext = append(b.withoutContext, at)
	}
	if i := recordedContext(fn); i >= 0 && i < len(args) && args[i] != none {
		b.recorded[args[i]] = true
	}
	contexts := b.contexts(at.call)
	if len(contexts) > 1 {
		b.severalContexts = append(b.severalContexts, contexts)
	}
	if len(contexts) > 0 && len(args) == len(at.call.Args) { // as ctxhttp.Do does
		for i, arg := range at.call.Args {
			if isPointerTo(b.info.TypeOf(arg), "net/http", "Request") {
				b.lateContexts[args[i]] = true
			}
		}
	}
}

// getsSpan reports whether a context is made to carry a span, as an argument of ContextWithSpan.
func getsSpan(at place) bool {
	call, ok := at.path[len(at.path)-1].(*ast.CallExpr)
	if !ok {
		return false
	}
	fn := functionOf(at.unit.info, call.Fun)
	return fn != nil && strings.HasPrefix(fn.Name(), "ContextWith") && strings.Contains(fn.Name(), "Span")
}

// checkContexts reports calls that do not get the context that is in scope.
func (p *program) checkContexts() {
	for _, at := range p.endpoints {
		p.checkEndpoint(at)
	}
	for _, at := range p.withoutContext {
		name := typeutil.Callee(at.unit.info, at.call).(*types.Func).Origin().FullName()
		if method := withContext[name]; method != "" {
			p.checkMethod(at, method)
		} else {
			p.checkClientMethod(at)
		}
	}
	recording := p.graph.leading(slices.Collect(maps.Keys(p.recorded)))
	for _, at := range p.backgrounds {
		p.checkBackground(at, recording)
	}
	for _, at := range p.newRequests {
		p.checkNewRequest(at)
	}
}

// fixer returns a fixer for a call, and an expression for the context in scope. Without one, it
// counts the call as skipped.
func (p *program) fixer(rule string, at place) (fx *fixer, ctx string) {
	fx = &fixer{program: p, unit: at.unit, file: at.file}
	if ctx = fx.contextAt(at.path, at.call.Pos()); ctx == "" && rule == "GT302" {
		ctx = fx.detached(at.path, at.call)
	}
	if ctx == "" {
		p.skipped = append(p.skipped, skipped{rule, at.unit, at.call.Pos()})
	}
	return fx, ctx
}

// checkBackground reports a context without a parent that reaches a call that a wrapper records.
// Contexts reach such calls only through the nodes in recording.
func (p *program) checkBackground(at place, recording []bool) {
	made := p.graph.result(at.call, 0)
	if !p.graph.reachCalls(made, recording).meets(p.recorded) || isFallback(at.unit, at.path) {
		return
	}
	near := p.inFunction(made)
	for _, contexts := range p.severalContexts {
		isNear := func(n node) bool { return near[n] }
		isFar := func(n node) bool { return !near[n] }
		if slices.ContainsFunc(contexts, isNear) && slices.ContainsFunc(contexts, isFar) {
			return // the call may copy what the other context holds
		}
	}
	fx, ctx := p.fixer("GT302", at)
	if ctx == "" {
		return
	}
	fx.replace(at.call, ctx)
	fx.what = "use " + ctx
	p.report(fx, "GT302", at.call, types.ExprString(at.call)+" loses the trace of the context in scope")
}

// checkNewRequest reports a request that never gets a context.
func (p *program) checkNewRequest(at place) {
	if p.graph.reach(p.graph.result(at.call, 0)).meets(p.lateContexts) {
		return
	}
	fx, ctx := p.fixer("GT303", at)
	if ctx == "" {
		return
	}
	fx.withContext(at.call, "NewRequestWithContext", ctx, "")
	p.report(fx, "GT303", at.call, types.ExprString(at.call.Fun)+": the request has no context")
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

func (p *program) report(fx *fixer, rule string, n ast.Node, message string) {
	fx.finish()
	f := finding{rule: rule, message: message, unit: fx.unit, file: fx.file, node: n}
	f.edits, f.fix, f.requires = fx.edits, fx.what, fx.requires
	if what := cmp.Or(f.fix, fx.advice); what != "" {
		f.message += "; " + what
	}
	p.findings = append(p.findings, f)
}

// recordedContext returns the index of the context under which a wrapper records a call of fn. It
// returns -1 if no wrapper does.
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
func (p *program) checkClientMethod(at place) {
	selector, ok := ast.Unparen(at.call.Fun).(*ast.SelectorExpr)
	if !ok {
		return
	}
	isDefault := func(s *site) bool { return s.expr == ast.Unparen(selector.X) }
	if slices.ContainsFunc(p.sites, isDefault) {
		return // reported as http.DefaultClient
	}
	fx, ctx := p.fixer("GT101", at)
	if ctx == "" {
		return
	}
	if client, ok := clientOf(at.unit, selector); ok && !hasSeveral(at.unit, at.call) {
		fx.useFunction(at.call, selector.Sel.Name, ctx, client)
	}
	p.report(fx, "GT101", at.call, types.ExprString(at.call.Fun)+": the call has no context")
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

// checkMethod reports a method of database/sql or sqlx that takes no context.
func (p *program) checkMethod(at place, method string) {
	fx, ctx := p.fixer("GT301", at)
	if ctx == "" {
		return
	}
	after := ""
	if strings.Contains(method, "Begin") {
		after = "nil"
	}
	fx.withContext(at.call, method, ctx, after)
	p.report(fx, "GT301", at.call, types.ExprString(at.call.Fun)+": the call has no context")
}

// withContext renames the function of a call. It adds the context as the first argument, and after
// next to it unless that is "".
func (f *fixer) withContext(call *ast.CallExpr, function, ctx, after string) {
	if hasSeveral(f.unit, call) {
		return
	}
	name := ast.Unparen(call.Fun)
	if selector, ok := name.(*ast.SelectorExpr); ok {
		name = selector.Sel
	}
	f.replace(name, function)
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

// required returns how many arguments a variadic function needs.
func required(t types.Type) int { return under(t).(*types.Signature).Params().Len() - 1 }

// checkEndpoint reports a call of Elasticsearch's API without WithContext.
func (p *program) checkEndpoint(at place) {
	call := at.call
	if call.Ellipsis.IsValid() {
		return
	}
	for i, arg := range call.Args {
		if i < required(at.unit.info.TypeOf(call.Fun)) {
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
	fx, ctx := p.fixer("GT304", at)
	if ctx == "" {
		return
	}
	fun := types.ExprString(call.Fun)
	if isPath(call.Fun) {
		option := fmt.Sprintf("%s.WithContext(%s)", fun, ctx)
		if len(call.Args) > 0 {
			option = ", " + option
		}
		fx.insert(afterArguments(call), option)
		fx.what = "add " + fun + ".WithContext"
	}
	p.report(fx, "GT304", call, fun+": the call has no context")
}
