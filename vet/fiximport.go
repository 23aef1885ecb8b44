package vet

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"strconv"
	"strings"
)

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
		if known == nil {
			continue
		}
		if _, o := scope.LookupParent(known.Name(), at); o == types.Object(known) {
			return known.Name()
		}
	}
	added := addedImport{f.file, importPath}
	if name, ok := f.names[added]; ok && !f.isTaken(name, scope, at) {
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
		f.names = map[addedImport]string{}
	}
	f.names[added] = chosen
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
		return endOfImport(last.Specs[0].(*ast.ImportSpec)), "\nimport " + spec
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
