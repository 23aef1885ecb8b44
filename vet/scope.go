package vet

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"maps"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/tools/go/ast/astutil"
)

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
	ctx := f.contextAt(path[:i], path[i].Pos())
	// The names mean the same inside the function literal.
	name, _, _ := strings.Cut(ctx, ".")
	scope := f.unit.pkg.Scope().Innermost(call.Pos())
	_, inside := scope.LookupParent(name, call.Pos())
	_, outside := f.unit.pkg.Scope().Innermost(path[i].Pos()).LookupParent(name, path[i].Pos())
	if inside != outside {
		return ""
	}
	return f.withoutEnd(ctx, call.Pos())
}

// withoutEnd returns an expression for a context that has the values of ctx, but does not end with
// it. It returns "" if ctx is "", or if the Go version has no such context.
func (f *fixer) withoutEnd(ctx string, at token.Pos) string {
	if ctx == "" || version.Compare(f.unit.pkg.GoVersion(), "go1.21") < 0 {
		return ""
	}
	if strings.Contains(ctx, ".WithoutCancel(") {
		return ctx
	}
	return fmt.Sprintf("%s.WithoutCancel(%s)", f.imported("context", "context", at), ctx)
}

// contextAt returns an expression for the context of the request at a position, or "". It does not
// look past a go or defer statement: what runs there may outlive the request. So may a function
// literal that is not called where it is. There, the context is one that does not end.
func (f *fixer) contextAt(path []ast.Node, at token.Pos) string {
	l := &lookup{f, path, f.unit.pkg.Scope().Innermost(at), at}
	outlives := false
	for i := len(path) - 1; i >= 0; i-- {
		ctx := ""
		switch n := path[i].(type) {
		case *ast.GoStmt, *ast.DeferStmt:
			return ""
		case *ast.FuncLit:
			ctx = l.contextOf(n.Type)
			call, isCalled := path[i-1].(*ast.CallExpr)
			isCalled = isCalled && ast.Unparen(call.Fun) == ast.Expr(n)
			if isCalled {
				_, isGo := path[i-2].(*ast.GoStmt)
				outlives = outlives || isGo
			}
			if ctx == "" {
				outlives = outlives || !isCalled
				continue
			}
		case *ast.FuncDecl:
			if n.Recv != nil {
				ctx = l.parameters(n.Recv)
			}
			ctx = cmp.Or(ctx, l.contextOf(n.Type))
			if ctx == "" {
				return ""
			}
		default:
			continue
		}
		if outlives {
			return f.withoutEnd(ctx, at)
		}
		return ctx
	}
	return ""
}

// lookup looks for the context at a position.
type lookup struct {
	*fixer
	path  []ast.Node // the nodes around the position, the file first
	scope *types.Scope
	at    token.Pos
}

// contextOf looks for the innermost variable of a function that is a context, and then for a
// parameter that has one.
func (l *lookup) contextOf(t *ast.FuncType) string {
	if name := l.local(t); name != "" {
		return name
	}
	if t.Params == nil {
		return ""
	}
	return l.parameters(t.Params)
}

