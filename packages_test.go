package gaptrace_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// packages are packages with their dependencies. As an importer it reads their export data.
type packages struct {
	fset   *token.FileSet
	listed map[string]*listedPackage
	types.Importer
}

// listedPackage holds fields of go list -json.
type listedPackage struct {
	ImportPath, Name, Dir, Export string
	GoFiles                       []string
	ImportMap                     map[string]string
}

// needWorkspace skips a test that needs all modules if there is no workspace.
func needWorkspace(t *testing.T) {
	t.Helper()
	out, err := exec.Command("go", "env", "GOWORK").Output()
	if gowork := strings.TrimSpace(string(out)); err != nil || gowork == "" || gowork == "off" {
		t.Skipf("skipped: needs go.work and the go command: GOWORK is %q, error %v", gowork, err)
	}
}

// load lists the packages that match patterns, and their dependencies. Export data is fast, since
// it is in the build cache for everything that the tests import.
func load(t *testing.T, patterns ...string) *packages {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,GoFiles,ImportMap"}
	cmd := exec.Command("go", append(args, patterns...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	p := &packages{fset: token.NewFileSet(), listed: map[string]*listedPackage{}}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg listedPackage
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.listed[pkg.ImportPath] = &pkg
	}
	p.Importer = importer.ForCompiler(p.fset, "gc", func(path string) (io.ReadCloser, error) {
		if pkg := p.listed[path]; pkg != nil {
			return os.Open(pkg.Export)
		}
		return nil, errors.New("no package " + path)
	})
	return p
}

// check type-checks a package from its source, which export data does not contain.
func (p *packages) check(t *testing.T, path string) (*types.Package, []*ast.File, *types.Info) {
	t.Helper()
	var files []*ast.File
	for _, name := range p.listed[path].GoFiles {
		f, err := parser.ParseFile(p.fset, filepath.Join(p.listed[path].Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{Importer: vendoredImporter{p, p.listed[path].ImportMap}}
	pkg, err := config.Check(path, p.fset, files, info)
	if err != nil {
		t.Fatal(err)
	}
	return pkg, files, info
}

// vendoredImporter imports for a package with vendored imports, like those of the standard library.
type vendoredImporter struct {
	types.Importer
	importMap map[string]string // from the path in the source to the actual one
}

func (v vendoredImporter) Import(path string) (*types.Package, error) {
	if actual, ok := v.importMap[path]; ok {
		path = actual
	}
	return v.Importer.Import(path)
}
