package driver

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"go/version"
	"maps"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/tools/go/packages"
)

// graph type-checks packages and holds their types. Packages are known by the IDs that package
// packages gives them, since a test may need its own variant of a package.
type graph struct {
	fset    *token.FileSet
	overlay map[string][]byte
	sizes   types.Sizes
	cpus    chan struct{}    // limits how many packages are parsed or checked at once
	nodes   map[string]*node // by ID
	asked   map[string]bool  // import paths that learnImports has looked up
	lowest  string           // language version that all whole packages have at least; "" if any
}

// node is a package whose types are known after done is closed.
type node struct {
	*packages.Package
	whole   bool // with the bodies of functions
	order   int  // greater than that of the packages that it imports
	done    chan struct{}
	files   []*ast.File       // until they are checked
	needs   map[string]bool   // the import paths that its types may depend on
	sources map[string][]byte // of the files of a whole package
	errors  errorList
}

func newGraph(fset *token.FileSet, sizes types.Sizes, overlay map[string][]byte) *graph {
	g := &graph{
		fset: fset, sizes: sizes, overlay: map[string][]byte{}, nodes: map[string]*node{}, asked: map[string]bool{},
		cpus: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	maps.Copy(g.overlay, overlay)
	return g
}

// clone returns a copy that can be changed. The nodes are the same.
func (g *graph) clone() *graph {
	c := *g
	c.overlay, c.nodes, c.asked = maps.Clone(g.overlay), maps.Clone(g.nodes), maps.Clone(g.asked)
	return &c
}

// check type-checks roots and what they need, each package after its imports. It fills in the
// fields Syntax and TypesInfo of the packages in whole, and Types of all.
//
// A dependency needs only the imports that its declarations mention. Most imports are mentioned
// only in the bodies of functions, so many packages are not even parsed:
//
//	main module  ->  client library  ->  net/http  ->  crypto/tls
//	                             bodies of functions -x-> net/http/internal, ...
func (g *graph) check(ctx context.Context, roots []*packages.Package, whole map[*packages.Package]bool) error {
	var wait sync.WaitGroup
	for _, n := range inOrder(g, g.parseNeeded(ctx, roots, whole)) { // imports first, since others wait for them
		g.cpus <- struct{}{}
		wait.Go(func() {
			defer func() { <-g.cpus }()
			defer close(n.done)
			if ctx.Err() == nil {
				g.checkPackage(n)
			}
		})
	}
	wait.Wait()
	return ctx.Err()
}

// parseNeeded adds nodes for the packages that are needed and not there yet, and parses them.
func (g *graph) parseNeeded(
	ctx context.Context, roots []*packages.Package, whole map[*packages.Package]bool,
) (added []*node) {
	var mu sync.Mutex
	var wait sync.WaitGroup
	var add func(pkg *packages.Package)
	add = func(pkg *packages.Package) {
		mu.Lock()
		defer mu.Unlock()
		if g.nodes[pkg.ID] != nil {
			return
		}
		n := &node{Package: pkg, whole: whole[pkg], done: make(chan struct{})}
		g.nodes[pkg.ID] = n
		added = append(added, n)
		wait.Go(func() {
			g.cpus <- struct{}{}
			if ctx.Err() == nil && pkg.PkgPath != "unsafe" {
				n.files = g.parse(n, &n.errors)
			}
			<-g.cpus
			n.needs = n.neededImports()
			for path := range n.needs {
				add(pkg.Imports[path])
			}
		})
	}
	for _, root := range roots {
		add(root)
	}
	wait.Wait()
	return added
}

// neededImports returns the import paths that the types of a package may depend on: all, or those
// that its declarations mention.
func (n *node) neededImports() map[string]bool {
	needs, mentioned := map[string]bool{}, map[string]bool{}
	for _, f := range n.files {
		if n.whole {
			break
		}
		ast.Inspect(f, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok {
				if x, ok := selector.X.(*ast.Ident); ok {
					mentioned[x.Name] = true
				}
			}
			return true
		})
	}
	for _, f := range n.files {
		for _, spec := range f.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			imported := n.Imports[path]
			if err != nil || imported == nil {
				continue
			}
			name := imported.Name
			if spec.Name != nil {
				name = spec.Name.Name
			}
			if n.whole || mentioned[name] || name == "." || name == "" {
				needs[path] = true
			}
		}
	}
	return needs
}

// inOrder sorts nodes so that imports come first, except in an import cycle.
func inOrder(g *graph, nodes []*node) []*node {
	left := map[*node]bool{}
	for _, n := range nodes {
		left[n] = true
	}
	var order []*node
	var visit func(n *node)
	visit = func(n *node) {
		if !left[n] {
			return
		}
		delete(left, n)
		for path := range n.needs {
			visit(g.nodes[n.Imports[path].ID])
		}
		n.order = len(order)
		order = append(order, n)
	}
	for _, n := range nodes {
		visit(n)
	}
	return order
}