// local returns the innermost variable of a function that is a context, and comes from one.
func (l *lookup) local(t *ast.FuncType) string {
	for s := l.scope; s != nil && s.Pos() >= t.Pos(); s = s.Parent() { // a function's scope begins with its type
		var found *types.Var
		for _, name := range s.Names() {
			v, ok := s.Lookup(name).(*types.Var)
			if !ok || v.Pos() >= l.at || !isContext(v.Type()) || !l.isDerived(v) || !l.isSet(v) || l.hasEnded(name, v) {
				continue
			}
			if _, o := l.scope.LookupParent(name, l.at); o == types.Object(v) && (found == nil || v.Pos() > found.Pos()) {
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
	return (f.isParameter[n] || f.hasSource[n]) && !f.reachedByBackground()[n]
}

// isSet reports whether v is not nil at the position: it was declared with a value, or gets one on
// every way to the position.
func (l *lookup) isSet(v *types.Var) bool {
	if _, ok := l.declaredAs(v).(*ast.AssignStmt); ok || l.isParameter[l.graph.variable(v)] {
		return true
	}
	if spec, ok := l.declaredAs(v).(*ast.ValueSpec); ok && len(spec.Values) > 0 {
		return true
	}
	for _, n := range l.path {
		for _, s := range statements(n) {
			assign, ok := s.(*ast.AssignStmt)
			if ok && assign.End() <= l.at && slices.ContainsFunc(assign.Lhs, func(e ast.Expr) bool {
				return variableOf(l.unit.info, e) == v
			}) {
				return true
			}
		}
	}
	return false
}

// declaredAs returns the statement that declares v, or nil.
func (l *lookup) declaredAs(v *types.Var) (stmt ast.Node) {
	around, _ := astutil.PathEnclosingInterval(l.file, v.Pos(), v.Pos())
	for _, n := range around {
		switch n.(type) {
		case *ast.AssignStmt, *ast.ValueSpec:
			return n
		case *ast.BlockStmt, *ast.FuncType:
			return nil
		}
	}
	return nil
}

// hasEnded reports whether the context ctx has ended at the position, or ends when a statement
// there returns. v is its variable, or nil.
func (l *lookup) hasEnded(ctx string, v *types.Var) (ended bool) {
	isCall := func(e ast.Expr, method string) bool { // of ctx.method
		call, ok := ast.Unparen(e).(*ast.CallExpr)
		if !ok {
			return false
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		return ok && selector.Sel.Name == method && types.ExprString(selector.X) == ctx
	}
	enders := l.enders(v)
	inReturn := slices.ContainsFunc(l.path, func(n ast.Node) bool { _, ok := n.(*ast.ReturnStmt); return ok })
	ast.PreorderStack(l.declaration(), nil, func(n ast.Node, around []ast.Node) bool {
		if n.Pos() >= l.at {
			return false
		}
		switch n := n.(type) {
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && isCall(n.X, "Done") {
				ended = ended || l.isAfter(n, around)
			}
		case *ast.IfStmt:
			if n.Body.Pos() < l.at && l.at < n.Body.End() {
				for _, part := range []ast.Node{n.Init, n.Cond} {
					ended = ended || contains(part, func(e ast.Expr) bool { return isCall(e, "Err") })
				}
			}
		case *ast.CallExpr:
			if !enders[callee(l.unit.info, n)] {
				break
			}
			isDeferred := slices.ContainsFunc(around, func(n ast.Node) bool { _, ok := n.(*ast.DeferStmt); return ok })
			ended = ended || isDeferred && inReturn || !isDeferred && l.isAfter(n, around)
		}
		return !ended
	})
	return ended
}

// declaration returns the function or other declaration around the position.
func (l *lookup) declaration() ast.Node { return l.path[min(1, len(l.path)-1)] }

// enders returns the variables that are set together with the context v, such as its cancel
// function, or an errgroup.Group.
func (l *lookup) enders(v *types.Var) map[*types.Var]bool {
	all := map[*types.Var]bool{}
	if v == nil {
		return all
	}
	ast.Inspect(l.declaration(), func(n ast.Node) bool {
		if assign, ok := n.(*ast.AssignStmt); ok && slices.ContainsFunc(assign.Lhs, func(e ast.Expr) bool {
			return variableOf(l.unit.info, e) == v
		}) {
			for _, e := range assign.Lhs {
				if other := variableOf(l.unit.info, e); other != nil && other != v {
					all[other] = true
				}
			}
		}
		return true
	})
	return all
}

// callee returns the variable f of f(), or g of g.Wait().
func callee(info *types.Info, call *ast.CallExpr) *types.Var {
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "Wait" {
		return variableOf(info, selector.X)
	}
	return variableOf(info, call.Fun)
}

// isAfter reports whether n has run whenever the position is reached.
func (l *lookup) isAfter(n ast.Node, around []ast.Node) bool {
	for i := len(around) - 1; i >= 0; i-- {
		switch around[i].(type) {
		case *ast.BlockStmt, *ast.CommClause, *ast.CaseClause:
			return n.End() <= l.at && slices.Contains(l.path, around[i])
		}
	}
	return false
}

// contains reports whether an expression in n satisfies is.
func contains(n ast.Node, is func(ast.Expr) bool) (yes bool) {
	if n == nil || reflect.ValueOf(n).IsNil() {
		return false
	}
	ast.Inspect(n, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && is(e) {
			yes = true
		}
		return !yes
	})
	return yes
}

// parameters returns the context of the first parameter that has one.
func (l *lookup) parameters(list *ast.FieldList) string {
	for _, field := range list.List {
		for _, name := range field.Names {
			v, ok := l.unit.info.Defs[name].(*types.Var)
			if !ok || name.Name == "_" {
				continue
			}
			if _, o := l.scope.LookupParent(name.Name, l.at); o != types.Object(v) {
				continue
			}
			if ctx := contextIn(name.Name, v.Type()); ctx != "" && !l.hasEnded(ctx, v) {
				return ctx
			}
		}
	}
	return ""
}

// contextIn returns an expression for the context of a variable, or "" if its type has none.
func contextIn(name string, t types.Type) string {
	switch {
	case isContext(t):
		return name
	case isPointerTo(t, "net/http", "Request"), isStream(t):
		return name + ".Context()"
	case isPointerTo(t, gin, "Context"):
		return name + ".Request.Context()"
	case isNamed(t, echo, "Context"):
		return name + ".Request().Context()"
	}
	return ""
}

// reachedByBackground returns the variables of functions that hold a context without a parent. It
// does not follow contexts into other functions: for those, a parameter is a context of its own.
func (p *program) reachedByBackground() set {
	if p.rootless != nil {
		return p.rootless
	}
	p.rootless = set{}
	for _, b := range p.backgrounds {
		maps.Copy(p.rootless, p.inFunction(p.graph.result(b.call, 0)))
	}
	return p.rootless
}

// inFunction returns what reach returns, but does not enter other functions by their parameters.
func (p *program) inFunction(from node) set {
	return walk(from, func(left []node, n node) []node {
		for _, to := range p.graph.flows[n] {
			if pass, ok := p.graph.passes[[2]node{n, to}]; ok { // the call's results are values of this function
				left = append(left, p.graph.comesOut(to, pass)...)
			}
			if !p.isParameter[to] {
				left = append(left, to)
			}
		}
		return left
	})
}
