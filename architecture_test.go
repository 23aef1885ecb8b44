package gaptrace_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gaptrace/gaptrace"

// layers numbers the layers of docs/ARCHITECTURE.md. A package imports packages of lower layers
// only. A folder that is not listed has the layer of the closest folder above it.
var layers = map[string]int{
	"gap":                0,
	"internal/clients":   0,
	"internal/options":   0,
	"internal/redact":    0,
	"internal/layout":    0,
	"internal/printable": 0,
	"internal/suggest":   0,
	"internal/terminal":  0,
	"internal/worktime":  0,

	"internal/spantest/cputime":   0, // for benchmarks; the rest of internal/spantest is for tests
	"internal/spantest/engines":   0,
	"internal/spantest/manyspans": 0,

	"":                              1, // the root package
	"internal/page":                 1,
	"gap/cpuclock":                  1,
	"gap/read":                      1,
	"gap/rollup":                    1,
	"gap/internal/jsonscan":         1,
	"gap/mark":                      1,
	"internal/httpget":              1,
	"internal/uncovered":            1,
	"tracer/internal/export":        1,
	"tracer/internal/propagation":   1,
	"internal/redact/sqltext":       1,
	"internal/redact/redis":         1,
	"internal/redact/elasticsearch": 1,

	"gap/internal/spanjson":    2,
	"internal/spanutil":        2,
	"wrap":                     2,
	"wrap/internal":            3,
	"tracer/internal/settings": 2,

	"contrib":        3,
	"tracer":         3,
	"gap/report":     3,
	"gap/jaegerjson": 3,
	"gap/otlp":       3,
	"gap/zipkinjson": 3,

	"explain":     4,
	"gap/debug":   4,
	"gap/metrics": 4,
	"tracer/otlp": 4,
	"vet":         4,
	"weave":       4,

	"cmd/gaptrace":     5,
	"collector":        5,
	"demo":             5,
	"bench":            5,
	"internal/interop": 5,
}

// sameLayer lists the allowed imports within a layer, each with its reason.
var sameLayer = map[[2]string]string{
	{"bench/collector", "collector/gapconnector"}: "it measures it",
	{"contrib/sql/mysql", "contrib/sql"}:          "it adds tags from the driver's configuration",
	{"vet/driver", "vet"}:                         "it runs the analysis",
	{"vet/golangci", "vet"}:                       "it registers the analyzer",
	{"weave/mysql", "weave/sql"}:                  "it names the databases that weave/sql wraps",
	{"wrap", "internal/spanutil"}:                 "it is what others see of it",
	{"wrap/redact", "internal/spanutil"}:          "it returns an error that a call records redacted",
}

