package vet

import (
	"go/ast"
	"go/types"
)

// holder determines which kinds a value of a type can hold. Without it, text and errors would carry
// a wrapper from one part of a large program to all others.
type holder struct{ known map[types.Type]kind }

// holds returns, for each node, the kinds that its type can hold.
func (p *program) holds() []kind {
	h := holder{map[types.Type]kind{}}
	holds := make([]kind, len(p.graph.flows))
	for i := range holds {
		holds[i] = anyKind
	}
	for key, n := range p.graph.nodes {
		switch k := key.(type) {
		case *types.Var:
			holds[n] = h.of(k.Type())
		case *types.TypeName:
			holds[n] = h.of(k.Type())
		case resultKey:
			switch f := k.of.(type) {
			case *types.Func:
				holds[n] = h.of(f.Signature().Results().At(k.i).Type())
			}
		}
	}
	for _, u := range p.units {
		for e, t := range u.info.Types {
			switch e := e.(type) {
			case *ast.CompositeLit:
				if n, ok := p.graph.nodes[e]; ok {
					holds[n] = h.of(t.Type)
				}
			case *ast.CallExpr:
				p.holdsResults(h, holds, e, t.Type)
			case *ast.FuncLit:
				if s, ok := t.Type.(*types.Signature); ok {
					p.holdsResults(h, holds, e, s.Results())
				}
			}
		}
	}
	return holds
}

// holdsResults sets what the results of a call or of a function literal can hold.
func (p *program) holdsResults(h holder, holds []kind, of ast.Expr, t types.Type) {
	results, ok := t.(*types.Tuple)
	if !ok {
		results = types.NewTuple(types.NewVar(of.Pos(), nil, "", t))
	}
	for i := range results.Len() {
		if n, ok := p.graph.nodes[resultKey{of, i}]; ok {
			holds[n] = h.of(results.At(i).Type())
		}
	}
}

// of returns the kinds that a value of t can hold.
func (h holder) of(t types.Type) kind {
	k, ok := h.known[t]
	if !ok {
		k = kindsIn(t, map[types.Type]bool{})
		h.known[t] = k
	}
	return k
}

// kindsIn returns the kinds that a value of t can hold. It skips the types that it has seen.
func kindsIn(t types.Type, seen map[types.Type]bool) (k kind) {
	if seen[t] {
		return 0
	}
	seen[t] = true
	if n, ok := types.Unalias(t).(*types.Named); ok && hasService(n) {
		return anyKind // it may use a wrapper that it does not hold
	}
	if isNamed(t, "net/http", "Response") || isNamed(t, "net/http", "Request") || types.Implements(t, errorType) {
		return 0
	}
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsString != 0:
			return driverName
		case u.Kind() == types.Invalid || u.Kind() == types.UnsafePointer || u.Kind() == types.UntypedNil:
			return anyKind
		}
		return 0
	case *types.Pointer:
		return kindsIn(u.Elem(), seen)
	case *types.Slice:
		return kindsIn(u.Elem(), seen)
	case *types.Array:
		return kindsIn(u.Elem(), seen)
	case *types.Chan:
		return kindsIn(u.Elem(), seen)
	case *types.Map:
		return kindsIn(u.Key(), seen) | kindsIn(u.Elem(), seen)
	case *types.Struct:
		if _, isAnonymous := types.Unalias(t).(*types.Struct); u.NumFields() == 0 && !isAnonymous {
			return anyKind // its methods may use a wrapper
		}
		for f := range u.Fields() {
			if f.Name() == "_" {
				continue
			}
			if k |= kindsIn(f.Type(), seen); k == anyKind {
				break
			}
		}
		return k
	}
	return anyKind
}

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// hasService reports whether a type has one of the methods that serve follows.
func hasService(n *types.Named) bool {
	if types.IsInterface(n) {
		return false
	}
	for m := range n.Methods() {
		if isService(m.Name()) {
			return true
		}
	}
	return false
}

// isService reports whether a method of this name belongs to a handler, a transport or a connector.
func isService(name string) bool {
	return name == "ServeHTTP" || name == "RoundTrip" || name == "Connect"
}
