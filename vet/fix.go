package vet

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"
)

// fixer collects the edits that fix a finding.
type fixer struct {
	*program
	site     *site // nil for findings about contexts
	unit     *unit
	file     *ast.File // in which imports are added
	edits    []analysis.TextEdit
	what     string // what the edits do; "" if they fix nothing
	advice   string // if there is no fix
	requires []string
	names    map[addedImport]string // names of packages whose imports were added
}

type addedImport struct {
	file *ast.File
	path string
}

// finish drops all edits, those that add imports included, if together they are not a fix that can
// be made.
func (f *fixer) finish() {
	switch {
	case ast.IsGenerated(f.file):
		f.what = ""
	case f.removesComment():
		f.what, f.advice = "", f.what
	}
	if f.what == "" {
		f.edits, f.requires = nil, nil
	}
}

// removesComment reports whether an edit replaces text with a comment in it.
func (f *fixer) removesComment() bool {
	return slices.ContainsFunc(f.edits, func(e analysis.TextEdit) bool {
		file := fileAt(f.unit, e.Pos) // nil in another package, where fixes only insert
		return file != nil && slices.ContainsFunc(file.Comments, func(c *ast.CommentGroup) bool {
			return e.Pos <= c.Pos() && c.End() <= e.End
		})
	})
}

// in runs edit, whose edits and imports are those of another file.
func (f *fixer) in(u *unit, file *ast.File, edit func()) {
	ownUnit, ownFile := f.unit, f.file
	f.unit, f.file = u, file
	edit()
	f.unit, f.file = ownUnit, ownFile
}

func (f *fixer) insert(at token.Pos, text string) {
	f.edits = append(f.edits, analysis.TextEdit{Pos: at, End: at, NewText: []byte(text)})
}

func (f *fixer) replace(n ast.Node, text string) {
	f.edits = append(f.edits, analysis.TextEdit{Pos: n.Pos(), End: n.End(), NewText: []byte(text)})
}

// endOfLine returns the end of the comment that follows on the same line, or else at.
func (f *fixer) endOfLine(at token.Pos) token.Pos {
	for _, c := range f.file.Comments {
		if c.Pos() >= at && f.line(c.Pos()) == f.line(at) && f.line(c.End()) == f.line(at) {
			return c.End()
		}
	}
	return at
}

// around wraps an expression in a call.
func (f *fixer) around(e ast.Expr, before, after string) {
	f.insert(e.Pos(), before)
	f.insert(e.End(), after)
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

// httpClient wraps an *http.Client, or the Transport of an http.Client. It also wraps transports
// that are assigned to the client later.
func (f *fixer) httpClient() {
	if f.assertsTransport() {
		f.advice = "wrap its Transport, after the program has used that as what it is"
		return
	}
	f.wrapClient()
	reached := f.graph.reach(f.site.node)
	for _, w := range f.writes {
		if !reached[w.base] || w.field.Name() != "Transport" || w.from == nil {
			continue
		}
		if file := fileAt(w.unit, w.from.Pos()); !ast.IsGenerated(file) {
			f.in(w.unit, file, func() { f.around(w.from, f.use(nethttp, w.from.Pos())+".Wrap(", ")") })
		}
	}
}

// assertsTransport reports whether the package asserts the type of a client's Transport.
func (f *fixer) assertsTransport() bool {
	return slices.ContainsFunc(f.unit.files, func(file *ast.File) bool {
		return contains(file, func(e ast.Expr) bool {
			assertion, ok := e.(*ast.TypeAssertExpr)
			if !ok {
				return false
			}
			s, ok := ast.Unparen(assertion.X).(*ast.SelectorExpr)
			return ok && s.Sel.Name == "Transport" && isClient(deref(f.unit.info.TypeOf(s.X)))
		})
	})
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
		f.advice = "take a context as a parameter, and use nethttp." + fn
		return
	}
	f.useFunction(call, fn, ctx, qualifier(call.Fun)+"DefaultClient")
}

