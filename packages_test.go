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

// packages are the packages that the go command lists, with their export data.
type packages struct {
	fset   *token.FileSet
	listed map[string]*listed
	types.Importer
}

type listed struct {
	ImportPath, Name, Dir, Export string
	GoFiles                       []string
	ImportMap                     map[string]string
}

// workspace skips a test that needs all modules if there is no workspace.
func workspace(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("go", "env", "GOWORK").Output(); err != nil || len(strings.TrimSpace(string(out))) < len("off")+1 {
		t.Skipf("skipped: needs go.work and the go command: GOWORK is %q, error %v", out, err)
	}
}

// load lists patterns and their dependencies. Types come from the compiler's export data, which is
// in the build cache for all that the tests import.
func load(t *testing.T, patterns ...string) *packages {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,GoFiles,ImportMap"}, patterns...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	p := &packages{fset: token.NewFileSet(), listed: map[string]*listed{}}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg listed
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

// check type-checks a package from its source, which shows more than its export data.
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
	config := types.Config{Importer: vendored{p, p.listed[path].ImportMap}}
	pkg, err := config.Check(path, p.fset, files, info)
	if err != nil {
		t.Fatal(err)
	}
	return pkg, files, info
}

// vendored is an importer for a package with vendored imports, as the standard library has.
type vendored struct {
	types.Importer
	paths map[string]string
}

func (v vendored) Import(path string) (*types.Package, error) {
	if at, ok := v.paths[path]; ok {
		path = at
	}
	return v.Importer.Import(path)
}
