package vet

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"
)

// indirect is a call of a function value.
type indirect struct {
	function node
	call     *ast.CallExpr
	unit     *unit
	bound    map[any]bool
}

// call adds the flows of arguments and results.
func (b *builder) call(call *ast.CallExpr) {
	if t, ok := b.info.Types[call.Fun]; ok && t.IsType() {
		return // a conversion
	}
	// That of an instance, if the function is generic.
	signature, _ := under(b.info.TypeOf(call.Fun)).(*types.Signature)
	switch f := typeutil.Callee(b.info, call).(type) {
	case *types.Builtin:
		b.builtin(f.Name(), call)
	case *types.Func:
		b.serve(f, call)
		switch {
		case isInterface(receiver(f)):
			b.interfaceCalls = append(b.interfaceCalls, interfaceCall{f, call, b.unit})
			b.unknown(signature, call)
		case b.bodies[f.Origin()]:
			b.bind(f.Origin(), f.Origin().Signature(), call)
		default:
			b.unknown(signature, call)
			b.inject(f, call)
		}
	default:
		function := b.value(call.Fun)
		if function == none {
			return
		}
		b.indirectCalls = append(b.indirectCalls, &indirect{function, call, b.unit, map[any]bool{}})
		b.unknown(signature, call)
		for _, v := range b.arguments(call) {
			b.graph.influence(v, function)
		}
		if signature != nil {
			for i := range signature.Results().Len() {
				b.graph.influence(function, b.graph.result(call, i))
			}
		}
	}
}

// serve adds the influence of a handler, a transport or a connector on the function that calls it.
// If that is a method of a type that is one itself, it also influences all values of the type.
func (b *builder) serve(f *types.Func, call *ast.CallExpr) {
	selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(b.around) == 0 || !isService(f.Name()) {
		return
	}
	inner := b.receiver(selector)
	for _, e := range b.around {
		b.graph.influence(inner, b.graph.node(e.key))
	}
	method, ok := b.around[0].key.(*types.Func)
	if !ok || receiver(method) == nil || inner == b.graph.variable(method.Signature().Recv()) {
		return
	}
	t := deref(receiver(method))
	if o, _, _ := types.LookupFieldOrMethod(t, true, nil, f.Name()); o != nil {
		b.graph.influence(inner, b.graph.valuesOf(t))
	}
}

func (b *builder) builtin(name string, call *ast.CallExpr) {
	switch name {
	case "append":
		for _, arg := range call.Args {
			b.graph.flow(b.value(arg), b.graph.result(call, 0))
		}
	case "copy":
		b.graph.flow(b.value(call.Args[1]), b.value(call.Args[0]))
	case "new":
		if t := b.info.Types[call.Args[0]]; t.IsType() {
			b.graph.influence(b.graph.valuesOf(t.Type), b.graph.result(call, 0))
		} else {
			b.graph.flow(b.value(call.Args[0]), b.graph.result(call, 0))
		}
	}
}

// bind adds the flows of a call of a function whose body is checked.
func (b *builder) bind(key any, signature *types.Signature, call *ast.CallExpr) {
	args := b.arguments(call)
	recv := signature.Recv()
	if recv != nil && len(args) == signature.Params().Len()+1 && !signature.Variadic() { // a method expression
		b.graph.flow(args[0], b.graph.variable(recv))
		args = args[1:]
	}
	for i, v := range args {
		if p := parameter(signature, i); p != nil && v != none {
			to := b.graph.variable(p)
			b.graph.flow(v, to)
			if i < len(call.Args) {
				b.alias(call.Args[i], to)
			}
			b.graph.passes[[2]node{v, to}] = pass{key, call, signature.Results().Len()}
		}
	}
	if recv != nil {
		if selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
			b.graph.flow(b.receiver(selector), b.graph.variable(recv))
		}
	}
	for i := range signature.Results().Len() {
		from, to := b.graph.result(key, i), b.graph.result(call, i)
		b.graph.flow(from, to)
		b.graph.returns[[2]node{from, to}] = true
	}
}

