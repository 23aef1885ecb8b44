package vet

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gaptrace/gaptrace/internal/clients"
	"golang.org/x/tools/go/packages"
)

// declared returns the functions and methods that files declare, named as [types.Func.FullName]
// does, with their declarations.
func declared(t *testing.T, importPath string, files []string) map[string]*ast.FuncDecl {
	t.Helper()
	names := map[string]*ast.FuncDecl{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
			case fn.Recv == nil:
				names[importPath+"."+fn.Name.Name] = fn
			default:
				star, of := "", fn.Recv.List[0].Type
				if p, ok := of.(*ast.StarExpr); ok {
					star, of = "*", p.X
				}
				if of, ok := of.(*ast.Ident); ok {
					names["("+star+importPath+"."+of.Name+")."+fn.Name.Name] = fn
				}
			}
		}
	}
	return names
}

// packageOf returns the import path in a function's full name.
func packageOf(name string) string {
	if rest, ok := strings.CutPrefix(name, "("); ok {
		name, _, _ = strings.Cut(rest, ")")
		name = strings.TrimPrefix(name, "*")
	}
	return name[:strings.LastIndexByte(name, '.')]
}

func goFiles(t *testing.T, dir string) (files []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, isTest)
}

// TestWrappersAreKnown compares the table of wrappers with the functions of this repository that
// take options.
func TestWrappersAreKnown(t *testing.T) {
	// It wraps what a wrapped client returns, so it covers no client.
	known := map[string]bool{gapredis.path + ".WrapPubSub": true}
	real := map[string]*ast.FuncDecl{}
	for _, pattern := range []string{"../contrib/*", "../contrib/*/*", "../tracer"} {
		dirs, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			importPath := ours + "/" + filepath.ToSlash(strings.TrimPrefix(dir, ".."+string(filepath.Separator)))
			functions := declared(t, importPath, goFiles(t, dir))
			maps.Copy(real, functions)
			for name, fn := range functions {
				if fn.Recv != nil || !fn.Name.IsExported() || known[name] || wrappers[name] != 0 {
					continue
				}
				if strings.HasPrefix(fn.Name.Name, "Wrap") || takesOptions(fn) {
					t.Errorf("%s is not in the table of wrappers", name)
				}
			}
		}
	}
	if len(real) == 0 {
		t.Fatal("no function was found")
	}
	for name := range wrappers {
		if strings.HasPrefix(name, ours) && real[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
}

// takesOptions reports whether a function takes any number of gaptrace.Option.
func takesOptions(fn *ast.FuncDecl) bool {
	params := fn.Type.Params.List
	if len(params) == 0 {
		return false
	}
	dots, ok := params[len(params)-1].Type.(*ast.Ellipsis)
	if !ok {
		return false
	}
	s, ok := dots.Elt.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Option"
}

// TestUnwrappedLibrariesHaveAdvice looks all libraries without a wrapper up in package clients.
func TestUnwrappedLibrariesHaveAdvice(t *testing.T) {
	for path := range unwrapped {
		switch l := clients.ByPath(path); {
		case l == nil:
			t.Errorf("package clients does not know %s", path)
		case l.Rule != clients.NoWrapper:
			t.Errorf("%s: its rule is %s", path, l.Rule)
		case l.Advice == "":
			t.Errorf("%s: there is no advice", path)
		}
	}
}

// TestLibrariesHaveRules checks that a rule exists for each library of package clients, and that
// what has no wrapper is in the table.
func TestLibrariesHaveRules(t *testing.T) {
	const perService = "google.golang.org/api" // has a package and a function for each service
	for _, l := range clients.Libraries {
		if !slices.ContainsFunc(Rules, func(r Rule) bool { return r.ID == l.Rule }) {
			t.Errorf("%s: there is no rule %q", l.Path, l.Rule)
		}
		if l.Rule != clients.NoWrapper || l.Incidental || l.Path == perService {
			continue
		}
		found := false
		for path := range unwrapped {
			found = found || path == l.Path || strings.HasPrefix(path, l.Path+"/")
		}
		if !found {
			t.Errorf("%s has no wrapper, but is not in the table", l.Path)
		}
	}
}

// used are the packages of libraries in the tables that modules of this repository use. The go
// command fails if it has to download one of the others.
var used = []string{
	"net/http", "net/http/httputil", "database/sql", redis, elastic, grpc, sqlx, gorm, gin, echo,
	"entgo.io/ent/dialect/sql", "github.com/XSAM/otelsql", "github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgxpool",
	"github.com/opentracing/opentracing-go", "github.com/uber/jaeger-client-go",
	"github.com/uber/jaeger-client-go/config", "go.opentelemetry.io/otel/bridge/opentracing",
}

// realLibraries returns the files of the packages in used.
var realLibraries = sync.OnceValues(func() (map[string][]string, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	pkgs, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles,
		Dir:  root,
		Env:  append(os.Environ(), "GO111MODULE=on", "GOWORK="+filepath.Join(root, "go.work"), "GOFLAGS="),
	}, used...)
	if err != nil {
		return nil, err
	}
	files := map[string][]string{}
	for _, p := range pkgs {
		if len(p.Errors) > 0 {
			return nil, p.Errors[0]
		}
		files[p.PkgPath] = p.GoFiles
	}
	return files, nil
})

