package vet

import (
	"go/ast"
	"go/types"
	"slices"
)

// node is what holds values: a variable, a field, a function's result, or an expression.
type node int32

const none node = -1

// graph has an edge from a to b if a value of a may become one of b.
//
// A field is one node for all values of its struct. A struct of another module, a map, a slice or a
// channel is one node together with its elements.
type graph struct {
	nodes map[any]node // by *types.Var, *types.Func, ast.Expr or resultKey

	// flows are edges on which the value itself moves. On influences, it becomes a part of another
	// value, as an element of a literal or an argument of an unknown function does.
	flows, influences [][]node

	// These describe the flows of calls, so that a value that enters a function by one call does
	// not leave it by another.
	returns   map[[2]node]bool // edges from a function's result to that of a call
	passes    map[[2]node]pass // edges from an argument to a parameter
	summaries map[node][]int   // see summary
}

// pass is an argument of a call.
type pass struct {
	function any // key of the function
	call     any // key of the call
	results  int
}

// resultKey is the key of a result of a *types.Func, *ast.FuncLit or *ast.CallExpr.
type resultKey struct {
	of any
	i  int
}

func newGraph() *graph {
	return &graph{
		nodes: map[any]node{}, returns: map[[2]node]bool{}, passes: map[[2]node]pass{}, summaries: map[node][]int{},
	}
}

func (g *graph) node(key any) node {
	n, ok := g.nodes[key]
	if !ok {
		n = node(len(g.flows))
		g.nodes[key] = n
		g.flows = append(g.flows, nil)
		g.influences = append(g.influences, nil)
	}
	return n
}

func (g *graph) variable(v *types.Var) node { return g.node(v.Origin()) }

func (g *graph) function(f *types.Func) node { return g.node(f.Origin()) }

func (g *graph) result(of any, i int) node {
	if f, ok := of.(*types.Func); ok {
		of = f.Origin()
	}
	return g.node(resultKey{of, i})
}

// valuesOf returns a node that influences all values of a type. It is none if t has no name.
func (g *graph) valuesOf(t types.Type) node {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return none
	}
	return g.node(n.Origin().Obj())
}

func (g *graph) flow(from, to node) {
	if from != none && to != none && from != to {
		g.flows[from] = append(g.flows[from], to)
	}
}

func (g *graph) influence(from, to node) {
	if from != none && to != none && from != to {
		g.influences[from] = append(g.influences[from], to)
	}
}

// set is a set of nodes.
type set map[node]bool

// meets reports whether a node is in both sets.
func (s set) meets(other set) bool {
	for n := range s {
		if other[n] {
			return true
		}
	}
	return false
}

// walk returns the nodes that are reached from one, with it. next appends those that come after a
// node.
func walk(from node, next func(left []node, n node) []node) set {
	seen := set{}
	for left := []node{from}; len(left) > 0; {
		n := left[len(left)-1]
		left = left[:len(left)-1]
		if n != none && !seen[n] {
			seen[n] = true
			left = next(left, n)
		}
	}
	return seen
}

// reach returns the nodes to which a value of from flows.
func (g *graph) reach(from node) set {
	return walk(from, func(left []node, n node) []node { return append(left, g.flows[n]...) })
}

// isPart reports whether a value of from may be a part of a node that has one of the wanted kinds.
//
// It follows only nodes that can hold the kind.
func (g *graph) isPart(from node, of map[node]kind, wanted kind, holds []kind) bool {
	if len(of) == 0 {
		return false
	}
	seen := make([]bool, len(g.flows)) // not a set: most nodes are reached in a large program
	for left := []node{from}; len(left) > 0; {
		n := left[len(left)-1]
		left = left[:len(left)-1]
		if n == none || seen[n] || int(n) < len(holds) && holds[n]&wanted == 0 {
			continue
		}
		if of[n]&wanted != 0 {
			return true
		}
		seen[n] = true
		left = append(append(left, g.flows[n]...), g.influences[n]...)
	}
	return false
}

