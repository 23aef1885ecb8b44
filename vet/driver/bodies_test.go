package driver

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// declarations lists the declarations of a file with their positions, without bodies.
func declarations(t *testing.T, name string, source []byte) (all []string, bodies int) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		end := d.End()
		if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
			bodies += len(d.Body.List)
		}
		all = append(all, fset.Position(d.Pos()).String()+" "+fset.Position(end).String())
		if d, ok := d.(*ast.GenDecl); ok {
			for _, s := range d.Specs {
				all = append(all, fset.Position(s.Pos()).String()+" "+fset.Position(s.End()).String())
			}
		}
	}
	return all, bodies
}

func TestDropBodies(t *testing.T) {
	for name, c := range map[string]struct {
		source string
		bodies int // statements that are left
	}{
		"a function":           {"func f() int {\n\treturn 1\n}\n\nfunc g() {\n\tf()\n}\n", 0},
		"a method":             {"func (t T) f(x, y int) (err error) {\n\treturn nil\n}\n", 0},
		"no body":              {"func f()\n\nfunc g() { f() }\n", 0},
		"a struct result":      {"func f() struct{ x int } {\n\tpanic(1)\n}\n", 0},
		"an interface":         {"func f(x interface{ f() }) map[string]interface{} {\n\tpanic(1)\n}\n", 0},
		"type parameters":      {"func f[T interface{ ~int }](x T) T {\n\treturn x\n}\n", 0},
		"a brace in a string":  {"func f() {\n\tg(\"}\\\"}\", '}', '\\'', `\n}\n`)\n}\n\nfunc g() { f() }\n", 0},
		"a brace in a comment": {"func f() {\n\t// }\n\t/* }\n} */\n\tg()\n}\n", 0},
		"a comment before":     {"func f() /* { */ { // {\n\tg()\n}\n", 0},
		"in a raw string":      {"var x = `\nfunc f() {\n`\n\nfunc g() { f() }\n", 0},
		"a list of functions":  {"var x = [...]func(){f, f}\n\nfunc f() {}\n", 0},
		"a literal":            {"var x = func() { g() }\n", 0},
		"indented":             {"  func f() { g() }\n", 1},
		"Windows lines":        {"func f() {\r\n\tg()\r\n}\r\n", 0},
		"a long result":        {"func f() (\n\tx int,\n\ty int,\n) {\n\treturn\n}\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			source := []byte("package p\n\n" + c.source)
			want, _ := declarations(t, name, source)
			dropped := slices.Clone(source)
			dropBodies(dropped)
			got, bodies := declarations(t, name, dropped)
			if !slices.Equal(got, want) || bodies != c.bodies {
				t.Errorf("%d statements left in\n%s", bodies, dropped)
			}
		})
	}
}

func TestDropElements(t *testing.T) {
	for declaration, dropped := range map[string]bool{
		"var x = []int{1, 2}":                                  true,
		"var x = &T{A: T{1}, B: \"}\"}":                        true,
		"var x = map[string]p.T{\n\t\"a\": {1},\n}":            true,
		"var x T[int] = T[int]{1}":                             true,
		"var x [len(y)]int = [len(y)]int{1}":                   false,
		"var x = [...]int{1, 2}":                               false,
		"var x = []func(){f}":                                  false,
		"var x = struct{ a int }{1}":                           false,
		"var x = f(T{1})":                                      false,
		"var x = []interface{ f() }{1}":                        false,
		"var x = a.b\n\nvar y = f()\n\ntype T struct{ X int }": false,
		"var (\n\tx = []int{1}\n)":                             false,
		"var x, y = T{1}, T{2}":                                true,
		"var x struct{ a int }\n\nvar y = len([...]int{1})":    false,
	} {
		source := []byte("package p\n\n" + declaration + "\n\nfunc f() {}\n")
		want, _ := declarations(t, "p.go", source)
		after := slices.Clone(source)
		dropBodies(after)
		if got, _ := declarations(t, "p.go", after); !slices.Equal(got, want) || dropped == slices.Equal(source, after) {
			t.Errorf("%s becomes\n%s", declaration, after)
		}
	}
}

// TestTypesOfStandardLibrary compares the types that are exported, with and without what dropBodies
// drops.
func TestTypesOfStandardLibrary(t *testing.T) {
	config := packages.Config{Mode: metadata | packages.NeedImports | packages.NeedDeps}
	var described [2]map[string]string // by package
	for i := range described {
		roots, err := packages.Load(&config, "net/http", "database/sql")
		if err != nil {
			t.Fatal(err)
		}
		g := newGraph(token.NewFileSet(), types.SizesFor("gc", runtime.GOARCH), nil)
		if i == 1 {
			packages.Visit(roots, nil, func(pkg *packages.Package) {
				for _, name := range pkg.GoFiles {
					g.overlay[name], _ = os.ReadFile(name) // an overlay is not stripped
				}
			})
		}
		if err := g.check(t.Context(), roots, nil); err != nil {
			t.Fatal(err)
		}
		described[i] = map[string]string{}
		for id, n := range g.nodes {
			scope := n.Types.Scope()
			for _, name := range scope.Names() {
				described[i][id] += types.ObjectString(scope.Lookup(name), nil) + "\n"
			}
		}
	}
	for id, text := range described[0] {
		if text != described[1][id] {
			t.Errorf("%s differs:\n%s\nwith bodies:\n%s", id, text, described[1][id])
		}
	}
	if len(described[0]) < 50 || len(described[0]) >= len(described[1]) {
		t.Errorf("%d packages, and %d with bodies", len(described[0]), len(described[1]))
	}
}

// TestDropBodiesOfStandardLibrary compares the declarations of much code. They must stay, byte for
// byte, except in bodies.
func TestDropBodiesOfStandardLibrary(t *testing.T) {
	files := 0
	folders := []string{"database/sql", "encoding/json", "go/types", "net/http", "reflect", "runtime", "text/template"}
	for _, folder := range folders {
		dir := filepath.Join(build.Default.GOROOT, "src", filepath.FromSlash(folder))
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.Contains(name, "testdata") {
				return err
			}
			source, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			files++
			want, _ := declarations(t, name, source)
			dropped := slices.Clone(source)
			dropBodies(dropped)
			if got, left := declarations(t, name, dropped); !slices.Equal(got, want) || left > 0 {
				t.Errorf("%s: declarations changed, or %d statements left", name, left)
			}
			return nil
		})
		if err != nil {
			t.Skip(err) // a toolchain without its source
		}
	}
	if files < 500 {
		t.Errorf("only %d files", files)
	}
}

func FuzzDropBodies(f *testing.F) {
	f.Add([]byte("package p\n\nfunc f() { g() }\n"))
	f.Add([]byte("func f() {\n`}`\"}\n'}'/*}*/}"))
	f.Fuzz(func(t *testing.T, source []byte) {
		dropped := slices.Clone(source)
		dropBodies(dropped)
		for i, c := range dropped {
			if c != source[i] && (c != ' ' || source[i] == '\n') {
				t.Fatalf("byte %d was %q, is %q", i, source[i], c)
			}
		}
	})
}
