package gaptrace_test

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"go/version"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// names maps the package names in texts to import paths. If a wrapper's package has the same name
// as its library, the name means the library, so that a reader who copies a line gets the right
// one.
var names = map[string]string{
	"bridge":           "go.opentelemetry.io/otel/bridge/opentracing",
	"codes":            "google.golang.org/grpc/codes",
	"context":          "context",
	"debug":            module + "/gap/debug",
	"driver":           "database/sql/driver",
	"elasticsearch":    "github.com/elastic/go-elasticsearch/v8",
	"elastictransport": "github.com/elastic/elastic-transport-go/v8/elastictransport",
	"fmt":              "fmt",
	"gap":              module + "/gap",
	"gapes":            module + "/contrib/elasticsearch",
	"gapgrpc":          module + "/contrib/grpc",
	"gapmysql":         module + "/contrib/sql/mysql",
	"gapredis":         module + "/contrib/redis",
	"gapsql":           module + "/contrib/sql",
	"gaptrace":         module,
	"grpc":             "google.golang.org/grpc",
	"http":             "net/http",
	"jaegerjson":       module + "/gap/jaegerjson",
	"mysql":            "github.com/go-sql-driver/mysql",
	"nethttp":          module + "/contrib/nethttp",
	"opentracing":      "github.com/opentracing/opentracing-go",
	"os":               "os",
	"redis":            "github.com/go-redis/redis/v8",
	"report":           module + "/gap/report",
	"slog":             "log/slog",
	"sql":              "database/sql",
	"stdlib":           "github.com/jackc/pgx/v5/stdlib",
	"status":           "google.golang.org/grpc/status",
	"time":             "time",
	"tracer":           module + "/tracer",
}

// surroundings are the variables that an example may use, with their possible types.
var surroundings = map[string][]string{
	"addr":       {"string"},
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
	"handler":    {"http.Handler"},
	"mux":        {"*http.ServeMux"},
	"onlyAdmins": {"func(http.Handler) http.Handler"},
	"options":    {"*redis.Options"},
	"recorder":   {"*tracer.Recorder"},
	"target":     {"string"},
	"transport":  {"http.RoundTripper"},
}

// An example is a block of Go in a text, which a reader may copy into an empty program.
type example struct {
	at   string
	code string
	ours string // the wrapper that it shows, if any: then each statement must use the wrapper or prepare its use
}

// TestExamplesCompile compiles every example. An example of a wrapper must use that wrapper.
func TestExamplesCompile(t *testing.T) {
	workspace(t)
	examples := examples(t)
	paths := slices.Collect(maps.Values(names))
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
		wrappers[e.ours] = true
		for _, problem := range e.check(all) {
			t.Errorf("%s: %s\n%s", e.at, problem, e.code)
		}
	}
	if len(examples) < 30 || len(wrappers) != 7 { // six wrappers, and "" for other examples
		t.Errorf("only %d examples found, of %v", len(examples), wrappers)
	}
}

