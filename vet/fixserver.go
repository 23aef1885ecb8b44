package vet

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// grpcOptions puts gaptrace's options first.
func (f *fixer) grpcOptions() {
	call := f.call()
	function, fixed := "DialOptions", 1
	switch functionOf(f.unit.info, call.Fun).Name() {
	case "NewServer":
		function, fixed = "ServerOptions", 0
	case "DialContext":
		fixed = 2
	}
	if len(call.Args) < fixed {
		return
	}
	n := f.use(gapgrpc, call.Pos())
	f.what = "pass it " + n + "." + function
	options := n + "." + function + "()"
	if len(call.Args) == fixed {
		if fixed > 0 {
			options = ", " + options
		}
		f.insert(afterArguments(call), options+"...")
		return
	}
	f.insert(call.Args[fixed].Pos(), "append("+options+", ")
	if call.Ellipsis.IsValid() {
		f.insert(call.Ellipsis, "...)")
		return
	}
	f.insert(afterArguments(call), ")...")
}

// kratosOptions adds an option, in front of the others.
func (f *fixer) kratosOptions() {
	call := f.call()
	fn := functionOf(f.unit.info, call.Fun)
	fixed := 0
	var option, argument string
	var w wrapperPackage
	switch {
	case strings.HasSuffix(fn.Pkg().Path(), "/http"):
		option, w = "Filter", nethttp
	case fn.Name() == "NewServer":
		option, w, argument = "Options", gapgrpc, "ServerOptions()..."
	default:
		option, w, argument, fixed = "WithOptions", gapgrpc, "DialOptions()...", 1
	}
	if fn.Pkg().Scope().Lookup(option) == nil || len(call.Args) < fixed {
		f.advice = "this version of kratos has no option for a wrapper"
		return
	}
	n := f.use(w, call.Pos())
	if w == nethttp {
		http := f.imported("net/http", "http", call.Pos())
		argument = fmt.Sprintf("func(h %s.Handler) %s.Handler { return %s.WrapHandler(h) }", http, http, n)
	} else {
		argument = n + "." + argument
	}
	option = qualifier(call.Fun) + option
	argument = fmt.Sprintf("%s(%s)", option, argument)
	f.what = "add " + option
	switch {
	case call.Ellipsis.IsValid():
		f.around(call.Args[len(call.Args)-1], "append(", ", "+argument+")")
	case len(call.Args) == 0:
		f.insert(call.Lparen+1, argument)
	case len(call.Args) == fixed:
		f.insert(afterArguments(call), ", "+argument)
	default:
		f.insert(call.Args[fixed].Pos(), argument+", ")
	}
}

// handlerArgument wraps the handler that is passed to net/http.
func (f *fixer) handlerArgument() {
	call := f.call()
	i := handlerIndex(f.unit, call)
	if i < 0 || i >= len(call.Args) {
		return
	}
	n := f.use(nethttp, call.Pos())
	f.around(call.Args[i], n+".WrapHandler(", ")")
	f.what = "wrap it with " + n + ".WrapHandler"
}

// serverHandler wraps the Handler of an http.Server, in the literal or in a later assignment.
func (f *fixer) serverHandler() {
	lit, isLiteral := f.site.expr.(*ast.CompositeLit)
	if isLiteral && element(lit, "Handler") != nil {
		f.setElement(lit, "Handler", "WrapHandler")
		return
	}
	reached := f.graph.reach(f.site.node)
	for _, w := range f.writes {
		if !reached[w.base] || w.field.Name() != "Handler" || w.from == nil {
			continue
		}
		f.unit, f.file = w.unit, fileAt(w.unit, w.from.Pos())
		f.site.unit, f.site.file, f.site.expr = f.unit, f.file, w.from // where it is reported
		n := f.use(nethttp, w.from.Pos())
		f.around(w.from, n+".WrapHandler(", ")")
		f.what = fmt.Sprintf("wrap the Handler that is assigned to it with %s.WrapHandler", n)
		return
	}
	if isLiteral {
		f.setElement(lit, "Handler", "WrapHandler")
	}
}

// ginRun serves the engine with net/http, if its address is given.
func (f *fixer) ginRun() {
	call := f.call()
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) != 1 || call.Ellipsis.IsValid() {
		return
	}
	n := f.use(nethttp, call.Pos())
	http := f.imported("net/http", "http", call.Pos())
	f.edits = append(f.edits,
		analysis.TextEdit{Pos: call.Pos(), End: call.Args[0].Pos(), NewText: []byte(http + ".ListenAndServe(")})
	engine := types.ExprString(selector.X)
	if o, _, _ := types.LookupFieldOrMethod(f.unit.info.TypeOf(selector.X), true, nil, "Handler"); o != nil {
		engine += ".Handler()" // as Run does: it serves h2c if the engine's UseH2C is set
	}
	f.insert(call.Args[0].End(), fmt.Sprintf(", %s.WrapHandler(%s)", n, engine))
	f.what = fmt.Sprintf("serve it with %s.WrapHandler", n)
}

// echoUse adds the middleware after echo.New.
func (f *fixer) echoUse() {
	selector := f.call().Fun.(*ast.SelectorExpr)
	e, ok := selector.X.(*ast.Ident)
	if !ok {
		return
	}
	v, _ := f.unit.info.ObjectOf(e).(*types.Var)
	var made *ast.AssignStmt
	ast.Inspect(f.file, func(n ast.Node) bool {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 || variableOf(f.unit.info, assign.Lhs[0]) != v {
			return true
		}
		if call, ok := assign.Rhs[0].(*ast.CallExpr); ok {
			if fn := functionOf(f.unit.info, call.Fun); fn != nil && fn.FullName() == echo+".New" {
				made = assign
			}
		}
		return true
	})
	if v == nil || made == nil || !f.isStatement(made) {
		return
	}
	call := made.Rhs[0].(*ast.CallExpr)
	n := f.use(nethttp, made.End())
	http := f.imported("net/http", "http", made.End())
	middleware := qualifier(call.Fun) + "WrapMiddleware"
	f.insert(f.endOfLine(made.End()), fmt.Sprintf("\n%s.Use(%s(func(h %s.Handler) %s.Handler { return %s.WrapHandler(h) }))",
		e.Name, middleware, http, http, n))
	f.what = fmt.Sprintf("use %s with %s.WrapHandler", middleware, n)
}