// dependencies lists, for a folder and all below it, the modules it may import in addition to the
// standard library and this repository. A folder without an entry may import anything.
var dependencies = map[string][]string{
	"":                        {"github.com/opentracing/opentracing-go"},
	"gap":                     {},
	"gap/report":              {"github.com/charmbracelet/x/ansi", "github.com/google/pprof/profile"},
	"gap/debug":               {},
	"gap/metrics":             {"github.com/prometheus/client_golang/prometheus"},
	"gap/otlp":                {"go.opentelemetry.io/collector/pdata"},
	"internal/clients":        {},
	"internal/options":        {"github.com/opentracing/opentracing-go"},
	"internal/uncovered":      {},
	"internal/worktime":       {},
	"internal/spanutil":       {"github.com/opentracing/opentracing-go"},
	"internal/redact":         {},
	"internal/redact/sqltext": {"github.com/DataDog/go-sqllexer"},
	"internal/terminal":       {"golang.org/x/term"},
	"vet":                     {"golang.org/x/tools"},
	"vet/driver":              {"golang.org/x/tools", "golang.org/x/mod"},
	"vet/golangci":            {"golang.org/x/tools", "github.com/golangci/plugin-module-register"},
	"tracer/otlp": {
		"github.com/opentracing/opentracing-go", "go.opentelemetry.io/proto/slim/otlp", "google.golang.org/protobuf",
	},
	"cmd/gaptrace": {
		"github.com/dustin/go-humanize", "github.com/klauspost/compress/zstd", "github.com/rogpeppe/go-internal/diff",
		"github.com/spf13/cobra", "golang.org/x/mod",
	},
	"cmd/gaptrace/internal/budget": {"go.yaml.in/yaml/v3"},
	"cmd/gaptrace/internal/diff":   {"github.com/charmbracelet/x/ansi", "golang.org/x/perf/benchmath"},
	"cmd/gaptrace/internal/sample": {},
	"collector/gapconnector": {
		"github.com/lightstep/go-expohisto", "go.opentelemetry.io/collector", "go.opentelemetry.io/otel",
		"go.uber.org/zap",
	},
	"wrap":                  {"github.com/opentracing/opentracing-go"},
	"contrib/nethttp":       {"github.com/opentracing/opentracing-go"},
	"contrib/redis":         {"github.com/opentracing/opentracing-go", "github.com/go-redis/redis/v8"},
	"contrib/sql":           {"github.com/opentracing/opentracing-go"},
	"contrib/sql/mysql":     {"github.com/opentracing/opentracing-go", "github.com/go-sql-driver/mysql"},
	"contrib/grpc":          {"github.com/opentracing/opentracing-go", "google.golang.org/grpc"},
	"contrib/elasticsearch": {"github.com/opentracing/opentracing-go", "github.com/elastic/go-elasticsearch/v8", "github.com/elastic/elastic-transport-go/v8"},
}

// sourceFile is a Go file that is neither a test nor only imported by tests.
type sourceFile struct {
	dir  string // "" for the root
	name string
	*ast.File
}

// sourceFiles parses the source files of all modules.
func sourceFiles(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (filepath.ToSlash(name) == "internal/spantest" || isForeign(name)):
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
		files = append(files, sourceFile{dir, filepath.ToSlash(name), f})
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

func (f sourceFile) imports(t *testing.T) []string {
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

// folder returns the folder of a package of this repository.
func folder(importPath string) (dir string, ours bool) {
	if importPath == module {
		return "", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

// sameUnit reports whether a package in from may import one in to whatever their layers are: within
// demo, within bench, and from a package to its internal packages.
func sameUnit(from, to string) bool {
	top, _, _ := strings.Cut(from, "/")
	if (top == "demo" || top == "bench") && strings.HasPrefix(to+"/", top+"/") {
		return true
	}
	parent, _, _ := strings.Cut(from, "/internal/")
	return parent != "" && strings.HasPrefix(to, parent+"/internal/")
}

// closest returns the entry of m for dir or, if there is none, for the closest folder above it. The
// root's entry is for the root package only.
func closest[V any](m map[string]V, dir string) (value V, ok bool) {
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
	for _, f := range sourceFiles(t) {
		layer, ok := closest(layers, f.dir)
		if !ok {
			t.Errorf("%s: add its folder to layers", f.name)
		}
		for _, p := range f.imports(t) {
			dir, ours := folder(p)
			if !ours || sameUnit(f.dir, dir) {
				continue
			}
			imported, ok := closest(layers, dir)
			if !ok { // such as internal/spantest, which is for tests and imports Jaeger
				t.Errorf("%s imports %s, which has no layer", f.name, p)
			}
			if imported >= layer && sameLayer[[2]string{f.dir, dir}] == "" {
				t.Errorf("%s (layer %d) imports %s (layer %d)", f.name, layer, p, imported)
			}
		}
	}
}

func TestPackagesImportOnlyListedModules(t *testing.T) {
	for _, f := range sourceFiles(t) {
		allowed, listed := closest(dependencies, f.dir)
		if !listed {
			if strings.HasPrefix(f.dir, "contrib/") {
				t.Errorf("%s: add its folder to dependencies", f.name)
			}
			continue
		}
		for _, p := range f.imports(t) {
			_, ours := folder(p)
			standard := !strings.Contains(strings.Split(p, "/")[0], ".")
			known := slices.ContainsFunc(allowed, func(module string) bool {
				return strings.HasPrefix(p+"/", module+"/")
			})
			switch {
			case p == "testing" && f.dir == "wrap/wraptest": // it tests wrappers
			case p == "testing" || p == "log":
				t.Errorf("%s imports %s: wrappers neither test nor log", f.name, p)
			case !ours && !standard && !known:
				t.Errorf("%s imports %s; allowed are the standard library and %v", f.name, p, allowed)
			}
		}
	}
}

// Programs that wrap net/http alone link no other wrapped library, no SQL lexer and no Jaeger.
func TestNethttpBringsNoOtherLibrary(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{.Module.Path}}{{end}}", "./contrib/nethttp")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for linked := range strings.FieldsSeq(string(out)) {
		if linked != module && linked != "github.com/opentracing/opentracing-go" {
			t.Errorf("contrib/nethttp links %s", linked)
		}
	}
}

func TestEveryWrapperHasTheSameFiles(t *testing.T) {
	wrappers := map[string]bool{}
	for _, f := range sourceFiles(t) {
		if strings.HasPrefix(f.dir, "contrib/") && !strings.Contains(f.dir, "internal") {
			wrappers[f.dir] = true
		}
	}
	if len(wrappers) < 5 {
		t.Errorf("only %d wrappers found", len(wrappers))
	}
	for dir := range wrappers {
		for _, name := range []string{"doc.go", "example_test.go", "transparent_test.go"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("%s has no %s", dir, name)
			}
		}
	}
}

func TestEveryExportedNameHasAComment(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if f.Name.Name == "main" || ast.IsGenerated(f.File) {
			continue
		}
		for _, decl := range f.Decls {
			for _, name := range uncommented(decl) {
				t.Errorf("%s: %s has no comment", f.name, name)
			}
		}
	}
}

