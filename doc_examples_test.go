package gaptrace_test

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exampleVariables are the variables that an example may use without a declaration, with their
// possible types.
var exampleVariables = map[string][]string{
	"acquire":    {"func(context.Context) error"},
	"addr":       {"string"},
	"buf":        {"[]byte"},
	"call":       {"*wrap.Call"},
	"cfg":        {"elasticsearch.Config"},
	"client":     {"*http.Client", "*redis.Client", "*elasticsearch.Client", "*elasticsearch.TypedClient"},
	"conn":       {"*sql.Conn"},
	"connector":  {"driver.Connector"},
	"creds":      {"grpc.DialOption"},
	"ctx":        {"context.Context"},
	"db":         {"*sql.DB"},
	"driver":     {"driver.Driver"},
	"dsn":        {"string"},
	"file":       {"*os.File"},
	"flight":     {"debug.FlightRecorder"},
	"get":        {"func(context.Context, string) (string, error)"},
	"handler":    {"http.Handler"},
	"key":        {"string"},
	"mux":        {"*http.ServeMux"},
	"onlyAdmins": {"func(http.Handler) http.Handler"},
	"options":    {"*redis.Options"},
	"recorder":   {"*tracer.Recorder"},
	"statement":  {"string"},
	"target":     {"string"},
	"transport":  {"http.RoundTripper"},
	"wrapper":    {"*wrap.Wrapper"},
}

// example is a block of Go in a text. It must compile after a reader has copied it into an empty
// program and declared exampleVariables.
type example struct {
	file    string
	code    string
	wrapper string // the import path of the wrapper that it shows, or ""
}

// TestExamplesCompile compiles every example. If an example shows a wrapper, each statement must
// use it, or declare a variable for one that does.
func TestExamplesCompile(t *testing.T) {
	needWorkspace(t)
	examples := examples(t)
	paths := slices.Collect(maps.Values(packagePaths))
	for _, e := range examples {
		if header, _, err := e.parse(e.code); err == nil {
			for _, spec := range header.Imports {
				paths = append(paths, strings.Trim(spec.Path.Value, `"`))
			}
		}
	}
	all := load(t, paths...)
	wrappers := map[string]bool{}
	for _, e := range examples {
		wrappers[e.wrapper] = true
		for _, problem := range e.check(all) {
			t.Errorf("%s: %s\n%s", e.file, problem, e.code)
		}
	}
	if len(examples) < 30 || len(wrappers) != 7 { // "" and six wrappers
		t.Errorf("%d examples, want at least 30, of all six wrappers: %v", len(examples), wrappers)
	}
}

// TestExampleProblems checks example.check itself.
func TestExampleProblems(t *testing.T) {
	needWorkspace(t)
	all := loadNamed(t)
	for name, test := range map[string]struct{ code, problem string }{
		"library instead of wrapper": {
			`db, err := sql.Open("postgres", dsn)`,
			"does not use",
		},
		"one alternative without the wrapper": {
			"db, err := sql.Open(\"postgres\", dsn)\n" + "db := sql.OpenDB(gapsql.Wrap(connector))",
			"does not use",
		},
		"wrapper under the library's name": {
			`client = redis.Wrap(client)`,
			"undefined: redis.Wrap",
		},
		"undeclared alias": {
			`client := gapredis.Wrap(goredis.NewClient(options))`,
			"undefined: goredis",
		},
		"function without its package": {
			`client = WrapTyped(client)`,
			"undefined: WrapTyped",
		},
		"unknown option": {
			`db, err := gapsql.Open("postgres", dsn, gaptrace.WithMagic())`,
			"undefined: gaptrace.WithMagic",
		},
		"syntax error": {
			`db, err := gapsql.Open(`,
			"expected",
		},
		"error in preparation": {
			"connector, err := driver.OpenConnector(dsn)\n" + "db := sql.OpenDB(gapsql.Wrap(connector))",
			"driver.OpenConnector",
		},
		"accepted alternatives": {
			"db, err := gapsql.Open(\"postgres\", dsn)\n" + "db := sql.OpenDB(gapsql.Wrap(connector))",
			"",
		},
		"accepted preparation": {
			"c := sql.OpenDB(connector)\n" + "db := gapsql.WrapDB(c)",
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := strings.Join(example{"here", test.code, packagePaths["gapsql"]}.check(all), "\n")
			if test.problem == "" && found != "" || !strings.Contains(found, test.problem) {
				t.Errorf("found %q, want %q", found, test.problem)
			}
		})
	}
}

