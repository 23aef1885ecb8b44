package driver

import (
	"cmp"
	"context"
	"errors"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// rewrite returns the program with other contents of some files. It type-checks the packages of
// these files again, and the packages that import them. Files may import packages that they did not
// import before: those of gaptrace are checked against stubs, if the module does not require
// gaptrace yet.
func (p *Program) rewrite(ctx context.Context, files map[string][]byte) (*Program, error) {
	if err := p.learnImports(ctx, files); err != nil {
		return nil, err
	}
	q := *p
	q.graph = p.graph.clone()
	q.graph.lowest = "go" + goFloor
	maps.Copy(q.graph.overlay, files)
	q.Packages = slices.Clone(p.Packages)

	copies := map[*packages.Package]*packages.Package{} // of the packages that are checked again
	var changed []*packages.Package
	packages.Visit(p.Packages, nil, func(pkg *packages.Package) { // imports come first
		isChanged := slices.ContainsFunc(pkg.GoFiles, func(name string) bool { return files[name] != nil })
		again := isChanged
		for _, imported := range pkg.Imports {
			again = again || copies[imported] != nil
		}
		if !again {
			return
		}
		next := *pkg
		next.Imports = map[string]*packages.Package{}
		for path, imported := range pkg.Imports {
			next.Imports[path] = cmp.Or(copies[imported], imported)
		}
		copies[pkg] = &next
		delete(q.graph.nodes, pkg.ID)
		if isChanged {
			changed = append(changed, &next)
		}
	})
	whole := map[*packages.Package]bool{}
	for i, pkg := range q.Packages {
		if c := copies[pkg]; c != nil {
			q.Packages[i] = c
			whole[c] = true
		}
	}
	made := map[string]*packages.Package{}
	for _, pkg := range changed {
		for _, path := range q.importsOf(pkg) {
			if pkg.Imports[path] != nil {
				continue
			}
			if made[path] == nil {
				made[path] = cmp.Or(q.known(path), q.stub(path))
			}
			if made[path] != nil { // otherwise the check reports it
				pkg.Imports[path] = made[path]
			}
		}
	}
	return &q, q.graph.check(ctx, q.Packages, whole)
}

// learnImports loads the packages that files import, except those that are loaded. It downloads
// nothing. Packages that cannot be loaded completely stay unknown.
func (p *Program) learnImports(ctx context.Context, files map[string][]byte) error {
	var unknown []string
	for name, source := range files {
		for _, path := range importsIn(name, source) {
			if !p.graph.asked[path] && p.known(path) == nil {
				unknown = append(unknown, path)
			}
			p.graph.asked[path] = true
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	config := packages.Config{
		Context: ctx, Dir: p.dir, Env: append(slices.Clip(p.env), "GOPROXY=off"), BuildFlags: p.flags, Fset: p.Fset,
		Mode: metadata | packages.NeedImports | packages.NeedDeps,
	}
	if strings.Contains(p.getenv("GOFLAGS"), "-mod=mod") { // it would change go.mod
		config.BuildFlags = append(slices.Clip(config.BuildFlags), "-mod=readonly")
	}
	roots, err := packages.Load(&config, unknown...)
	if err != nil {
		return ctx.Err() // stubs are the substitute
	}
	roots = slices.DeleteFunc(roots, func(root *packages.Package) bool {
		complete := true
		packages.Visit([]*packages.Package{root}, nil, func(pkg *packages.Package) {
			complete = complete && len(pkg.Errors) == 0
		})
		return !complete
	})
	return p.graph.check(ctx, roots, nil)
}

// importsOf returns the import paths in the files of a package.
func (p *Program) importsOf(pkg *packages.Package) []string {
	var paths []string
	for _, name := range pkg.GoFiles {
		source, ok := p.graph.overlay[name]
		if !ok {
			source, _ = os.ReadFile(name) // the check reports the error
		}
		paths = append(paths, importsIn(name, source)...)
	}
	return paths
}

// importsIn returns the import paths in a file.
func importsIn(name string, source []byte) []string {
	f, _ := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
	var paths []string
	for _, spec := range f.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err == nil && path != "C" && path != "unsafe" {
			paths = append(paths, path)
		}
	}
	return paths
}

// known returns the package that an import path means, or nil. It need not be checked yet.
func (p *Program) known(path string) *packages.Package {
	if n := p.graph.nodes[path]; n != nil {
		if len(n.GoFiles) == 0 {
			return nil // it could not be loaded
		}
		return n.Package
	}
	var found *packages.Package
	packages.Visit(p.Packages, func(pkg *packages.Package) bool {
		if pkg.ID == path && len(pkg.GoFiles) > 0 {
			found = pkg
		}
		return found == nil
	}, nil)
	return found
}

// stub returns a package of gaptrace that only declares functions, or nil if there is none.
func (p *Program) stub(path string) *packages.Package {
	source, ok := stubs[path]
	if !ok {
		return nil
	}
	pkg := &packages.Package{ID: path, PkgPath: path}
	p.makeStub(pkg, source)
	return pkg
}

// makeStub turns a package into a stub.
func (p *Program) makeStub(pkg *packages.Package, source string) {
	name := filepath.Join(stubFolder, filepath.FromSlash(pkg.PkgPath)+".go")
	p.graph.overlay[name] = []byte(source)
	pkg.Name, pkg.GoFiles, pkg.Imports = nameOf(source), []string{name}, map[string]*packages.Package{}
	for _, imported := range importsIn(name, p.graph.overlay[name]) {
		if found := cmp.Or(p.known(imported), p.stub(imported)); found != nil {
			pkg.Imports[imported] = found
		}
	}
}

// stubMissing turns packages of gaptrace that could not be loaded into stubs. A client that they
// wrap is wrapped, even as long as go mod tidy has not run after a fix.
func (p *Program) stubMissing() {
	packages.Visit(p.Packages, func(pkg *packages.Package) bool {
		if source, ok := stubs[pkg.PkgPath]; ok && len(pkg.GoFiles) == 0 {
			p.makeStub(pkg, source)
		}
		return true
	}, nil)
}

// nameOf returns the name of the package in its source.
func nameOf(source string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(source, "package "), "\n")
	return name
}

const stubFolder = "gaptrace-stubs"

// isStub reports whether a package was made by stub.
func isStub(pkg *packages.Package) bool {
	return pkg != nil && len(pkg.GoFiles) == 1 && strings.HasPrefix(pkg.GoFiles[0], stubFolder+string(filepath.Separator))
}

// newErrors returns the errors in the packages of p that are not errors in before. Positions do not
// count, since edits move code.
func (p *Program) newErrors(before *Program) []error {
	var all []error
	for _, pkg := range p.Packages {
		n, old := p.graph.nodes[pkg.ID], before.graph.nodes[pkg.ID]
		if n == old {
			continue
		}
		counts := map[string]int{}
		for _, err := range old.errors {
			counts[messageOf(err)]++
		}
		for _, err := range n.errors {
			if message := messageOf(err); counts[message] > 0 {
				counts[message]--
			} else {
				all = append(all, err)
			}
		}
	}
	return all
}

// messageOf returns the message of an error without its position.
func messageOf(err error) string {
	if e, ok := errors.AsType[types.Error](err); ok {
		return e.Msg
	}
	return err.Error()
}

// source returns the content of a file of the packages that are analyzed.
func (p *Program) source(name string) ([]byte, bool) {
	for _, pkg := range p.Packages {
		if source, ok := p.graph.nodes[pkg.ID].sources[name]; ok {
			return source, true
		}
	}
	return nil, false
}

// module returns the main module that a file belongs to, or nil.
func (p *Program) module(file string) *Module {
	var found *Module
	for i, m := range p.Modules {
		rel, err := filepath.Rel(m.Dir, file)
		if err != nil || !filepath.IsLocal(rel) || slices.Contains(strings.Split(filepath.ToSlash(rel), "/"), "vendor") {
			continue
		}
		if found == nil || len(m.Dir) > len(found.Dir) {
			found = &p.Modules[i]
		}
	}
	return found
}

// Rel returns a file's name relative to the folder in which the program was loaded. A name far from
// there stays absolute.
func (p *Program) Rel(name string) string {
	rel, err := filepath.Rel(p.dir, name)
	if err != nil || strings.HasPrefix(rel, filepath.Join("..", "..", "..")) {
		return name
	}
	return rel
}
