package vet

import (
	"go/ast"
	"go/token"
	"go/types"
)

// builder adds the flows of a package to the graph.
type builder struct {
	*program
	*unit
	around []enclosing // functions around the statement that is visited
}

// enclosing is a function around a statement. Its return statements flow to its results.
type enclosing struct {
	key       any // *types.Func or *ast.FuncLit
	signature *types.Signature
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
			b.graph.influence(result, b.graph.node(key)) // what gets the function may get its results
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
				if v, ok := b.info.Defs[name].(*types.Var); ok && n.Values == nil {
					b.graph.influence(b.graph.valuesOf(v.Type()), b.graph.variable(v))
				}
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
		if s, ok := ast.Unparen(to).(*ast.SelectorExpr); ok && isDefaultClient(b.info, s.X) {
			b.globals = append(b.globals, global{"DefaultClient", none}) // such as its Timeout
		}
		if x, field := b.foreignField(to); field != nil && from != nil { // such as nil
			b.writes = append(b.writes, write{b.receiver(x), none, field, from, b.unit})
		}
		return
	}
	if v := variableOf(b.info, to); v != nil && v.Pkg() != nil && v.Pkg().Path() == "net/http" && !v.IsField() {
		b.globals = append(b.globals, global{v.Name(), value})
	}
	if star, ok := ast.Unparen(to).(*ast.StarExpr); ok && isDefaultClient(b.info, star.X) {
		b.globals = append(b.globals, global{"DefaultClient", value})
	}
	x, field := b.foreignField(to)
	if field != nil && isDefaultClient(b.info, x.X) {
		b.globals = append(b.globals, global{"DefaultClient", value})
	}
	if field == nil {
		b.graph.flow(value, b.value(to))
		return
	}
	base := b.receiver(x)
	b.graph.influence(value, base)
	b.writes = append(b.writes, write{base, value, field, from, b.unit})
}

// alias adds the flow back to x if &x becomes the value of a variable. x can be set through it.
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
	b.graph.influence(b.graph.valuesOf(deref(b.info.TypeOf(lit))), to)
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

// isChecked reports whether pkg is one of the checked packages.
func (p *program) isChecked(pkg *types.Package) bool { return pkg != nil && p.checked[pkg] }