// TestNamesExist looks the names of all tables up in the real libraries, in the versions that the
// modules of this repository use.
func TestNamesExist(t *testing.T) {
	files, err := realLibraries()
	if err != nil {
		t.Fatal(err)
	}
	real := map[string]map[string]*ast.FuncDecl{}
	for path, names := range files {
		real[path] = declared(t, path, names)
	}
	for _, path := range used {
		if len(real[path]) == 0 {
			t.Errorf("%s was not found", path)
		}
	}
	exists := func(name string) bool {
		functions, ok := real[packageOf(name)]
		return !ok || functions[name] != nil
	}
	for name := range constructors {
		if !exists(name) {
			t.Errorf("constructors: there is no %s", name)
		}
	}
	for name := range wrappers {
		if !exists(name) {
			t.Errorf("wrappers: there is no %s", name)
		}
	}
	for path, functions := range unwrapped {
		for _, f := range functions {
			if !exists(path + "." + f) {
				t.Errorf("unwrapped: there is no %s.%s", path, f)
			}
		}
	}
	compared := 0
	for name, with := range withContext {
		if functions := real[packageOf(name)]; functions[name] != nil {
			compared++
			if other := name[:strings.LastIndexByte(name, '.')+1] + with; functions[other] == nil {
				t.Errorf("withContext: there is no %s", other)
			}
		}
	}
	if compared < 40 {
		t.Errorf("only %d methods without a context exist", compared)
	}
}

// TestFakesAreReal checks that the functions of testdata/src exist in the real libraries.
func TestFakesAreReal(t *testing.T) {
	files, err := realLibraries()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for path, names := range files {
		dir := filepath.Join("testdata/src", filepath.FromSlash(path))
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		real := declared(t, path, names)
		for name, fn := range declared(t, path, goFiles(t, dir)) {
			other := real[name]
			if !fn.Name.IsExported() || fn.Recv != nil && other == nil && path == redis {
				continue // go-redis declares its methods on types that clients embed
			}
			compared++
			switch {
			case other == nil:
				t.Errorf("there is no %s", name)
			case fn.Type.Params.NumFields() != other.Type.Params.NumFields() && path != ours+"/tracer":
				t.Errorf("%s: %d parameters, the real one has %d", name, fn.Type.Params.NumFields(), other.Type.Params.NumFields())
			case fn.Type.Results.NumFields() != other.Type.Results.NumFields():
				t.Errorf("%s: %d results, the real one has %d", name, fn.Type.Results.NumFields(), other.Type.Results.NumFields())
			}
		}
	}
	if compared < 90 {
		t.Errorf("only %d functions were compared", compared)
	}
}
