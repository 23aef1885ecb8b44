package vet

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"
)

// builder adds the flows of a package to the graph.
type builder struct {
	*program
	*unit
	around []enclosing // functions around the statement that is visited
}

// enclosing is a function, to whose results return statements flow.
type enclosing struct {
	key       any // *types.Func or *ast.FuncLit
	signature *types.Signature
}

// indirect is a call of a function value.
type indirect struct {
	function node
	call     *ast.CallExpr
	unit     *unit
	bound    map[any]bool
}

// build adds the flows of all files.
func (b *builder) build() {
	for _, f := range b.files {
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				b.visit(d)
			case *ast.FuncDecl:
				fn, ok := b.info.Defs[d.Name].(*types.Func)
				if !ok || d.Body == nil {
					continue
				}
				b.body(fn, fn.Signature(), d.Body)
			}
		}
	}
}

func (b *builder) body(key any, signature *types.Signature, body *ast.BlockStmt) {
	for i := range signature.Results().Len() {
		result := b.graph.result(key, i)
		if v := signature.Results().At(i); v.Name() != "" {
			b.graph.flow(b.graph.variable(v), result)
		}
		if isCarrier(signature.Results().At(i).Type()) {
			b.graph.influence(result, b.graph.node(key)) // who gets the function may get its results
		}
	}
	for v := range signature.Params().Variables() {
		n := b.graph.variable(v)
		b.isParameter[n] = true
		if _, ok := under(v.Type()).(*types.Signature); ok { // and what it passes to a function, as an iterator does
			b.graph.influence(n, b.graph.node(key))
		}
	}
	b.around = append(b.around, enclosing{key, signature})
	b.visit(body)
	b.around = b.around[:len(b.around)-1]
}

// visit adds the flows of all statements and expressions in n.
func (b *builder) visit(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			if signature, ok := b.info.TypeOf(n).(*types.Signature); ok {
				b.body(n, signature, n.Body)
			}
			return false
		case *ast.AssignStmt:
			b.assign(n.Lhs, n.Rhs)
		case *ast.ValueSpec:
			names := make([]ast.Expr, len(n.Names))
			for i, name := range n.Names {
				names[i] = name
			}
			b.assign(names, n.Values)
		case *ast.ReturnStmt:
			b.returned(n)
		case *ast.RangeStmt:
			x := b.value(n.X)
			for _, v := range []ast.Expr{n.Key, n.Value} {
				if v != nil && isCarrier(b.info.TypeOf(v)) {
					b.graph.flow(x, b.value(v))
				}
			}
		case *ast.SendStmt:
			b.graph.flow(b.value(n.Value), b.value(n.Chan))
		case *ast.TypeSwitchStmt:
			b.typeSwitch(n)
		case *ast.CompositeLit:
			b.literal(n)
		case *ast.CallExpr:
			b.call(n)
		}
		return true
	})
}

// assign adds the flows of left = right.
func (b *builder) assign(left, right []ast.Expr) {
	switch {
	case len(left) == len(right):
		for i := range left {
			b.store(left[i], b.value(right[i]), right[i])
		}
	case len(right) == 1:
		for i := range left {
			b.store(left[i], b.valueAt(right[0], i), nil)
		}
	}
}

// store adds the flow from a value to what is assigned to. from is the value's expression, or nil.
func (b *builder) store(to ast.Expr, value node, from ast.Expr) {
	b.alias(from, b.value(to))
	if value == none {
		if x, field := b.foreignField(to); field != nil && from != nil { // such as nil
			b.writes = append(b.writes, write{b.receiver(x), none, field, from, b.unit})
		}
		return
	}
	if v := variableOf(b.info, to); v != nil && v.Pkg() != nil && v.Pkg().Path() == "net/http" && !v.IsField() {
		b.globals = append(b.globals, global{v.Name(), value})
	}
	x, field := b.foreignField(to)
	if field == nil {
		b.graph.flow(value, b.value(to))
		return
	}
	base := b.receiver(x)
	b.graph.influence(value, base)
	b.writes = append(b.writes, write{base, value, field, from, b.unit})
}

