package vet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// fixer collects the edits that fix a finding.
type fixer struct {
	*program
	site     *site // nil for findings about contexts
	unit     *unit
	file     *ast.File
	edits    []analysis.TextEdit
	what     string // what the edits do
	advice   string // if there are none
	requires []string
	names    map[string]string // of packages whose imports were added
}

func (f *fixer) insert(at token.Pos, text string) {
	f.edits = append(f.edits, analysis.TextEdit{Pos: at, End: at, NewText: []byte(text)})
}

func (f *fixer) replace(n ast.Node, text string) {
	f.edits = append(f.edits, analysis.TextEdit{Pos: n.Pos(), End: n.End(), NewText: []byte(text)})
}

// around wraps an expression in a call.
func (f *fixer) around(e ast.Expr, before, after string) {
	f.insert(e.Pos(), before)
	f.insert(e.End(), after)
}

// use returns the name of a package of wrappers at a position, and imports it if needed.
func (f *fixer) use(w wrapperPackage, at token.Pos) string {
	f.requires = append(f.requires, w.path)
	return f.imported(w.path, w.name, at)
}

// imported returns the name by which a package is known at a position. It imports the package if
// the file does not, or if its name is shadowed there.
func (f *fixer) imported(importPath, name string, at token.Pos) string {
	scope := f.unit.pkg.Scope().Innermost(at)
	for _, spec := range f.file.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != importPath {
			continue
		}
		known := f.unit.info.PkgNameOf(spec)
		if known == nil || known.Name() == "_" || known.Name() == "." {
			continue
		}
		if scope == nil {
			return known.Name()
		}
		if _, o := scope.LookupParent(known.Name(), at); o == types.Object(known) {
			return known.Name()
		}
	}
	if name, ok := f.names[importPath]; ok {
		return name
	}
	chosen := name
	for i := 2; f.isTaken(chosen, scope, at); i++ {
		chosen = name + strconv.Itoa(i)
	}
	text := strconv.Quote(importPath)
	if chosen != path.Base(importPath) {
		text = chosen + " " + text
	}
	pos, text := importAt(f.file, importPath, text)
	f.insert(pos, text)
	if f.names == nil {
		f.names = map[string]string{}
	}
	f.names[importPath] = chosen
	return chosen
}

// isTaken reports whether a name means something in the file, or would be shadowed at a position.
func (f *fixer) isTaken(name string, scope *types.Scope, at token.Pos) bool {
	if f.unit.pkg.Scope().Lookup(name) != nil || types.Universe.Lookup(name) != nil {
		return true
	}
	if s := f.unit.info.Scopes[f.file]; s != nil && s.Lookup(name) != nil {
		return true
	}
	if scope == nil {
		return false
	}
	_, o := scope.LookupParent(name, at)
	return o != nil
}

// importAt returns where a file imports a package, and the text to insert there.
func importAt(f *ast.File, importPath, spec string) (token.Pos, string) {
	var last *ast.GenDecl
	for _, d := range f.Decls {
		if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.IMPORT && !isCgo(d) {
			last = d
		}
	}
	switch {
	case last == nil:
		after := f.Name.End()
		for _, d := range f.Decls {
			if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
				after = d.End()
			}
		}
		return after, "\n\nimport " + spec
	case !last.Lparen.IsValid():
		return last.End(), "\nimport " + spec
	case len(last.Specs) == 0:
		return last.Lparen + 1, "\n\t" + spec + "\n"
	}
	// Sorted among the packages of the standard library, or among the others.
	var before, after *ast.ImportSpec
	for _, s := range last.Specs {
		s := s.(*ast.ImportSpec)
		switch p, _ := strconv.Unquote(s.Path.Value); {
		case isStandard(p) != isStandard(importPath):
		case p < importPath:
			before = s
		case after == nil:
			after = s
		}
	}
	switch {
	case before != nil:
		return endOfImport(before), "\n\t" + spec
	case after != nil:
		return startOfImport(after), spec + "\n\t"
	case isStandard(importPath):
		return startOfImport(last.Specs[0].(*ast.ImportSpec)), spec + "\n\n\t"
	}
	return endOfImport(last.Specs[len(last.Specs)-1].(*ast.ImportSpec)), "\n\n\t" + spec
}

func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

func isCgo(d *ast.GenDecl) bool {
	return len(d.Specs) == 1 && d.Specs[0].(*ast.ImportSpec).Path.Value == `"C"`
}

func startOfImport(s *ast.ImportSpec) token.Pos {
	if s.Doc != nil {
		return s.Doc.Pos()
	}
	return s.Pos()
}

