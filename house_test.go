package gaptrace_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gaptrace/gaptrace"

// floors numbers the packages of the house; the longest path that fits decides. Imports of the
// house's own packages run down, from a floor to a lower one. docs/ARCHITECTURE.md draws it.
var floors = map[string]int{
	"":                              0, // the words: imports opentracing-go alone
	"gap":                           0, // pure analysis: imports the standard library alone
	"gap/jaegerjson":                1, // Jaeger's JSON, in and out; may ask a query service
	"internal/spanutil":             1,
	"internal/redact/sqltext":       1, // redacts SQL
	"internal/redact/redis":         1,
	"internal/redact/elasticsearch": 1,
	"internal/redact":               0, // the table of credential words: imports the standard library alone
	"internal/printable":            0, // text of strangers, harmless: imports the standard library alone
	"internal/nearest":              0,
	"internal/terminal":             0,
	"internal/worktime":             0, // the CPU time of a handler: what gaps are held against
	"gap/report":                    2, // what was found, as text, pages and files for other tools
	"gap/debug":                     3, // the page of a running program
	"contrib":                       2,
	"tracer":                        2,
	"cmd/gaptrace":                  4, // a module of its own
	"demo":                          4,
	"bench":                         4, // gaptrace beside its peers; nothing of theirs reaches a user
	"internal/interop":              4, // tests alone, with what no user should get
}

// sameFloor lists the imports that may run along a floor, each with its reason.
var sameFloor = map[[2]string]string{
	{"contrib/sql/mysql", "contrib/sql"}: "it is contrib/sql with tags read from the driver's configuration",
}

// outside lists, for a path and all below it, what may be imported beside the standard library and the house.
// A path that is not listed may import anything.
var outside = map[string][]string{
	"":                        {"github.com/opentracing/opentracing-go"},
	"gap":                     {},
	"gap/report":              {"github.com/charmbracelet/x/ansi", "github.com/google/pprof/profile"},
	"gap/debug":               {},
	"internal/worktime":       {},
	"internal/spanutil":       {"github.com/opentracing/opentracing-go"},
	"internal/redact":         {},
	"internal/redact/sqltext": {"github.com/DataDog/go-sqllexer"},
	"internal/terminal":       {"golang.org/x/term"},
	"cmd/gaptrace":            {"github.com/spf13/cobra"},
	"contrib/nethttp":         {"github.com/opentracing/opentracing-go"},
	"contrib/redis":           {"github.com/opentracing/opentracing-go", "github.com/go-redis/redis/v8"},
	"contrib/sql":             {"github.com/opentracing/opentracing-go"},
	"contrib/sql/mysql":       {"github.com/opentracing/opentracing-go", "github.com/go-sql-driver/mysql"},
	"contrib/grpc":            {"github.com/opentracing/opentracing-go", "google.golang.org/grpc"},
	"contrib/elasticsearch":   {"github.com/opentracing/opentracing-go", "github.com/elastic/go-elasticsearch/v8", "github.com/elastic/elastic-transport-go/v8"},
}

// file is a Go file of the house that ships: no test, nothing for tests.
type file struct {
	dir  string // "" for the root
	name string
	*ast.File
}

// shipped parses all files of the root module and the modules beside it but tests and what only
// tests import.
func shipped(t *testing.T) []file {
	t.Helper()
	var files []file
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "internal/spantest" || name == "testdata" || name != "." && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(name))
		if dir == "." {
			dir = ""
		}
		files = append(files, file{dir, filepath.ToSlash(name), f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d files found", len(files))
	}
	return files
}