// alias adds the flow back to x if &x becomes the value of a variable, through which x can be set.
func (b *builder) alias(from ast.Expr, variable node) {
	u, ok := from.(*ast.UnaryExpr)
	if !ok || u.Op != token.AND {
		return
	}
	switch under(b.info.TypeOf(u.X)).(type) {
	case *types.Pointer, *types.Interface, *types.Map, *types.Slice, *types.Chan, *types.Signature:
		b.graph.flow(variable, b.value(u.X))
	}
}

// write is an assignment to a field of a struct of another module.
type write struct {
	base, value node
	field       *types.Var
	from        ast.Expr // the value; nil if it is one of several results
	unit        *unit
}

// foreignField returns x.f and f if e is x.f, a field of a struct that no checked package declares.
func (b *builder) foreignField(e ast.Expr) (x *ast.SelectorExpr, field *types.Var) {
	selector, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok {
		return nil, nil
	}
	selection := b.info.Selections[selector]
	if selection == nil || selection.Kind() != types.FieldVal {
		return nil, nil
	}
	field = selection.Obj().(*types.Var)
	if b.isChecked(field.Pkg()) {
		return nil, nil
	}
	return selector, field
}

func (b *builder) returned(n *ast.ReturnStmt) {
	f := b.around[len(b.around)-1]
	results := f.signature.Results().Len()
	for i := range results {
		v := none
		switch {
		case len(n.Results) == results:
			v = b.value(n.Results[i])
		case len(n.Results) == 1:
			v = b.valueAt(n.Results[0], i)
		}
		b.graph.flow(v, b.graph.result(f.key, i))
	}
}

// typeSwitch adds the flows to the variable of each clause.
func (b *builder) typeSwitch(n *ast.TypeSwitchStmt) {
	assign, ok := n.Assign.(*ast.AssignStmt)
	if !ok {
		return
	}
	x := b.value(assign.Rhs[0])
	for _, clause := range n.Body.List {
		if v, ok := b.info.Implicits[clause].(*types.Var); ok {
			b.graph.flow(x, b.graph.variable(v))
		}
	}
}

// literal adds the flows of the elements of a literal.
func (b *builder) literal(lit *ast.CompositeLit) {
	to := b.graph.node(lit)
	_, isStruct := under(b.info.TypeOf(lit)).(*types.Struct)
	for i, element := range lit.Elts {
		kv, _ := element.(*ast.KeyValueExpr)
		value := element
		if kv != nil {
			value = kv.Value
		}
		v := b.value(value)
		if v == none {
			continue
		}
		if !isStruct {
			b.graph.flow(v, to)
			continue
		}
		var field *types.Var
		if kv != nil {
			if name, ok := kv.Key.(*ast.Ident); ok {
				field, _ = b.info.Uses[name].(*types.Var)
			}
		} else {
			field = under(b.info.TypeOf(lit)).(*types.Struct).Field(i)
		}
		if field == nil {
			continue
		}
		if b.isChecked(field.Pkg()) {
			b.graph.flow(v, b.graph.variable(field))
		}
		b.graph.influence(v, to)
	}
}

// value returns the node of an expression, or none.
func (b *builder) value(e ast.Expr) node { return b.valueAt(e, 0) }

// valueAt returns the node of the i-th value of an expression.
func (b *builder) valueAt(e ast.Expr, i int) node {
	switch e := unparen(e).(type) {
	case *ast.Ident:
		switch o := b.info.ObjectOf(e).(type) {
		case *types.Var:
			if i == 0 && o.Name() != "_" {
				return b.graph.variable(o)
			}
		case *types.Func:
			return b.graph.function(o)
		}
	case *ast.SelectorExpr:
		return b.selected(e)
	case *ast.IndexExpr:
		if i == 0 {
			return b.value(e.X) // an element, or an instance of a generic function
		}
	case *ast.IndexListExpr:
		return b.value(e.X)
	case *ast.CallExpr:
		if t, ok := b.info.Types[e.Fun]; ok && t.IsType() && len(e.Args) == 1 {
			return b.valueAt(e.Args[0], i)
		}
		return b.graph.result(e, i)
	case *ast.CompositeLit, *ast.FuncLit:
		return b.graph.node(e)
	}
	return none
}