func endOfImport(s *ast.ImportSpec) token.Pos {
	if s.Comment != nil {
		return s.Comment.End()
	}
	return s.End()
}

func (f *fixer) parent(i int) ast.Node {
	if n := len(f.site.path) - 1 - i; n >= 0 {
		return f.site.path[n]
	}
	return nil
}

func (f *fixer) call() *ast.CallExpr { return f.site.expr.(*ast.CallExpr) }

// isStatement reports whether a node is a statement of a list, after which another can be inserted.
func (f *fixer) isStatement(n ast.Node) bool {
	found := false
	ast.Inspect(f.file, func(around ast.Node) bool {
		found = found || slices.ContainsFunc(statements(around), func(s ast.Stmt) bool { return s == n })
		return !found
	})
	return found
}

// statements returns the statements of a block or clause.
func statements(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

// httpClient wraps a *http.Client, or the Transport of an http.Client, and the transports that it
// gets later.
func (f *fixer) httpClient() {
	f.wrapClient()
	reached := f.graph.reach(f.site.node)
	for _, w := range f.writes {
		if f.what == "" || !reached[w.base] || w.field.Name() != "Transport" || w.from == nil {
			continue
		}
		g := *f
		g.unit, g.file, g.edits, g.requires, g.names = w.unit, fileOf(w.unit, w.from), nil, nil, nil
		if g.file == f.file {
			g.names = f.names
		} else if ast.IsGenerated(g.file) {
			continue
		}
		g.around(w.from, g.use(nethttp, w.from.Pos())+".Wrap(", ")")
		f.edits, f.requires = append(f.edits, g.edits...), append(f.requires, g.requires...)
	}
}

func (f *fixer) wrapClient() {
	made := f.site.expr // new(http.Client)
	if lit, ok := made.(*ast.CompositeLit); ok {
		u, ok := f.parent(0).(*ast.UnaryExpr)
		if !ok || u.Op != token.AND {
			f.setElement(lit, "Transport", "Wrap")
			return
		}
		made = u
	}
	n := f.use(nethttp, made.Pos())
	f.around(made, n+".WrapClient(", ")")
	f.what = "wrap it with " + n + ".WrapClient"
}

// proxyTransport wraps the Transport of a proxy.
func (f *fixer) proxyTransport() {
	f.setElement(f.site.expr.(*ast.CompositeLit), "Transport", "Wrap")
}

// setElement wraps the element of a struct literal with a function of nethttp, or adds it.
func (f *fixer) setElement(lit *ast.CompositeLit, field, function string) {
	for _, e := range lit.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return // every field is set by position
		}
		if key, ok := kv.Key.(*ast.Ident); ok && key.Name == field {
			n := f.use(nethttp, kv.Value.Pos())
			f.around(kv.Value, n+"."+function+"(", ")")
			f.what = fmt.Sprintf("wrap its %s with %s.%s", field, n, function)
			return
		}
	}
	n := f.use(nethttp, lit.Pos())
	value := fmt.Sprintf("%s: %s.%s(nil)", field, n, function)
	f.what = fmt.Sprintf("set its %s to %s.%s(nil)", field, n, function)
	last := lit.Lbrace + 1
	if n := len(lit.Elts); n > 0 {
		last = lit.Elts[n-1].End()
	}
	switch {
	case f.line(last) < f.line(lit.Rbrace): // after the comments of the last element
		f.insert(lit.Rbrace, value+",\n")
	case len(lit.Elts) == 0:
		f.insert(last, value)
	default:
		f.insert(last, ", "+value)
	}
}

func (f *fixer) line(p token.Pos) int { return f.unit.fset.Position(p).Line }

// httpCall renames http.Get and the like, if a context is in scope.
func (f *fixer) httpCall() {
	call := f.call()
	fn := functionOf(f.unit.info, call.Fun).Name()
	ctx := f.contextAt(f.site.path, call.Pos())
	if ctx == "" {
		f.advice = "no context is in scope: take one, and use nethttp." + fn
		return
	}
	client, ok := f.qualifier(call.Fun)
	if !ok {
		return
	}
	f.useFunction(call, fn, ctx, client+".DefaultClient")
}

// useFunction makes a call one of nethttp.Get, Head, Post or PostForm.
func (f *fixer) useFunction(call *ast.CallExpr, function, ctx, client string) {
	n := f.use(nethttp, call.Pos())
	f.replace(call.Fun, n+"."+function)
	f.insert(call.Lparen+1, ctx+", "+client+", ")
	f.what = fmt.Sprintf("use %s.%s", n, function)
}

