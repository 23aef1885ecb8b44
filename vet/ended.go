package vet

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// hasEnded reports whether the context ctx has ended at the position, or ends before the caller
// uses what the position returns. v is the variable in ctx.
//
// A context has ended after <-ctx.Done(), in the body of "if ctx.Err() != nil", and after a call of
// its cancel function or of Wait of its errgroup.Group.
func (l *lookup) hasEnded(ctx string, v *types.Var) (ended bool) {
	same := l.sameContext(ctx)
	isCall := func(e ast.Expr, method string) bool { // of a method of the context
		call, ok := ast.Unparen(e).(*ast.CallExpr)
		if !ok {
			return false
		}
		selector, ok := call.Fun.(*ast.SelectorExpr)
		return ok && selector.Sel.Name == method && same[types.ExprString(selector.X)]
	}
	isErr := func(e ast.Expr) bool { return isCall(e, "Err") }
	enders := l.enders(v)
	inReturn := hasNode[*ast.ReturnStmt](l.path)
	ast.PreorderStack(l.declaration(), nil, func(n ast.Node, around []ast.Node) bool {
		if n.Pos() >= l.at {
			return false
		}
		switch n := n.(type) {
		case *ast.UnaryExpr:
			ended = ended || n.Op == token.ARROW && isCall(n.X, "Done") && l.isAfter(n, around)
		case *ast.IfStmt:
			inBody := n.Body.Pos() < l.at && l.at < n.Body.End()
			ended = ended || inBody && (contains(n.Init, isErr) || contains(n.Cond, isErr))
		case *ast.CallExpr:
			switch isDeferred := hasNode[*ast.DeferStmt](around); {
			case !enders[callee(l.unit.info, n)]:
			case isDeferred: // it runs before the caller reads what is returned, such as rows
				ended = ended || inReturn
			default:
				ended = ended || l.isAfter(n, around)
			}
		}
		return !ended
	})
	return ended
}

// declaration returns the function or other declaration around the position.
func (l *lookup) declaration() ast.Node { return l.path[1] }

// sameContext returns the expressions in the declaration that mean the same context as ctx, with
// ctx. After c := r.Context(), these are c and r.Context().
func (l *lookup) sameContext(ctx string) map[string]bool {
	same := map[string]bool{ctx: true}
	pair := func(to, from ast.Expr) {
		if a, b := types.ExprString(to), types.ExprString(from); same[a] || same[b] {
			same[a], same[b] = true, true
		}
	}
	for known := 0; known < len(same); {
		known = len(same)
		ast.Inspect(l.declaration(), func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i := range n.Lhs {
					if len(n.Lhs) == len(n.Rhs) {
						pair(n.Lhs[i], n.Rhs[i])
					}
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if len(n.Names) == len(n.Values) {
						pair(name, n.Values[i])
					}
				}
			}
			return true
		})
	}
	return same
}

// enders returns v and the variables that are assigned together with the context v, such as its
// cancel function or an errgroup.Group.
func (l *lookup) enders(v *types.Var) map[*types.Var]bool {
	all := map[*types.Var]bool{}
	ast.Inspect(l.declaration(), func(n ast.Node) bool {
		if assign, ok := n.(*ast.AssignStmt); ok && l.assigns(assign, v) {
			for _, e := range assign.Lhs {
				if other := variableOf(l.unit.info, e); other != nil {
					all[other] = true
				}
			}
		}
		return true
	})
	return all
}

// assigns reports whether a statement assigns to v.
func (l *lookup) assigns(stmt *ast.AssignStmt, v *types.Var) bool {
	return slices.ContainsFunc(stmt.Lhs, func(e ast.Expr) bool { return variableOf(l.unit.info, e) == v })
}

// callee returns the variable f of f(), or g of g.Wait().
func callee(info *types.Info, call *ast.CallExpr) *types.Var {
	if selector, ok := call.Fun.(*ast.SelectorExpr); ok && selector.Sel.Name == "Wait" {
		return variableOf(info, selector.X)
	}
	return variableOf(info, call.Fun)
}

// isAfter reports whether n has run whenever the position is reached: the block or clause of n also
// has the position, further down. around are the nodes around n.
func (l *lookup) isAfter(n ast.Node, around []ast.Node) bool {
	for _, outer := range slices.Backward(around) {
		switch outer.(type) {
		case *ast.BlockStmt, *ast.CommClause, *ast.CaseClause:
			return n.End() <= l.at && slices.Contains(l.path, outer)
		}
	}
	return false
}

// contains reports whether an expression in n satisfies is. n may be nil.
func contains(n ast.Node, is func(ast.Expr) bool) (yes bool) {
	if n == nil {
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

// hasNode reports whether one of nodes is a T.
func hasNode[T ast.Node](nodes []ast.Node) bool {
	return slices.ContainsFunc(nodes, func(n ast.Node) bool { _, ok := n.(T); return ok })
}