// reachCalls returns what reach returns, without paths that are not possible: into a function by
// one call and out by another. It keeps all paths through fields. It follows only nodes in leading.
func (g *graph) reachCalls(from node, leading []bool) set {
	type state struct {
		node   node
		inside bool // of a function that was called, so the path does not leave it by return
	}
	seen, reached := map[state]bool{}, set{}
	for left := []state{{from, false}}; len(left) > 0; {
		s := left[len(left)-1]
		left = left[:len(left)-1]
		if seen[s] || int(s.node) >= len(leading) || !leading[s.node] {
			continue
		}
		seen[s], reached[s.node] = true, true
		for _, to := range g.flows[s.node] {
			edge := [2]node{s.node, to}
			if g.returns[edge] {
				if !s.inside {
					left = append(left, state{to, false})
				}
				continue
			}
			p, ok := g.passes[edge]
			if !ok {
				left = append(left, state{to, s.inside})
				continue
			}
			left = append(left, state{to, true})
			for _, result := range g.comesOut(to, p) {
				left = append(left, state{result, s.inside})
			}
		}
	}
	return reached
}

// summary returns the results of a function to which its parameter flows.
func (g *graph) summary(parameter node, p pass) (results []int) {
	if known, ok := g.summaries[parameter]; ok {
		return known
	}
	g.summaries[parameter] = nil // while it is computed, for recursive functions
	seen := walk(parameter, func(left []node, n node) []node {
		for _, to := range g.flows[n] {
			edge := [2]node{n, to}
			if inner, ok := g.passes[edge]; ok {
				left = append(left, g.comesOut(to, inner)...)
			} else if !g.returns[edge] {
				left = append(left, to)
			}
		}
		return left
	})
	for i := range p.results {
		if seen[g.result(p.function, i)] {
			results = append(results, i)
		}
	}
	g.summaries[parameter] = results
	return results
}

// comesOut returns the results of a call to which an argument flows.
func (g *graph) comesOut(parameter node, p pass) (results []node) {
	for _, i := range g.summary(parameter, p) {
		results = append(results, g.result(p.call, i))
	}
	return results
}

// leading returns, for each node, whether a value of it flows to one of to.
func (g *graph) leading(to []node) []bool {
	back := make([][]node, len(g.flows))
	for from, edges := range g.flows {
		for _, n := range edges {
			back[n] = append(back[n], node(from))
		}
	}
	seen := make([]bool, len(g.flows))
	for left := slices.Clone(to); len(left) > 0; {
		n := left[len(left)-1]
		left = left[:len(left)-1]
		if !seen[n] {
			seen[n] = true
			left = append(left, back[n]...)
		}
	}
	return seen
}

// spread returns, for each node, the union of the kinds of all nodes that flow to it or influence
// it, of those that it can hold.
func (g *graph) spread(of map[node]kind, holds []kind) []kind {
	kinds := make([]kind, len(g.flows))
	var changed []node
	for n, k := range of {
		if k&database != 0 && holds[n]&database == 0 {
			k |= driverName
		}
		kinds[n] |= k & holds[n]
		changed = append(changed, n)
	}
	for len(changed) > 0 {
		n := changed[len(changed)-1]
		changed = changed[:len(changed)-1]
		for _, edges := range [][]node{g.flows[n], g.influences[n]} {
			for _, to := range edges {
				if k := kinds[to] | kinds[n]&holds[to]; k != kinds[to] {
					kinds[to] = k
					changed = append(changed, to)
				}
			}
		}
	}
	return kinds
}

// unparen removes parentheses, slicing, type assertions and unary operators from e. They do not
// change which value it is.
func unparen(e ast.Expr) ast.Expr {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.TypeAssertExpr:
			e = x.X
		case *ast.UnaryExpr:
			e = x.X
		default:
			return e
		}
	}
}