// checkPackage type-checks a package. It waits for the packages that it imports.
func (g *graph) checkPackage(n *node) {
	if n.PkgPath == "unsafe" {
		n.Types = types.Unsafe
		return
	}
	n.Types = types.NewPackage(n.PkgPath, n.Name)
	n.Fset = g.fset
	info := (*types.Info)(nil)
	if n.whole {
		info = newInfo()
	}
	config := types.Config{
		Importer:         importer(func(path string) (*types.Package, error) { return g.imported(n, path) }),
		Sizes:            g.sizes,
		GoVersion:        g.goVersion(n),
		FakeImportC:      true, // cgo is not run: what C declares has no types
		IgnoreFuncBodies: !n.whole,
		Error:            func(err error) { n.errors.add(err) },
	}
	_ = types.NewChecker(&config, g.fset, n.Types, info).Files(n.files) // config.Error has seen the error
	if n.whole {
		n.Syntax, n.TypesInfo = n.files, info
		n.IllTyped = len(n.errors) > 0
		n.TypesSizes = config.Sizes
	}
	n.files = nil
}

// parse parses the files of a package. A file with syntax errors is used as far as it goes.
func (g *graph) parse(n *node, failed *errorList) []*ast.File {
	var files []*ast.File
	if n.whole {
		n.sources = map[string][]byte{}
	}
	for _, name := range n.GoFiles {
		source, ok := g.overlay[name]
		if !ok {
			var err error
			if source, err = os.ReadFile(name); err != nil {
				failed.add(err)
				continue
			}
		}
		mode := parser.SkipObjectResolution
		if n.whole {
			n.sources[name] = source
			mode |= parser.ParseComments
		} else if !ok {
			dropBodies(source)
		}
		f, err := parser.ParseFile(g.fset, name, source, mode)
		if err != nil {
			failed.add(err)
		}
		if f != nil {
			files = append(files, f)
		}
	}
	return files
}

// imported returns the package that the path in an import means in the importing package.
func (g *graph) imported(importing *node, path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	meant := importing.Imports[path]
	if meant == nil {
		return nil, fmt.Errorf("no package %s", path)
	}
	if !importing.needs[path] {
		unused := types.NewPackage(path, meant.Name)
		unused.MarkComplete()
		return unused, nil
	}
	n := g.nodes[meant.ID]
	select {
	case <-n.done:
	default:
		if n.order >= importing.order {
			return nil, fmt.Errorf("import cycle with %s", path)
		}
		<-n.done
	}
	if n.Types == nil || len(n.GoFiles) == 0 {
		return nil, errNotListed
	}
	return n.Types, nil
}

// errNotListed is the error for an import that go list could not find, and has reported.
var errNotListed = errors.New("not found")

// importer is a types.Importer.
type importer func(path string) (*types.Package, error)

func (i importer) Import(path string) (*types.Package, error) { return i(path) }

func newInfo() *types.Info {
	return &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Instances: map[*ast.Ident]types.Instance{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		Scopes: map[ast.Node]*types.Scope{}, FileVersions: map[*ast.File]string{},
	}
}

// goVersion returns the language version of a package's module. It returns "", which stands for the
// newest that go/types knows, if the module needs a newer one.
func (g *graph) goVersion(n *node) string {
	if n.Module == nil || n.Module.GoVersion == "" {
		return ""
	}
	v := "go" + n.Module.GoVersion
	if n.whole && version.Compare(v, g.lowest) < 0 {
		v = g.lowest
	}
	if !version.IsValid(v) || isNewer(v) {
		return ""
	}
	return v
}

// errorList holds the errors of a package.
type errorList []error

func (l *errorList) add(err error) {
	if list, ok := errors.AsType[scanner.ErrorList](err); ok {
		for _, e := range list {
			*l = append(*l, e)
		}
		return
	}
	*l = append(*l, err)
}

// problem returns one problem for all errors of a package, if there are any. Errors that go list
// has reported are left out.
func (l errorList) problem(path string) (Problem, bool) {
	var first Problem
	n := 0
	for _, err := range l {
		p := Problem{Package: path, Message: err.Error()}
		if e, ok := errors.AsType[*scanner.Error](err); ok {
			p.Position, p.Message = e.Pos.String(), e.Msg
		}
		if e, ok := errors.AsType[types.Error](err); ok {
			p.Position, p.Message = e.Fset.Position(e.Pos).String(), e.Msg
		}
		notListed := strings.HasSuffix(p.Message, "("+errNotListed.Error()+")")
		if notListed && strings.HasPrefix(p.Message, "could not import ") || strings.Contains(p.Message, "invalid type") {
			continue
		}
		if n == 0 {
			first = p
		}
		n++
	}
	first.More = n - 1
	return first, n > 0
}
