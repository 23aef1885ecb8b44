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

	"golang.org/x/tools/go/ast/astutil"
)

// isFallback reports whether a context is made in the body of "if ctx == nil".
func isFallback(u *unit, path []ast.Node) bool {
	return slices.ContainsFunc(path, func(n ast.Node) bool {
		branch, ok := n.(*ast.IfStmt)
		if !ok {
			return false
		}
		c, ok := branch.Cond.(*ast.BinaryExpr)
		return ok && c.Op == token.EQL && isContext(u.info.TypeOf(c.X))
	})
}

// contextAt returns an expression for the context of the request at a position, or "". path are the
// nodes around the position.
//
// A function literal may run after the request, unless it is called in place. So may a function
// that go starts. There, the expression is for a context that does not end with the request.
//
// It does not look for contexts outside of a go or defer statement. After go, see [fixer.detached].
// When a deferred call runs, the context may have ended.
func (f *fixer) contextAt(path []ast.Node, at token.Pos) string {
	l := &lookup{f, path, f.unit.pkg.Scope().Innermost(at), at}
	outlives := false
	for i, n := range slices.Backward(path) {
		ctx := ""
		switch n := n.(type) {
		case *ast.GoStmt, *ast.DeferStmt:
			return ""
		case *ast.FuncLit:
			ctx = l.contextOf(n.Type)
			if call, ok := path[i-1].(*ast.CallExpr); ok && ast.Unparen(call.Fun) == n {
				_, isGo := path[i-2].(*ast.GoStmt)
				outlives = outlives || isGo
			} else if ctx == "" {
				outlives = true
			}
		case *ast.FuncDecl:
			ctx = l.contextOf(n.Type)
		}
		switch {
		case ctx != "" && outlives:
			return f.withoutEnd(ctx, at)
		case ctx != "":
			return ctx
		}
	}
	return ""
}

// detached returns an expression for a context for work that a go statement starts. It has the
// values of the context at that statement, but does not end with it. It returns "" if there is no
// such context, or if another go or defer statement is inside.
func (f *fixer) detached(path []ast.Node, call *ast.CallExpr) string {
	i := slices.IndexFunc(path, func(n ast.Node) bool { _, ok := n.(*ast.GoStmt); return ok })
	if i < 0 || hasNode[*ast.GoStmt](path[i+1:]) || hasNode[*ast.DeferStmt](path[i+1:]) {
		return ""
	}
	ctx := f.contextAt(path[:i], path[i].Pos())
	// The expression must mean the same at the call.
	name, _, _ := strings.Cut(ctx, ".")
	scope := f.unit.pkg.Scope()
	_, inside := scope.Innermost(call.Pos()).LookupParent(name, call.Pos())
	_, outside := scope.Innermost(path[i].Pos()).LookupParent(name, path[i].Pos())
	if inside != outside {
		return ""
	}
	return f.withoutEnd(ctx, call.Pos())
}

// withoutEnd returns an expression for a context that has the values of ctx, but does not end with
// it. It returns "" if ctx is "", or if the Go version has no context.WithoutCancel.
func (f *fixer) withoutEnd(ctx string, at token.Pos) string {
	if ctx == "" || version.Compare(f.unit.pkg.GoVersion(), "go1.21") < 0 {
		return ""
	}
	if strings.Contains(ctx, ".WithoutCancel(") {
		return ctx
	}
	return fmt.Sprintf("%s.WithoutCancel(%s)", f.imported("context", "context", at), ctx)
}

// lookup looks for the context at a position.
type lookup struct {
	*fixer
	path  []ast.Node // the nodes around the position, the file first
	scope *types.Scope
	at    token.Pos
}

// contextOf returns an expression for the context in a function of type t: the innermost local
// variable or parameter that is a context, or else a parameter that has one.
func (l *lookup) contextOf(t *ast.FuncType) string {
	if name := l.local(t); name != "" {
		return name
	}
	return l.parameters(t.Params)
}

// local returns the innermost variable of a function that is a usable context, or "".
func (l *lookup) local(t *ast.FuncType) string {
	for s := l.scope; s != nil && s.Pos() >= t.Pos(); s = s.Parent() { // a function's scope begins with its type
		var found *types.Var
		for _, name := range s.Names() {
			v, ok := s.Lookup(name).(*types.Var)
			if !ok || !isContext(v.Type()) || !l.means(name, v) || !l.isDerived(v) || !l.isSet(v) || l.hasEnded(name, v) {
				continue
			}
			if found == nil || v.Pos() > found.Pos() {
				found = v
			}
		}
		if found != nil {
			return found.Name()
		}
	}
	return ""
}

// parameters returns an expression for the context of the first parameter that has one, or "".
func (l *lookup) parameters(list *ast.FieldList) string {
	for _, field := range list.List {
		for _, name := range field.Names {
			v, ok := l.unit.info.Defs[name].(*types.Var)
			if !ok || !l.means(name.Name, v) {
				continue
			}
			if ctx := contextIn(name.Name, v.Type()); ctx != "" && !l.hasEnded(ctx, v) {
				return ctx
			}
		}
	}
	return ""
}

// means reports whether a name means v at the position.
func (l *lookup) means(name string, v *types.Var) bool {
	_, o := l.scope.LookupParent(name, l.at)
	return o == types.Object(v)
}

// isDerived reports whether v has a value that comes from another context. It does not come from
// context.Background or context.TODO.
func (l *lookup) isDerived(v *types.Var) bool {
	n := l.graph.variable(v)
	return (l.isParameter[n] || l.hasSource[n]) && !l.reachedByBackground()[n]
}

// isSet reports whether v has a value on every path to the position. v is a parameter, is declared
// with a value, or is assigned earlier in a block around the position.
func (l *lookup) isSet(v *types.Var) bool {
	if l.isParameter[l.graph.variable(v)] || l.isDeclaredWithValue(v) {
		return true
	}
	return slices.ContainsFunc(l.path, func(n ast.Node) bool {
		return slices.ContainsFunc(statements(n), func(s ast.Stmt) bool {
			assign, ok := s.(*ast.AssignStmt)
			return ok && assign.End() <= l.at && l.assigns(assign, v)
		})
	})
}

// isDeclaredWithValue reports whether v is declared by v := x or var v = x, and not by var v T or
// as a result of its function.
func (l *lookup) isDeclaredWithValue(v *types.Var) bool {
	around, _ := astutil.PathEnclosingInterval(l.file, v.Pos(), v.Pos())
	for _, n := range around {
		switch n := n.(type) {
		case *ast.AssignStmt:
			return true
		case *ast.ValueSpec:
			return len(n.Values) > 0
		case *ast.BlockStmt, *ast.FuncType:
			return false
		}
	}
	return false
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

// reachedByBackground returns the nodes to which the results of context.Background and context.TODO
// flow, within the function of each call. It does not follow arguments into other functions: there,
// a parameter is a context of its own.
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

// inFunction returns what reach returns, but does not enter other functions by their parameters. It
// follows an argument that a function returns to the result of the call.
func (p *program) inFunction(from node) set {
	return walk(from, func(left []node, n node) []node {
		for _, to := range p.graph.flows[n] {
			if pass, ok := p.graph.passes[[2]node{n, to}]; ok {
				left = append(left, p.graph.comesOut(to, pass)...)
			}
			if !p.isParameter[to] {
				left = append(left, to)
			}
		}
		return left
	})
}
