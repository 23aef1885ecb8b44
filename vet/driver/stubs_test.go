package driver

import (
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/tools/go/packages"
)

// root is the folder of gaptrace's go.mod, or skips the test.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "contrib", "nethttp")); err != nil {
		t.Skip("not in the repository")
	}
	return dir
}

func TestFloorsAreThoseOfGoMod(t *testing.T) {
	name := filepath.Join(root(t), "go.mod")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := modfile.Parse(name, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Go.Version != goFloor {
		t.Errorf("goFloor is %s, want %s", goFloor, f.Go.Version)
	}
	for _, r := range f.Require {
		if floors[r.Mod.Path] != r.Mod.Version {
			t.Errorf("the floor of %s is %q, want %s", r.Mod.Path, floors[r.Mod.Path], r.Mod.Version)
		}
	}
	if len(floors) != len(f.Require) {
		t.Errorf("%d floors, want %d", len(floors), len(f.Require))
	}
}

func TestStubsDeclareWhatPackagesDeclare(t *testing.T) {
	dir := root(t)
	paths := slices.Sorted(maps.Keys(stubs))
	env := append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	real, err := Load(t.Context(), Config{Dir: dir, Patterns: paths, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	if len(real.Problems) > 0 {
		t.Fatal(real.Problems)
	}
	qualified := func(p *types.Package) string { return p.Path() }
	for _, path := range paths {
		stub := real.stub(path)
		g := real.graph.clone()
		delete(g.nodes, path)
		if err := g.check(t.Context(), []*packages.Package{stub}, nil); err != nil {
			t.Fatal(err)
		}
		scope, realScope := g.nodes[path].Types.Scope(), real.graph.nodes[path].Types.Scope()
		for _, name := range scope.Names() {
			object, is := scope.Lookup(name), realScope.Lookup(name)
			if _, isFunction := object.(*types.Func); !isFunction && is != nil {
				continue
			}
			got := types.ObjectString(object, qualified)
			if is == nil {
				t.Errorf("there is no %s.%s", path, name)
			} else if want := types.ObjectString(is, qualified); got != want {
				t.Errorf("%s.%s is\n%s\nwant\n%s", path, name, got, want)
			}
		}
		if real.graph.nodes[path].Name != nameOf(stubs[path]) {
			t.Errorf("%s is package %s", path, nameOf(stubs[path]))
		}
	}
}