// useFunction makes a call one of nethttp.Get, Head, Post or PostForm.
func (f *fixer) useFunction(call *ast.CallExpr, function, ctx, client string) {
	n := f.use(nethttp, call.Pos())
	f.replace(call.Fun, n+"."+function)
	f.insert(call.Lparen+1, ctx+", "+client+", ")
	f.what = fmt.Sprintf("use %s.%s", n, function)
}

// qualifier returns "pkg." of a function pkg.Function, or "" if its package is imported with a dot.
func qualifier(fun ast.Expr) string {
	if selector, ok := ast.Unparen(fun).(*ast.SelectorExpr); ok {
		return types.ExprString(selector.X) + "."
	}
	return ""
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
	if f.defaultCall() {
		return
	}
	if slices.ContainsFunc(f.globals, func(g global) bool { return g.name == "DefaultClient" }) {
		f.advice = "wrap it where the program sets http.DefaultClient or its fields" // a new variable would hold the old client
		return
	}
	scope := f.unit.pkg.Scope().Innermost(f.site.expr.Pos())
	if f.isTaken(name, scope, f.site.expr.Pos()) || f.isTestFile(f.site.file) { // other files cannot use a test's variable
		f.advice = what
		return
	}
	// One file declares the variable for all files of the package. Test files are the last.
	target := f.file
	for _, file := range f.unit.files {
		if !ast.IsGenerated(file) && importsHTTP(file) {
			target = file
			break
		}
	}
	end := target.Name.End()
	for _, d := range target.Decls {
		if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.IMPORT {
			end = d.End()
		}
	}
	f.in(f.unit, target, func() {
		wrap, http := f.use(nethttp, end), f.imported("net/http", "http", end)
		// Imports that are inserted at the same place come before.
		f.insert(end, fmt.Sprintf("\n\nvar %s = %s.WrapClient(%s.DefaultClient)", name, wrap, http))
	})
	f.replace(f.site.expr, name)
	f.what = what
}

func (f *fixer) isTestFile(file *ast.File) bool {
	return isTest(f.unit.fset.Position(file.Pos()).Filename)
}

func importsHTTP(file *ast.File) bool {
	return slices.ContainsFunc(file.Imports, func(s *ast.ImportSpec) bool {
		return s.Path.Value == `"net/http"`
	})
}

// sqlOpen renames sql.Open.
func (f *fixer) sqlOpen() {
	call := f.call()
	if len(call.Args) != 2 {
		return
	}
	wrapper := gapsql
	isOwn := slices.ContainsFunc(f.drivers, func(d registered) bool { return d.name == "mysql" })
	if constantString(f.unit, call.Args[0]) == "mysql" && !isOwn {
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

// driverName registers a wrapped driver, if sqlx knows its placeholders without sqlx.BindDriver.
func (f *fixer) driverName() {
	call := f.call()
	i := len(call.Args) - 2 // after a context
	if i < 0 || !slices.Contains([]string{"mysql", "sqlite3", "sqlite"}, constantString(f.unit, call.Args[i])) {
		return
	}
	n := f.use(gapsql, call.Pos())
	f.around(call.Args[i], n+".Register(", ")")
	f.what = "wrap its driver name with " + n + ".Register"
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
	f.insert(f.endOfLine(check.End()), fmt.Sprintf("\n%s.%s(%s)", n, function, types.ExprString(assign.Lhs[0])))
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

// exits reports whether the statements after a block do not run, such as after a return or panic.
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

// afterArguments returns where an argument can be added to a call.
func afterArguments(call *ast.CallExpr) token.Pos {
	if n := len(call.Args); n > 0 {
		return call.Args[n-1].End()
	}
	return call.Lparen + 1
}

// fileAt returns the file of a package that has a position, or nil.
func fileAt(u *unit, at token.Pos) *ast.File {
	for _, f := range u.files {
		if f.FileStart <= at && at < f.FileEnd {
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