// examples returns the examples in documents, and in the comments of packages that users can
// import.
func examples(t *testing.T) []example {
	t.Helper()
	var all []example
	for _, f := range sourceFiles(t) {
		if strings.Contains("/"+f.dir+"/", "/internal/") {
			continue
		}
		for _, text := range f.Comments {
			wrapper := ""
			if text == f.Doc && strings.HasPrefix(f.dir, "contrib/") {
				wrapper = module + "/" + f.dir
			}
			for _, block := range new(comment.Parser).Parse(text.Text()).Content {
				if code, ok := block.(*comment.Code); ok && looksLikeGo.MatchString(code.Text) {
					all = append(all, example{f.name, code.Text, wrapper})
				}
			}
		}
	}
	for file, text := range documents(t) {
		if file == "docs/own-wrapper.md" { // a test of wrap/internal/shelf compares it with the source
			continue
		}
		for _, block := range fenced.FindAllStringSubmatch(text, -1) {
			if block[1] == "go" || block[1] == "" && looksLikeGo.MatchString(block[2]) {
				all = append(all, example{file, block[2], ""})
			}
		}
		for _, row := range wrapperRow.FindAllStringSubmatch(text, -1) {
			for _, span := range codeSpan.FindAllStringSubmatch(row[1], -1) {
				if strings.Contains(span[1], "(") {
					all = append(all, example{file, span[1], module + "/" + row[2]})
				}
			}
		}
	}
	return all
}

// omission is a line that stands for code that an example leaves out.
var omission = regexp.MustCompile(`(?m)^\s*…$`)

// parse returns an example's imports and statements.
func (e example) parse(code string) (header *ast.File, body []ast.Stmt, err error) {
	fset := token.NewFileSet()
	code = "package p\n" + omission.ReplaceAllString(code, "")
	header, err = parser.ParseFile(fset, e.file, code, parser.ImportsOnly)
	if err != nil {
		return nil, nil, err
	}
	rest := code[fset.Position(header.Name.End()).Offset:]
	if n := len(header.Decls); n > 0 {
		rest = code[fset.Position(header.Decls[n-1].End()).Offset:]
	}
	if x, err := parser.ParseExpr(rest); err == nil {
		if _, call := x.(*ast.CallExpr); !call {
			rest = "_ = " + strings.TrimSpace(rest)
		}
	}
	f, err := parser.ParseFile(fset, e.file, "package p\nfunc _() {\n"+rest+"\n}", 0)
	if err != nil {
		return nil, nil, err
	}
	return header, f.Decls[0].(*ast.FuncDecl).Body.List, nil
}

// check returns the problems of an example.
func (e example) check(all *packages) (problems []string) {
	header, statements, err := e.parse(e.code)
	if err != nil {
		return []string{err.Error()}
	}
	for _, alternative := range alternatives(statements) {
		problems = append(problems, e.checkOne(all, header.Imports, alternative)...)
	}
	return problems
}

// alternatives splits statements at each := whose variables are all declared already, since a text
// may show several ways to do the same.
func alternatives(statements []ast.Stmt) [][]ast.Stmt {
	all := [][]ast.Stmt{nil}
	declared := map[string]bool{}
	for _, s := range statements {
		if assign, ok := s.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
			isNew := func(x ast.Expr) bool { return !declared[x.(*ast.Ident).Name] }
			if !slices.ContainsFunc(assign.Lhs, isNew) {
				all = append(all, nil)
				clear(declared)
			}
			for _, x := range assign.Lhs {
				declared[x.(*ast.Ident).Name] = true
			}
		}
		all[len(all)-1] = append(all[len(all)-1], s)
	}
	return all
}

