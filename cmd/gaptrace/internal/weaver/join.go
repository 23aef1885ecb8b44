package weaver

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// To weave a library, functions of it are renamed in copies of their files. An added file has
// functions of the old names:
//
//	http/roundtrip.go     func (t *Transport) RoundTrip      →  func (t *Transport) gaptraceRoundTrip
//	weave/…/join.txt      func (t *Transport) RoundTrip, which calls gaptraceRoundTrip
//
// The line numbers in the copies stay the same.

// renamedPrefix is put before the names of the library's own functions.
const renamedPrefix = "gaptrace"

// join is a file join*.txt, and what it needs of the library.
type join struct {
	text      []byte
	functions map[string]string // types by name, see funcName, of those that the library has, too
	optional  bool              // only for versions of the library that have these functions
}

// readJoins reads the files join*.txt in a folder. Only join.txt itself is for all versions.
func readJoins(dir string) ([]*join, error) {
	names, err := filepath.Glob(filepath.Join(dir, "join*.txt"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no join.txt", dir)
	}
	var joins []*join
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		j := &join{text: text, functions: map[string]string{}, optional: filepath.Base(name) != "join.txt"}
		for _, decl := range f.Decls {
			// Others are new, such as the methods of new types.
			if fn, ok := decl.(*ast.FuncDecl); ok && calls(fn, renamedPrefix+fn.Name.Name) && !isNew(fn) {
				j.functions[funcName(fn)] = funcType(fn)
			}
		}
		joins = append(joins, j)
	}
	return joins, nil
}

// isNew reports whether fn is a method of a type of ours.
func isNew(fn *ast.FuncDecl) bool {
	return strings.HasPrefix(funcName(fn), renamedPrefix)
}

func calls(fn *ast.FuncDecl, name string) (yes bool) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			yes = true
		}
		return !yes
	})
	return yes
}

// funcName returns a function's name, or "Type.Method".
func funcName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	receiver := fn.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	return types.ExprString(receiver) + "." + fn.Name.Name
}

// funcType returns a function's receiver, parameters and results, without their names.
func funcType(fn *ast.FuncDecl) string {
	list := func(fields *ast.FieldList) (all []string) {
		if fields == nil {
			return nil
		}
		for _, f := range fields.List {
			for range max(1, len(f.Names)) {
				all = append(all, types.ExprString(f.Type))
			}
		}
		return all
	}
	return fmt.Sprintf("%v%v%v", list(fn.Recv), list(fn.Type.Params), list(fn.Type.Results))
}

// source is a Go file with functions that are renamed.
type source struct {
	path string
	text []byte
}

// renamed returns copies of the files that declare any of the functions, with the new names. found
// holds the functions that are declared.
func (b *weaving) renamed(
	files []string, functions map[string]string,
) (copies []source, found map[string]bool, err error) {
	found = map[string]bool{}
	for _, path := range files {
		text, err := b.read(path)
		if err != nil {
			return nil, nil, err
		}
		if !mentions(text, functions) {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		var at []int // offsets of names
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := funcName(fn)
			if want, ok := functions[name]; ok && fn.Body != nil && want == funcType(fn) {
				at = append(at, fset.Position(fn.Name.Pos()).Offset)
				found[name] = true
			}
		}
		if len(at) > 0 {
			copies = append(copies, source{path, insert(text, at, renamedPrefix)})
		}
	}
	return copies, found, nil
}

// mentions reports whether a file may declare one of the functions. It is faster than parsing.
func mentions(text []byte, functions map[string]string) bool {
	for name := range functions {
		if bytes.Contains(text, []byte(name[strings.LastIndexByte(name, '.')+1:])) {
			return true
		}
	}
	return false
}

// insert returns text with prefix at each of the offsets, which ascend.
func insert(text []byte, offsets []int, prefix string) []byte {
	var out []byte
	last := 0
	for _, at := range offsets {
		out = append(append(out, text[last:at]...), prefix...)
		last = at
	}
	return append(out, text[last:]...)
}

// weaveLibrary returns copies of the files of a library that change, and the files that are added,
// by name. library is its name for messages.
func (b *weaving) weaveLibrary(
	library string, goFiles []string, joins []*join,
) (copies []source, added map[string][]byte, err error) {
	functions, added := map[string]string{}, map[string][]byte{}
	all, found, err := b.renamed(goFiles, allFunctions(joins))
	if err != nil {
		return nil, nil, err
	}
	for i, j := range joins {
		missing := slices.DeleteFunc(slices.Sorted(maps.Keys(j.functions)), func(name string) bool { return found[name] })
		switch {
		case len(missing) == 0:
		case j.optional && len(missing) == len(j.functions):
			continue
		default:
			return nil, nil, fmt.Errorf("cannot weave %s: it has no function %s of the type that this version "+
				"of gaptrace expects; use a newer gaptrace, or an older version of the library",
				library, strings.Join(missing, ", "))
		}
		maps.Copy(functions, j.functions)
		added[fmt.Sprintf("zz_gaptrace_woven%d.go", i)] = j.text
	}
	if len(functions) != len(found) { // some functions belong to a join that is left out
		if all, _, err = b.renamed(goFiles, functions); err != nil {
			return nil, nil, err
		}
	}
	return all, added, nil
}

func allFunctions(joins []*join) map[string]string {
	all := map[string]string{}
	for _, j := range joins {
		maps.Copy(all, j.functions)
	}
	return all
}