// qualifier returns the package's name in pkg.Function.
func (f *fixer) qualifier(fun ast.Expr) (string, bool) {
	selector, ok := ast.Unparen(fun).(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	x, ok := selector.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	return x.Name, true
}

// defaultCall renames http.DefaultClient.Get and the like, if a context is in scope.
func (f *fixer) defaultCall() bool {
	method, ok := f.parent(0).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	call, ok := f.parent(1).(*ast.CallExpr)
	if !ok || call.Fun != ast.Expr(method) || clientMethod("(*net/http.Client)."+method.Sel.Name) == "" {
		return false
	}
	ctx := f.contextAt(f.site.path, call.Pos())
	if ctx == "" {
		return false
	}
	f.useFunction(call, method.Sel.Name, ctx, types.ExprString(f.site.expr))
	return true
}

// defaultClient replaces http.DefaultClient by a variable of the package. To wrap it in place would
// make a client for each call.
func (f *fixer) defaultClient() {
	const (
		name = "httpClient"
		what = "use a variable that holds nethttp.WrapClient(http.DefaultClient)"
	)
	if _, ok := f.site.expr.(*ast.SelectorExpr); !ok {
		return
	}
	if f.defaultCall() {
		return
	}
	if slices.ContainsFunc(f.globals, func(g global) bool { return g.name == "DefaultClient" }) {
		f.advice = "wrap the client that the program assigns to http.DefaultClient" // a variable would keep the old one
		return
	}
	scope := f.unit.pkg.Scope().Innermost(f.site.expr.Pos())
	if f.isTaken(name, scope, f.site.expr.Pos()) || f.isTestFile(f.site.file) { // another file may declare it for both
		f.advice = what
		return
	}
	// One file declares the variable, whichever files use it.
	target := *f
	target.edits, target.requires, target.names = nil, nil, nil
	for _, file := range f.unit.files {
		if !ast.IsGenerated(file) && !f.isTestFile(file) && importsHTTP(file) {
			target.file = file
			break
		}
	}
	end := target.file.Name.End()
	for _, d := range target.file.Decls {
		if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
			end = d.End()
		}
	}
	wrap := target.use(nethttp, end)
	http := target.imported("net/http", "http", end)
	// Imports that are inserted at the same place come before.
	target.insert(end, fmt.Sprintf("\n\nvar %s = %s.WrapClient(%s.DefaultClient)", name, wrap, http))
	f.edits, f.requires = append(f.edits, target.edits...), append(f.requires, target.requires...)
	f.replace(f.site.expr, name)
	f.what = what
}

func (f *fixer) isTestFile(file *ast.File) bool {
	return isTest(f.unit.fset.Position(file.Pos()).Filename)
}

func importsHTTP(file *ast.File) bool {
	return slices.ContainsFunc(file.Imports, func(s *ast.ImportSpec) bool {
		return s.Path.Value == `"net/http"` && (s.Name == nil || s.Name.Name != "_")
	})
}

// sqlOpen renames sql.Open.
func (f *fixer) sqlOpen() {
	call := f.call()
	if len(call.Args) != 2 {
		return
	}
	wrapper := gapsql
	if constantString(f.unit, call.Args[0]) == "mysql" {
		wrapper = gapmysql
		f.edits = append(f.edits, analysis.TextEdit{Pos: call.Args[0].Pos(), End: call.Args[1].Pos()})
	}
	n := f.use(wrapper, call.Pos())
	f.replace(call.Fun, n+".Open")
	f.what = "use " + n + ".Open"
}

// sqlOpenDB wraps the connector.
func (f *fixer) sqlOpenDB() {
	call := f.call()
	n := f.use(gapsql, call.Pos())
	f.around(call.Args[0], n+".Wrap(", ")")
	f.what = "wrap its connector with " + n + ".Wrap"
}

// driverName registers a wrapped driver, if sqlx knows its placeholders without being told.
func (f *fixer) driverName() {
	call := f.call()
	i := len(call.Args) - 2 // after a context
	if i < 0 || !slices.Contains([]string{"mysql", "sqlite3", "sqlite"}, constantString(f.unit, call.Args[i])) {
		return
	}
	n := f.use(gapsql, call.Pos())
	f.around(call.Args[i], n+".Register(", ")")
	f.what = "give it the driver of " + n + ".Register"
}

// redisWrap wraps the client.
func (f *fixer) redisWrap() {
	n := f.use(gapredis, f.site.expr.Pos())
	f.around(f.site.expr, n+".Wrap(", ")")
	f.what = "wrap it with " + n + ".Wrap"
}

