package gaptrace_test

import (
	"go/ast"
	"go/types"
	"go/version"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// interfaceDecision is what a wrapper does about an interface that a library exports, or to which a
// library asserts a value that may be wrapped. If the wrapper lacked it, programs could behave
// differently.
type interfaceDecision struct {
	methods  string // sorted, separated by "; ", or "*" for a library's commands, which are too many
	since    string // the first Go release with it, if that is newer than go.mod's
	until    string // the first Go release without it
	decision string // kept, or the reason why the wrapper needs no such method
}

const (
	kept        = "kept" // a type of the wrapper has the methods
	notReplaced = "the value belongs to the program or the library, and no wrapper replaces it"
)

// wrapperDecisions are the decisions about the libraries whose values a wrapper replaces.
type wrapperDecisions struct {
	libraries []string // packages whose exported interfaces and assertions need a decision
	helpers   []string // packages of which only the assertions need one
	operands  []string // static types that may hold a wrapper: assertions on others do not matter
	decisions map[string]interfaceDecision
}

// TestWrappersDecideOnEveryInterface fails if a release of Go or of a library adds an interface.
// Its decision then goes into wrapperInterfaces.
func TestWrappersDecideOnEveryInterface(t *testing.T) {
	var patterns []string
	for wrapper, w := range wrapperInterfaces {
		patterns = slices.Concat(patterns, w.libraries, w.helpers, []string{module + "/" + wrapper})
	}
	all := load(t, patterns...)
	for wrapper, w := range wrapperInterfaces {
		t.Run(wrapper, func(t *testing.T) {
			found := w.find(t, all)
			wrapperTypes := declaredTypes(t, all, module+"/"+wrapper, module+"/internal/spanutil")
			for name, it := range found {
				d, ok := w.decisions[name]
				if methods := methodsText(it); !ok || d.methods != methods && d.methods != "*" {
					t.Errorf("%s needs a decision about %s, in wrapperInterfaces:\n%q: {methods: %q, decision: …},",
						wrapper, name, name, methods)
				}
				hasMethods := func(t types.Type) bool { return implements(t, it) }
				if d.decision == kept && !slices.ContainsFunc(wrapperTypes, hasMethods) {
					t.Errorf("%s: no type has the methods of %s, which is marked as kept: %s", wrapper, name, d.methods)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(w.decisions)) {
				if found[name] == nil && w.decisions[name].expected() {
					t.Errorf("%s was not found with %s: if it was removed, set until", name, runtime.Version())
				}
			}
		})
	}
}

// expected reports whether the running Go release has the interface.
func (d interfaceDecision) expected() bool {
	began := version.Compare(runtime.Version(), d.since) >= 0
	ended := d.until != "" && version.Compare(runtime.Version(), d.until) >= 0
	return began && !ended
}

// find returns the interfaces that need a decision.
func (w wrapperDecisions) find(t *testing.T, all *packages) map[string]*types.Interface {
	t.Helper()
	found := map[string]*types.Interface{}
	for _, library := range w.libraries {
		pkg, err := all.Import(library)
		if err != nil {
			t.Fatal(err)
		}
		addExported(found, pkg)
	}
	for _, path := range slices.Concat(w.helpers, w.libraries) {
		for _, path := range []string{path, path + "/internal/http2"} { // the latter exists since Go 1.27
			if all.listed[path] != nil {
				_, files, info := all.check(t, path)
				addAsserted(found, w.operands, files, info)
			}
		}
	}
	return found
}

// addExported adds the exported interface types of pkg, as package.Name.
func addExported(found map[string]*types.Interface, pkg *types.Package) {
	for _, name := range pkg.Scope().Names() {
		object, ok := pkg.Scope().Lookup(name).(*types.TypeName)
		if !ok || !object.Exported() {
			continue
		}
		if it, ok := object.Type().Underlying().(*types.Interface); ok && it.NumMethods() > 0 {
			found[pkg.Name()+"."+name] = it
		}
	}
}

// addAsserted adds the interfaces to which files assert operands, as "operand with methods", except
// those that are in found.
func addAsserted(found map[string]*types.Interface, operands []string, files []*ast.File, info *types.Info) {
	add := func(operand, asserted ast.Expr) {
		typ, operandType := info.TypeOf(asserted), typeText(info.TypeOf(operand))
		if typ == nil || !slices.Contains(operands, operandType) {
			return
		}
		it, ok := typ.Underlying().(*types.Interface)
		if !ok || found[typeText(typ)] != nil {
			return
		}
		found[operandType+" with "+methodNames(it)] = it
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeAssertExpr:
				if n.Type != nil {
					add(n.X, n.Type)
				}
			case *ast.TypeSwitchStmt:
				operand := switchOperand(n)
				for _, clause := range n.Body.List {
					for _, asserted := range clause.(*ast.CaseClause).List {
						add(operand, asserted)
					}
				}
			}
			return true
		})
	}
}

