package vet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"go/version"
	"maps"
	"slices"
	"strings"
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

// detached returns an expression for the context of the request around a go statement. It does not
// end with the request, which what runs there may outlive.
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

// isDerived reports whether v has a value, and no context without a parent flows to it.
func (f *fixer) isDerived(v *types.Var) bool {
	n := f.graph.variable(v)
	return (f.isParameter[n] || f.hasSource[n]) && !f.reachedByBackground()[n]
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