// TestNamesInTextsExist looks up each name such as gapsql.Open.
func TestNamesInTextsExist(t *testing.T) {
	workspace(t)
	all := load(t, slices.Collect(maps.Values(names))...)
	texts := map[string]string{}
	for name, text := range documents(t) {
		for _, span := range codeSpan.FindAllString(text, -1) {
			texts[name] += span + "\n"
		}
	}
	for _, f := range sourceFiles(t) {
		for _, text := range f.Comments {
			texts[f.name] += text.Text()
		}
	}
	found := 0
	for at, text := range texts {
		for _, mention := range mentions.FindAllStringSubmatch(text, -1) {
			pkg, err := all.Import(names[mention[1]])
			if err != nil {
				t.Fatal(err)
			}
			found++
			object := pkg.Scope().Lookup(mention[2])
			if object != nil && mention[3] != "" {
				object, _, _ = types.LookupFieldOrMethod(object.Type(), true, pkg, mention[3])
			}
			if object == nil && !newer(mention[0]) {
				t.Errorf("%s: there is no %s", at, mention[0])
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d names found", found)
	}
}

// newer reports whether an interface is from a later Go release than the one that runs the tests.
func newer(name string) bool {
	for _, w := range wrapped {
		if version.Compare(w.known[name].since, runtime.Version()) > 0 {
			return true
		}
	}
	return false
}

func TestExampleIsRefused(t *testing.T) {
	workspace(t)
	all := load(t, slices.Collect(maps.Values(names))...)
	for name, test := range map[string]struct{ code, problem string }{
		"library's function as the wrapper's": {`db, err := sql.Open("postgres", dsn)`, "has no part in"},
		"one alternative without the wrapper": {"db, err := sql.Open(\"postgres\", dsn)\ndb := sql.OpenDB(gapsql.Wrap(connector))", "has no part in"},
		"wrapper under the library's name":    {`client = redis.Wrap(client)`, "undefined: redis.Wrap"},
		"alias of the author's own":           {`client := gapredis.Wrap(goredis.NewClient(options))`, "undefined: goredis"},
		"function without its package":        {`client = WrapTyped(client)`, "undefined: WrapTyped"},
		"unknown option":                      {`db, err := gapsql.Open("postgres", dsn, gaptrace.WithMagic())`, "undefined: gaptrace.WithMagic"},
		"syntax":                              {`db, err := gapsql.Open(`, "expected"},
		"preparation":                         {"connector, err := driver.OpenConnector(dsn)\ndb := sql.OpenDB(gapsql.Wrap(connector))", "driver.OpenConnector"},
		"accepted: alternatives":              {"db, err := gapsql.Open(\"postgres\", dsn)\ndb := sql.OpenDB(gapsql.Wrap(connector))", ""},
		"accepted: a line that prepares ours": {"c := sql.OpenDB(connector)\ndb := gapsql.WrapDB(c)", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := strings.Join(example{"here", test.code, names["gapsql"]}.check(all), "\n")
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
			ours := ""
			if text == f.Doc && strings.HasPrefix(f.dir, "contrib/") {
				ours = module + "/" + f.dir
			}
			for _, block := range new(comment.Parser).Parse(text.Text()).Content {
				if code, ok := block.(*comment.Code); ok && looksLikeGo.MatchString(code.Text) {
					all = append(all, example{f.name, code.Text, ours})
				}
			}
		}
	}
	for name, text := range documents(t) {
		for _, block := range fenced.FindAllStringSubmatch(text, -1) {
			if block[1] == "go" || block[1] == "" && looksLikeGo.MatchString(block[2]) {
				all = append(all, example{name, block[2], ""})
			}
		}
		for _, row := range wrapperRow.FindAllStringSubmatch(text, -1) {
			for _, span := range codeSpan.FindAllStringSubmatch(row[1], -1) {
				if strings.Contains(span[1], "(") {
					all = append(all, example{name, span[1], module + "/" + row[2]})
				}
			}
		}
	}
	return all
}

var (
	fenced      = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	codeSpan    = regexp.MustCompile("`([^`\n]+)`")
	wrapperRow  = regexp.MustCompile("(?m)^\\|[^|]*\\|([^|]*)\\| *`(contrib/[\\w/]+)`[^|]*\\|$")
	looksLikeGo = regexp.MustCompile(`(?m):=|^import\b|\b(` + strings.Join(slices.Collect(maps.Keys(names)), "|") + `)\.[A-Z]\w*[({]`)
	mentions    = regexp.MustCompile(`\b(` + strings.Join(slices.Collect(maps.Keys(names)), "|") + `)\.([A-Z]\w*)(?:\.([A-Z]\w*))?\b`)
	elided      = regexp.MustCompile(`(?m)^\s*…$`)
)

// documents returns the texts of the Markdown files, by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found, _ := filepath.Glob("docs/*.md")
	texts := map[string]string{}
	for _, name := range append(found, "README.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

// parse returns the imports and the statements of an example.
func (e example) parse(code string) (header *ast.File, body []ast.Stmt, err error) {
	fset := token.NewFileSet()
	code = "package p\n" + elided.ReplaceAllString(code, "")
	header, err = parser.ParseFile(fset, e.at, code, parser.ImportsOnly)
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
	f, err := parser.ParseFile(fset, e.at, "package p\nfunc _() {\n"+rest+"\n}", 0)
	if err != nil {
		return nil, nil, err
	}
	return header, f.Decls[0].(*ast.FuncDecl).Body.List, nil
}

// check returns what is wrong with an example.
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

// alternatives splits statements into alternatives. A new one begins at a := whose variables are
// all declared already.
func alternatives(statements []ast.Stmt) [][]ast.Stmt {
	all := [][]ast.Stmt{nil}
	declared := map[string]bool{}
	for _, s := range statements {
		if assign, ok := s.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
			if !slices.ContainsFunc(assign.Lhs, func(x ast.Expr) bool { return !declared[x.(*ast.Ident).Name] }) {
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

// checkOne type-checks one alternative, together with its surroundings.
func (e example) checkOne(all *packages, imports []*ast.ImportSpec, statements []ast.Stmt) (problems []string) {
	imported := map[string]string{}
	variables := map[string][]string{}
	mention := func(name string) {
		if path, ok := names[name]; ok {
			imported[name] = path
		}
	}
	for _, s := range statements {
		ast.Inspect(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok {
					mention(x.Name)
				}
			case *ast.Ident:
				if types, ok := surroundings[n.Name]; ok {
					variables[n.Name] = types
					for _, t := range types {
						for _, qualifier := range qualifiers.FindAllStringSubmatch(t, -1) {
							mention(qualifier[1])
						}
					}
				}
			}
			return true
		})
	}
	for _, spec := range imports {
		path := strings.Trim(spec.Path.Value, `"`)
		name := all.listed[path].Name
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imported[name] = path
	}

	for choice := range len(surroundings["client"]) { // none has more
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
				return []string{err.Error()}
			}
			program.WriteString("\n")
		}
		program.WriteString("}\npanic(0) }")

		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "", program.String(), 0)
		if err != nil {
			return []string{err.Error()}
		}
		problems = nil
		info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
		config := types.Config{Importer: all, Error: func(err error) {
			if err := err.(types.Error); !err.Soft { // soft: a variable or import that the example does not use
				problems = append(problems, err.Msg)
			}
		}}
		_, _ = config.Check("p", fset, []*ast.File{f}, info)
		if problems == nil {
			if e.ours != "" {
				problems = e.idle(info, f.Decls[len(f.Decls)-1].(*ast.FuncDecl).Body.List[0].(*ast.BlockStmt).List)
			}
			break
		}
	}
	return problems
}

// idle returns the statements that neither use the wrapper nor declare what a later one uses it on.
func (e example) idle(info *types.Info, statements []ast.Stmt) (problems []string) {
	needed := map[types.Object]bool{}
	for _, s := range slices.Backward(statements) {
		part := false
		var uses []types.Object
		ast.Inspect(s, func(n ast.Node) bool {
			ident, ok := n.(*ast.Ident)
			if !ok {
				return true
			}
			if pkg, ok := info.Uses[ident].(*types.PkgName); ok && pkg.Imported().Path() == e.ours {
				part = true
			}
			if needed[info.Defs[ident]] || needed[info.Uses[ident]] {
				part = true
			}
			uses = append(uses, info.Uses[ident])
			return true
		})
		if !part {
			problems = append(problems, fmt.Sprintf("a line has no part in the use of %s", e.ours))
		}
		for _, object := range uses {
			if _, variable := object.(*types.Var); variable {
				needed[object] = true
			}
		}
	}
	return problems
}

var qualifiers = regexp.MustCompile(`(\w+)\.`)