func (b *builder) selected(e *ast.SelectorExpr) node {
	if selection := b.info.Selections[e]; selection != nil {
		switch o := selection.Obj().(type) {
		case *types.Var:
			if b.isChecked(o.Pkg()) {
				return b.graph.variable(o)
			}
			return b.receiver(e)
		case *types.Func:
			if selection.Kind() != types.MethodVal {
				return b.graph.function(o)
			}
			value := b.graph.node(e)
			b.graph.flow(b.graph.function(o), value)
			b.graph.influence(b.receiver(e), value)
			return value
		}
		return none
	}
	switch o := b.info.Uses[e.Sel].(type) { // of another package
	case *types.Var:
		if o.Name() == "DefaultClient" && o.Pkg().Path() == "net/http" {
			return b.graph.node(e) // each use may be wrapped or not
		}
		return b.graph.variable(o)
	case *types.Func:
		return b.graph.function(o)
	}
	return none
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

// serve adds the influence of a handler on the function that calls it.
func (b *builder) serve(f *types.Func, call *ast.CallExpr) {
	selector, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if ok && f.Name() == "ServeHTTP" && len(b.around) > 0 {
		b.graph.influence(b.receiver(selector), b.graph.node(b.around[len(b.around)-1].key))
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

// unknown adds the flows of a call of a function whose body is not known. A result may be an
// argument if its type permits. Otherwise, arguments may become parts of the results and of the
// receiver.
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

// inject notes functions that are passed to a function of another module as values of any type, as
// to a container for dependency injection.
func (b *builder) inject(f *types.Func, call *ast.CallExpr) {
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

// functionOf returns the function that e names, or nil.
func functionOf(info *types.Info, e ast.Expr) *types.Func {
	switch e := unparen(e).(type) {
	case *ast.Ident:
		f, _ := info.Uses[e].(*types.Func)
		return f
	case *ast.SelectorExpr:
		f, _ := info.Uses[e.Sel].(*types.Func)
		return f
	case *ast.IndexExpr:
		return functionOf(info, e.X)
	case *ast.IndexListExpr:
		return functionOf(info, e.X)
	}
	return nil
}

// variableOf returns the variable that e names, or nil.
func variableOf(info *types.Info, e ast.Expr) *types.Var {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, _ := info.ObjectOf(e).(*types.Var)
		return v
	case *ast.SelectorExpr:
		v, _ := info.Uses[e.Sel].(*types.Var)
		return v
	}
	return nil
}

// interfaceCall is a call of an interface's method.
type interfaceCall struct {
	method *types.Func
	call   *ast.CallExpr
	unit   *unit
}

// link adds the flows of calls whose functions are known only by the flows of others.
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
			if !types.AssignableTo(from, to) {
				return
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

// isChecked reports whether pkg is one of the checked packages.
func (p *program) isChecked(pkg *types.Package) bool { return pkg != nil && p.checked[pkg] }

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

// receiver returns the type of a method's receiver, or nil.
func receiver(f *types.Func) types.Type {
	if r := f.Signature().Recv(); r != nil {
		return r.Type()
	}
	return nil
}

func isInterface(t types.Type) bool { return t != nil && types.IsInterface(t) }

func under(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

// isCarrier reports whether a value of t may have a client in it: neither a number nor an error.
func isCarrier(t types.Type) bool {
	if t == nil || types.Identical(t, types.Universe.Lookup("error").Type()) {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return !ok || b.Info()&types.IsString != 0
}
