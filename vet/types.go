package vet

import (
	"go/ast"
	"go/constant"
	"go/types"

	"golang.org/x/tools/go/types/typeutil"
)

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

// isDefaultClient reports whether e names http.DefaultClient.
func isDefaultClient(info *types.Info, e ast.Expr) bool {
	v := variableOf(info, e)
	return v != nil && v.Name() == "DefaultClient" && v.Pkg() != nil && v.Pkg().Path() == "net/http"
}

func isInterface(t types.Type) bool { return t != nil && types.IsInterface(t) }

func under(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

// isCarrier reports whether a value of t may hold a client, or name a driver as a string does.
// Numbers, booleans and errors do not.
func isCarrier(t types.Type) bool {
	if t == nil || types.Identical(t, types.Universe.Lookup("error").Type()) {
		return false
	}
	b, ok := t.Underlying().(*types.Basic)
	return !ok || b.Info()&types.IsString != 0
}

// receiver returns the type of a method's receiver, or nil.
func receiver(f *types.Func) types.Type {
	if r := f.Signature().Recv(); r != nil {
		return r.Type()
	}
	return nil
}

func isNew(info *types.Info, call *ast.CallExpr) bool {
	b, ok := typeutil.Callee(info, call).(*types.Builtin)
	return ok && b.Name() == "new"
}

func deref(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

func isNamed(t types.Type, path, name string) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == path
}

func isClient(t types.Type) bool { return t != nil && isNamed(t, "net/http", "Client") }

func isServer(t types.Type) bool { return t != nil && isNamed(t, "net/http", "Server") }

func isString(t types.Type) bool {
	b, ok := under(t).(*types.Basic)
	return ok && b.Info()&types.IsString != 0
}

func constantString(u *unit, e ast.Expr) string {
	if v := u.info.Types[e].Value; v != nil && v.Kind() == constant.String {
		return constant.StringVal(v)
	}
	return ""
}

func isContext(t types.Type) bool { return t != nil && isNamed(t, "context", "Context") }

// hasSeveral reports whether a call gets the results of another call as its arguments.
func hasSeveral(u *unit, call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	_, ok := u.info.TypeOf(call.Args[0]).(*types.Tuple)
	return ok
}

// isPath reports whether e is made of names and dots, so that it can be written twice.
func isPath(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		return isPath(e.X)
	}
	return false
}

func isPointerTo(t types.Type, path, name string) bool {
	p, ok := types.Unalias(t).(*types.Pointer)
	return ok && isNamed(p.Elem(), path, name)
}

// isStream reports whether t is the server's side of a gRPC stream.
func isStream(t types.Type) bool {
	if !types.IsInterface(t) {
		return false
	}
	has := func(name string) bool {
		o, _, _ := types.LookupFieldOrMethod(t, false, nil, name)
		return o != nil
	}
	return has("Context") && has("SendMsg") && has("SetTrailer")
}