// receiver returns the node of x in x.f, or of the embedded field that has f.
func (b *builder) receiver(selector *ast.SelectorExpr) node {
	of := b.value(selector.X)
	selection := b.info.Selections[selector]
	if selection == nil {
		return of
	}
	t := selection.Recv()
	for _, i := range selection.Index()[:len(selection.Index())-1] {
		s, ok := under(deref(t)).(*types.Struct)
		if !ok {
			return of
		}
		field := s.Field(i)
		if b.isChecked(field.Pkg()) {
			of = b.graph.variable(field)
		}
		t = field.Type()
	}
	return of
}

// arguments returns the nodes of a call's arguments. For f(g()) they are the results of g.
func (b *builder) arguments(call *ast.CallExpr) []node {
	if len(call.Args) == 1 {
		if t, ok := b.info.TypeOf(call.Args[0]).(*types.Tuple); ok {
			nodes := make([]node, t.Len())
			for i := range nodes {
				nodes[i] = b.valueAt(call.Args[0], i)
			}
			return nodes
		}
	}
	nodes := make([]node, len(call.Args))
	for i, arg := range call.Args {
		nodes[i] = b.value(arg)
	}
	return nodes
}

// unknown adds the flows of a call of a function whose body is not known. An argument may be a
// result, if the types permit that. Otherwise, it may become a part of the results. It may also
// become a part of the receiver.
func (b *builder) unknown(signature *types.Signature, call *ast.CallExpr) {
	if signature == nil { // the types are not known
		return
	}
	from := b.arguments(call)
	argTypes := make([]types.Type, len(from))
	for i := range from {
		if p := parameter(signature, i); p != nil {
			argTypes[i] = p.Type()
		}
		if len(from) == len(call.Args) {
			argTypes[i] = b.info.TypeOf(call.Args[i])
		}
	}
	if selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && b.info.Selections[selector] != nil {
		base := b.receiver(selector)
		for i, v := range from {
			if isCarrier(argTypes[i]) {
				b.graph.influence(v, base)
			}
		}
		from, argTypes = append(from, base), append(argTypes, b.info.TypeOf(selector.X))
	}
	for i := range signature.Results().Len() {
		r := signature.Results().At(i).Type()
		if !isCarrier(r) {
			continue
		}
		result := b.graph.result(call, i)
		for k, v := range from {
			switch {
			case v == none || argTypes[k] == nil:
			case types.Identical(argTypes[k], r) || types.IsInterface(r) && types.AssignableTo(argTypes[k], r):
				b.graph.flow(v, result)
			case isCarrier(argTypes[k]):
				b.graph.influence(v, result)
			}
		}
	}
}

// inject records functions that are passed to a parameter of type any of another module's function.
// It may be a container for dependency injection. reflect.TypeOf is not: mocks pass their methods
// to it, but it calls no function.
func (b *builder) inject(f *types.Func, call *ast.CallExpr) {
	if f.FullName() == "reflect.TypeOf" {
		return
	}
	for i, arg := range call.Args {
		p := parameter(f.Signature(), i)
		if p == nil {
			continue
		}
		t := p.Type()
		if s, ok := t.(*types.Slice); ok && f.Signature().Variadic() {
			t = s.Elem()
		}
		if i, ok := under(t).(*types.Interface); !ok || !i.Empty() {
			continue
		}
		signature, ok := under(b.info.TypeOf(arg)).(*types.Signature)
		if !ok {
			continue
		}
		key := any(unparen(arg))
		if fn := functionOf(b.info, arg); fn != nil {
			key = fn.Origin()
		}
		b.injected = append(b.injected, injected{key, signature})
	}
}

// injected is a function that a container calls.
type injected struct {
	key       any // *types.Func or *ast.FuncLit
	signature *types.Signature
}

// interfaceCall is a call of an interface's method.
type interfaceCall struct {
	method *types.Func
	call   *ast.CallExpr
	unit   *unit
}