// checkOne type-checks one alternative, with each choice of types for exampleVariables. It returns
// the problems of the last choice, unless one has none.
func (e example) checkOne(all *packages, imports []*ast.ImportSpec, statements []ast.Stmt) (problems []string) {
	imported, variables := usedNames(statements)
	for _, spec := range imports {
		path := strings.Trim(spec.Path.Value, `"`)
		name := all.listed[path].Name
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imported[name] = path
	}
	for choice := range len(exampleVariables["client"]) { // none has more types
		program, err := exampleProgram(imported, variables, choice, statements)
		if err != nil {
			return []string{err.Error()}
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "", program, 0)
		if err != nil {
			return []string{err.Error()}
		}
		var info *types.Info
		if info, problems = typeCheck(all, fset, f); problems == nil {
			if e.wrapper != "" {
				body := f.Decls[len(f.Decls)-1].(*ast.FuncDecl).Body.List[0].(*ast.BlockStmt).List
				problems = e.unrelated(info, body)
			}
			break
		}
	}
	return problems
}

// usedNames returns the packages and the exampleVariables that statements use, and the packages of
// the variables' types.
func usedNames(statements []ast.Stmt) (imported map[string]string, variables map[string][]string) {
	imported, variables = map[string]string{}, map[string][]string{}
	use := func(name string) {
		if path, ok := packagePaths[name]; ok {
			imported[name] = path
		}
	}
	for _, s := range statements {
		ast.Inspect(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok {
					use(x.Name)
				}
			case *ast.Ident:
				variableTypes, ok := exampleVariables[n.Name]
				if !ok {
					break
				}
				variables[n.Name] = variableTypes
				for _, t := range variableTypes {
					for _, match := range qualifier.FindAllStringSubmatch(t, -1) {
						use(match[1])
					}
				}
			}
			return true
		})
	}
	return imported, variables
}

var qualifier = regexp.MustCompile(`(\w+)\.`)

// exampleProgram returns a program with statements in a block. Each variable is a parameter, of its
// type number choice, or its last.
func exampleProgram(
	imported map[string]string, variables map[string][]string, choice int, statements []ast.Stmt,
) (string, error) {
	var program strings.Builder
	program.WriteString("package p\n")
	for name, path := range imported {
		fmt.Fprintf(&program, "import %s %q\n", name, path)
	}
	program.WriteString("func _(")
	for name, types := range variables {
		fmt.Fprintf(&program, "%s %s, ", name, types[min(choice, len(types)-1)])
	}
	program.WriteString(") error { {\n")
	for _, s := range statements {
		if err := format.Node(&program, token.NewFileSet(), s); err != nil {
			return "", err
		}
		program.WriteString("\n")
	}
	program.WriteString("}\npanic(0) }")
	return program.String(), nil
}

// typeCheck ignores variables and imports that are not used.
func typeCheck(all *packages, fset *token.FileSet, f *ast.File) (info *types.Info, problems []string) {
	info = &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: all, Error: func(err error) {
		if err := err.(types.Error); !err.Soft {
			problems = append(problems, err.Msg)
		}
	}}
	_, _ = config.Check("p", fset, []*ast.File{f}, info)
	return info, problems
}

// unrelated returns a problem for each statement that neither uses the wrapper, nor declares a
// variable for a later one that does.
func (e example) unrelated(info *types.Info, statements []ast.Stmt) (problems []string) {
	needed := map[types.Object]bool{}
	for _, s := range slices.Backward(statements) {
		related := false
		var used []types.Object
		ast.Inspect(s, func(n ast.Node) bool {
			ident, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			if pkg, ok := info.Uses[ident].(*types.PkgName); ok && pkg.Imported().Path() == e.wrapper {
				related = true
			}
			if needed[info.Defs[ident]] || needed[info.Uses[ident]] {
				related = true
			}
			used = append(used, info.Uses[ident])
			return true
		})
		if !related {
			problems = append(problems, fmt.Sprintf("a statement does not use %s, nor prepare its use", e.wrapper))
		}
		for _, object := range used {
			if _, ok := object.(*types.Var); ok {
				needed[object] = true
			}
		}
	}
	return problems
}