// searchWrap wraps the client after its error was checked.
func (f *fixer) searchWrap() {
	function := "Wrap"
	if strings.HasSuffix(f.site.name, "NewTypedClient") {
		function = "WrapTyped"
	}
	f.advice = "wrap it with gapes." + function
	assign, ok := f.parent(0).(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 2 {
		return
	}
	if name, ok := assign.Lhs[0].(*ast.Ident); ok && name.Name == "_" {
		return
	}
	err, ok := assign.Lhs[1].(*ast.Ident)
	if !ok {
		return
	}
	list := statements(f.parent(1))
	i := slices.Index(list, ast.Stmt(assign))
	if i < 0 || i+1 >= len(list) {
		return
	}
	check, ok := list[i+1].(*ast.IfStmt)
	if !ok || check.Init != nil || check.Else != nil || !isNotNil(check.Cond, err.Name) || !exits(check.Body) {
		return
	}
	n := f.use(gapes, check.End())
	f.insert(check.End(), fmt.Sprintf("\n%s.%s(%s)", n, function, types.ExprString(assign.Lhs[0])))
	f.what = fmt.Sprintf("wrap it with %s.%s", n, function)
}

// isNotNil reports whether e is name != nil.
func isNotNil(e ast.Expr, name string) bool {
	b, ok := e.(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ {
		return false
	}
	x, ok := b.X.(*ast.Ident)
	y, isName := b.Y.(*ast.Ident)
	return ok && isName && x.Name == name && y.Name == "nil"
}

// exits reports whether the statements after a block do not run.
func exits(b *ast.BlockStmt) bool {
	if len(b.List) == 0 {
		return false
	}
	switch last := b.List[len(b.List)-1].(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.ExprStmt:
		call, ok := last.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			return fun.Name == "panic"
		case *ast.SelectorExpr:
			name := fun.Sel.Name
			return strings.HasPrefix(name, "Fatal") || strings.HasPrefix(name, "Panic") || name == "Exit"
		}
	}
	return false
}

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
	f.what = "give it " + n + "." + function
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

// afterArguments returns where an argument can be added to a call.
func afterArguments(call *ast.CallExpr) token.Pos {
	if n := len(call.Args); n > 0 {
		return call.Args[n-1].End()
	}
	return call.Lparen + 1
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
	q, ok := f.qualifier(call.Fun)
	if !ok || fn.Pkg().Scope().Lookup(option) == nil || len(call.Args) < fixed {
		f.advice = "this version of kratos has no option for it"
		return
	}
	n := f.use(w, call.Pos())
	if w == nethttp {
		http := f.imported("net/http", "http", call.Pos())
		argument = fmt.Sprintf("func(h %s.Handler) %s.Handler { return %s.WrapHandler(h) }", http, http, n)
	} else {
		argument = n + "." + argument
	}
	argument = fmt.Sprintf("%s.%s(%s)", q, option, argument)
	f.what = fmt.Sprintf("add %s.%s", q, option)
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

// serverHandler wraps the Handler of an http.Server, where it is set.
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
		f.unit, f.file = w.unit, fileOf(w.unit, w.from)
		f.site.unit, f.site.file, f.site.expr = f.unit, f.file, w.from // where it is reported
		if ast.IsGenerated(f.file) {
			return
		}
		n := f.use(nethttp, w.from.Pos())
		f.around(w.from, n+".WrapHandler(", ")")
		f.what = fmt.Sprintf("wrap the Handler that is assigned to it with %s.WrapHandler", n)
		return
	}
	if isLiteral {
		f.setElement(lit, "Handler", "WrapHandler")
	}
}

func fileOf(u *unit, n ast.Node) *ast.File {
	for _, f := range u.files {
		if f.FileStart <= n.Pos() && n.Pos() < f.FileEnd {
			return f
		}
	}
	return nil
}

// element returns the value of a field in a literal, or nil.
func element(lit *ast.CompositeLit, field string) ast.Expr {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == field {
				return kv.Value
			}
		}
	}
	return nil
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
		engine += ".Handler()" // with HTTP/2 if the engine is set so, as Run does
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
	q, ok := f.qualifier(call.Fun)
	if !ok {
		return
	}
	n := f.use(nethttp, made.End())
	http := f.imported("net/http", "http", made.End())
	f.insert(made.End(), fmt.Sprintf("\n%s.Use(%s.WrapMiddleware(func(h %s.Handler) %s.Handler { return %s.WrapHandler(h) }))",
		e.Name, q, http, http, n))
	f.what = fmt.Sprintf("use %s.WrapMiddleware with %s.WrapHandler", q, n)
}