// link adds the flows of calls whose functions are known only after all packages are built.
func (p *program) link() {
	methods := map[string][]*types.Func{}
	for _, f := range p.functions {
		if f.Signature().Recv() != nil {
			methods[f.Name()] = append(methods[f.Name()], f)
		}
	}
	implementations := map[*types.Func][]*types.Func{}
	for _, c := range p.interfaceCalls {
		known, ok := implementations[c.method]
		if !ok {
			i, _ := under(receiver(c.method)).(*types.Interface)
			for _, m := range methods[c.method.Name()] {
				t := m.Signature().Recv().Type()
				if i != nil && (types.Implements(t, i) || types.Implements(types.NewPointer(t), i)) {
					known = append(known, m)
				}
			}
			implementations[c.method] = known
		}
		for _, m := range known {
			b := &builder{program: p, unit: c.unit}
			b.bind(m, m.Signature(), c.call)
		}
	}
	p.linkInjected()
	p.linkIndirect()
}

// linkInjected adds flows from the results of injected functions to their parameters, by type.
func (p *program) linkInjected() {
	var results, parameters typeutil.Map // of []node, by type
	add := func(m *typeutil.Map, t types.Type, n node) {
		nodes, _ := m.At(t).([]node)
		m.Set(t, append(nodes, n))
	}
	for _, f := range p.injected {
		for i := range f.signature.Results().Len() {
			if t := f.signature.Results().At(i).Type(); isCarrier(t) {
				add(&results, t, p.graph.result(f.key, i))
			}
		}
		for v := range f.signature.Params().Variables() {
			add(&parameters, v.Type(), p.graph.variable(v))
		}
	}
	results.Iterate(func(from types.Type, values any) {
		parameters.Iterate(func(to types.Type, variables any) {
			if i, ok := under(to).(*types.Interface); ok && i.Empty() || !types.AssignableTo(from, to) {
				return // a container does not pass all values to a parameter of type any
			}
			for _, v := range values.([]node) {
				for _, variable := range variables.([]node) {
					p.graph.flow(v, variable)
				}
			}
		})
	})
}

// linkIndirect adds the flows of calls of function values. A function value may come out of a call
// of another one, so this is repeated.
func (p *program) linkIndirect() {
	calls := map[node][]*indirect{}
	var called []node
	for _, c := range p.indirectCalls {
		calls[c.function] = append(calls[c.function], c)
		called = append(called, c.function)
	}
	for changed := true; changed; {
		changed = false
		leading := p.graph.leading(called)
		for _, f := range p.functionValues() {
			n := p.graph.node(f.key)
			if int(n) >= len(leading) || !leading[n] {
				continue
			}
			for reached := range p.graph.reach(n) {
				for _, c := range calls[reached] {
					if c.bound[f.key] {
						continue
					}
					c.bound[f.key] = true
					b := &builder{program: p, unit: c.unit}
					b.bind(f.key, f.signature, c.call)
					changed = true
				}
			}
		}
	}
}

// functionValues returns the functions that are used as values, in the order of the files.
func (p *program) functionValues() []injected {
	if p.values != nil {
		return p.values
	}
	p.values = []injected{}
	for _, u := range p.units {
		for _, f := range u.files {
			called := map[ast.Expr]bool{}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					called[ast.Unparen(n.Fun)] = true
				case *ast.SelectorExpr:
					if called[n] {
						called[n.Sel] = true
					}
				case *ast.Ident:
					if fn, ok := u.info.Uses[n].(*types.Func); ok && !called[n] && p.bodies[fn.Origin()] {
						p.values = append(p.values, injected{fn.Origin(), fn.Origin().Signature()})
					}
				case *ast.FuncLit:
					if signature, ok := u.info.TypeOf(n).(*types.Signature); ok {
						p.values = append(p.values, injected{n, signature})
					}
				}
				return true
			})
		}
	}
	return p.values
}

// parameter returns the parameter that gets the i-th argument.
func parameter(s *types.Signature, i int) *types.Var {
	n := s.Params().Len()
	if s.Variadic() && i >= n-1 {
		i = n - 1
	}
	if i >= n {
		return nil
	}
	return s.Params().At(i)
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