// switchOperand returns x of "switch x.(type)".
func switchOperand(s *ast.TypeSwitchStmt) (operand ast.Expr) {
	ast.Inspect(s.Assign, func(n ast.Node) bool {
		if assert, ok := n.(*ast.TypeAssertExpr); ok && operand == nil {
			operand = assert.X
		}
		return true
	})
	return operand
}

// declaredTypes returns the types that packages declare, and their anonymous structs, each with its
// pointer type.
func declaredTypes(t *testing.T, all *packages, paths ...string) []types.Type {
	t.Helper()
	var declared []types.Type
	for _, path := range paths {
		_, _, info := all.check(t, path)
		for _, value := range info.Types {
			typ := value.Type
			if pointer, ok := typ.(*types.Pointer); ok {
				typ = pointer.Elem()
			}
			if isDeclaredIn(path, typ) {
				declared = append(declared, typ, types.NewPointer(typ))
			}
		}
	}
	return declared
}

// isDeclaredIn reports whether typ is a concrete type of the package, or an anonymous struct.
func isDeclaredIn(path string, typ types.Type) bool {
	named, ok := typ.(*types.Named)
	if !ok {
		_, isStruct := typ.Underlying().(*types.Struct)
		return isStruct
	}
	pkg := named.Obj().Pkg()
	return pkg != nil && pkg.Path() == path && !types.IsInterface(named)
}

// implements reports whether t has the methods of it. It compares them as text: types.Implements
// would not know that a type checked from source is the same as an imported one.
func implements(t types.Type, it *types.Interface) bool {
	for method := range it.Methods() {
		object, _, _ := types.LookupFieldOrMethod(t, false, method.Pkg(), method.Name())
		if got, ok := object.(*types.Func); !ok || methodText(got) != methodText(method) {
			return false
		}
	}
	return true
}

// methodsText returns the methods of it and the interfaces that it embeds.
func methodsText(it *types.Interface) string {
	var methods []string
	for embedded := range it.EmbeddedTypes() {
		methods = append(methods, typeText(embedded))
	}
	for method := range it.ExplicitMethods() {
		methods = append(methods, methodText(method))
	}
	slices.Sort(methods)
	return strings.Join(methods, "; ")
}

// methodText returns a method's name and signature, without parameter names, since those may change
// in any release.
func methodText(method *types.Func) string {
	s := method.Signature()
	params, results := withoutNames(s.Params()), withoutNames(s.Results())
	text := typeText(types.NewSignatureType(nil, nil, nil, params, results, s.Variadic()))
	return strings.ReplaceAll(method.Name()+strings.TrimPrefix(text, "func"), "interface{}", "any")
}

func withoutNames(tuple *types.Tuple) *types.Tuple {
	var vars []*types.Var
	for v := range tuple.Variables() {
		vars = append(vars, types.NewParam(v.Pos(), v.Pkg(), "", v.Type()))
	}
	return types.NewTuple(vars...)
}

func methodNames(it *types.Interface) string {
	var names []string
	for method := range it.Methods() {
		names = append(names, method.Name())
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// typeText returns a type as Go source, with package names.
func typeText(t types.Type) string { return types.TypeString(t, (*types.Package).Name) }