// uncommented returns the exported names that decl declares without a comment.
func uncommented(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		if d.Doc != nil {
			return nil
		}
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() && s.Doc == nil && s.Comment == nil {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
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

// The packages that gaptrace build weaves in are an exception. They need the build tag of woven
// programs. The other is the plugin of golangci-lint, which knows a plugin only if its import
// registers it.
func TestNothingHappensAtImport(t *testing.T) {
	for _, f := range sourceFiles(t) {
		if f.dir == "vet/golangci" || strings.HasPrefix(f.dir, "weave/") && buildTag(f) == "gaptrace_woven" {
			continue
		}
		for _, decl := range f.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil && d.Name.Name == "init" {
				t.Errorf("%s has an init function", f.name)
			}
		}
	}
}

// buildTag returns the constraint at the top of a file, or "".
func buildTag(f sourceFile) string {
	for _, group := range f.Comments {
		if tag, ok := strings.CutPrefix(group.List[0].Text, "//go:build "); ok {
			return tag
		}
	}
	return ""
}

// TestTagsDocument looks up in docs/tags.md every tag that a wrapper sets by a string constant, and
// what package spanutil names: the units of results, and the suffixes of operations.
func TestTagsDocument(t *testing.T) {
	doc, err := os.ReadFile("docs/tags.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	add := func(n ast.Node) {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
			names[strings.Trim(text.Value, `"`)] = true
		}
	}
	for _, f := range sourceFiles(t) {
		if !strings.HasPrefix(f.dir, "contrib/") && f.dir != "internal/spanutil" {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				method, ok := n.Fun.(*ast.SelectorExpr)
				if ok && (method.Sel.Name == "Tag" || method.Sel.Name == "tagLocked") && len(n.Args) > 0 {
					add(n.Args[0])
				}
			case *ast.FuncDecl:
				if f.dir == "internal/spanutil" && (n.Name.Name == "suffix" || n.Name.Name == "String") {
					ast.Inspect(n.Body, func(n ast.Node) bool { add(n); return true })
				}
			}
			return true
		})
	}
	for name := range names {
		if !strings.Contains(string(doc), name+"`") {
			t.Errorf("%q is not in docs/tags.md", name)
		}
	}
	for _, name := range []string{"http.url", "rows", " read", "wait.us"} {
		if !names[name] {
			t.Errorf("%q was not found in the source", name)
		}
	}
}