func (f file) imports(t *testing.T) []string {
	var paths []string
	for _, spec := range f.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

// beside is the folder of the module beside the root's that dir belongs to, whose packages import each other as they like.
func beside(dir string) string {
	if top, _, _ := strings.Cut(dir, "/"); top == "demo" || top == "bench" {
		return top
	}
	return ""
}

// inHouse is the folder of a package of the house.
func inHouse(importPath string) (dir string, ok bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// nearest finds the entry of m for dir or, failing that, for the closest folder above it that has one.
// The root's own entry is for the root alone.
func nearest[V any](m map[string]V, dir string) (value V, ok bool) {
	for at := dir; ; at = path.Dir(at) {
		if at == "." {
			return value, false
		}
		if value, ok = m[at]; ok || at == "" {
			return value, ok
		}
	}
}

func TestImportsRunDown(t *testing.T) {
	for _, f := range shipped(t) {
		floor, ok := nearest(floors, f.dir)
		if !ok {
			t.Errorf("%s: its folder has no floor", f.name)
		}
		for _, p := range f.imports(t) {
			dir, house := inHouse(p)
			if !house || beside(f.dir) != "" && beside(f.dir) == beside(dir) {
				continue
			}
			below, ok := nearest(floors, dir)
			if !ok { // internal/spantest, for one, which is for tests and brings Jaeger
				t.Errorf("%s imports %s, which is on no floor", f.name, p)
			}
			if below >= floor && sameFloor[[2]string{f.dir, dir}] == "" {
				t.Errorf("%s, on floor %d, imports %s, on floor %d", f.name, floor, p, below)
			}
		}
	}
}

func TestPackagesImportOnlyWhatTheyWrap(t *testing.T) {
	for _, f := range shipped(t) {
		allowed, listed := nearest(outside, f.dir)
		if !listed {
			if strings.HasPrefix(f.dir, "contrib/") {
				t.Errorf("%s: what its folder may import is not listed", f.name)
			}
			continue
		}
		for _, p := range f.imports(t) {
			_, house := inHouse(p)
			standard := !strings.Contains(strings.Split(p, "/")[0], ".")
			known := slices.ContainsFunc(allowed, func(module string) bool { return p == module || strings.HasPrefix(p, module+"/") })
			switch {
			case p == "testing" || p == "log":
				t.Errorf("%s imports %s: wrappers neither test nor log", f.name, p)
			case !house && !standard && !known:
				t.Errorf("%s imports %s; allowed beside the standard library: %v", f.name, p, allowed)
			}
		}
	}
}

func TestEveryWrapperHasTheSameFurniture(t *testing.T) {
	rooms := map[string]bool{}
	for _, f := range shipped(t) {
		if strings.HasPrefix(f.dir, "contrib/") && !strings.Contains(f.dir, "internal") {
			rooms[f.dir] = true
		}
	}
	if len(rooms) < 5 {
		t.Errorf("only %d wrappers found", len(rooms))
	}
	for room := range rooms {
		for _, piece := range []string{"doc.go", "example_test.go", "transparent_test.go"} {
			if _, err := os.Stat(filepath.Join(room, piece)); err != nil {
				t.Errorf("%s has no %s", room, piece)
			}
		}
	}
}

func TestEveryExportedNameHasAComment(t *testing.T) {
	for _, f := range shipped(t) {
		if f.Name.Name == "main" || ast.IsGenerated(f.File) {
			continue
		}
		for _, decl := range f.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					t.Errorf("%s: %s has no comment", f.name, d.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch s := spec.(type) {
					case *ast.TypeSpec:
						if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
							t.Errorf("%s: %s has no comment", f.name, s.Name)
						}
					case *ast.ValueSpec:
						for _, name := range s.Names {
							if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
								t.Errorf("%s: %s has no comment", f.name, name)
							}
						}
					}
				}
			}
		}
	}
}

// exportedReceiver reports whether d is a function, or a method that users can see.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	switch generic := typ.(type) {
	case *ast.IndexExpr:
		typ = generic.X
	case *ast.IndexListExpr:
		typ = generic.X
	}
	name, ok := typ.(*ast.Ident)
	return ok && name.IsExported()
}

func TestNothingHappensAtImport(t *testing.T) {
	for _, f := range shipped(t) {
		for _, decl := range f.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == "init" {
				t.Errorf("%s has an init function", f.name)
			}
		}
	}
}
