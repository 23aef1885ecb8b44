package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// Config says what to load.
type Config struct {
	Dir      string   // where the go command runs; "" for the current directory
	Patterns []string // as for go build; empty: ./...
	Tests    bool     // also load tests
	Flags    []string // for the go command, such as -tags=integration
	Env      []string // nil: that of the process

	Overlay  map[string][]byte // contents of files that differ from those on disk, by absolute name
	Progress func(task string) // called when a task begins; may be nil
}

// Program is the code that Load has loaded. All packages of the main modules are one graph, so that
// a value can be followed from one to another.
type Program struct {
	Fset     *token.FileSet
	Packages []*packages.Package // of the main modules, and those that the patterns match
	Modules  []Module            // the main modules
	Problems []Problem           // what could not be loaded

	dir     string          // absolute
	flags   []string        // for the go command
	env     []string        // for the go command
	matched map[string]bool // IDs of the packages that match the patterns
	graph   *graph
}

// Module is a main module.
type Module struct {
	Path   string
	Dir    string
	GoMod  string // the name of its go.mod
	Vendor bool   // packages come from its folder vendor
}

// Problem is something that could not be loaded. Findings near it may be missing.
type Problem struct {
	Package  string // import path; "" if none
	Position string // file:line:column, or less; "" if unknown
	Message  string
	More     int // further errors in the package
}

// String returns the problem as a line of text.
func (p Problem) String() string {
	var b strings.Builder
	if p.Position != "" {
		b.WriteString(p.Position + ": ")
	} else if p.Package != "" {
		b.WriteString(p.Package + ": ")
	}
	b.WriteString(p.Message)
	if p.More > 0 {
		fmt.Fprintf(&b, " (and %d more in this package)", p.More)
	}
	return b.String()
}

// Load loads the packages that match the patterns, and the other packages of the main modules. It
// parses and type-checks dependencies from source, without the bodies of functions. It does not use
// export data, which would have to be compiled if the build cache is empty.
//
// Load returns an error if there is nothing to analyze. Errors in packages are Problems.
func Load(ctx context.Context, c Config) (*Program, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil { // as the go command names files
		dir = real
	}
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	p := &Program{
		Fset: token.NewFileSet(), dir: dir, flags: c.Flags, env: append(slices.Clip(env), "PWD="+dir),
		matched: map[string]bool{},
	}
	p.graph = newGraph(p.Fset, p.sizes(), c.Overlay)
	patterns := c.Patterns
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	progress := c.Progress
	if progress == nil {
		progress = func(string) {}
	}
	progress("listing packages")
	if err := p.findModules(ctx); err != nil {
		return nil, err
	}
	roots, err := p.list(ctx, c, patterns)
	if err != nil {
		return nil, err
	}
	return p, p.check(ctx, roots, progress)
}

// findModules finds the main modules. Outside of a module it finds none, and returns no error.
func (p *Program) findModules(ctx context.Context) error {
	if p.getenv("GOPACKAGESDRIVER") != "" {
		return nil
	}
	format := "{{.Path}}\t{{.Dir}}\t{{.GoMod}}"
	out, err := p.goCommand(ctx, "list", "-m", "-f", format)
	if err != nil {
		if ctx.Err() == nil && strings.Contains(err.Error(), "go.mod file not found") {
			return nil
		}
		return err
	}
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		if len(fields) == 3 && fields[1] != "" {
			p.Modules = append(p.Modules, Module{Path: fields[0], Dir: fields[1], GoMod: fields[2]})
		}
	}
	return nil
}

// goCommand runs the go command, and returns what it prints.
func (p *Program) goCommand(ctx context.Context, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir, c.Env = p.dir, p.env
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		text := strings.TrimSpace(stderr.String())
		return "", cmp.Or(ctx.Err(), fmt.Errorf("go %s: %s", args[0], cmp.Or(text, err.Error())))
	}
	return string(out), nil
}

func (p *Program) getenv(name string) (value string) {
	for _, variable := range p.env {
		if v, ok := strings.CutPrefix(variable, name+"="); ok {
			value = v
		}
	}
	return value
}

// metadata is all that list needs: the names of files and imports, without types.
const metadata = packages.NeedName | packages.NeedFiles | packages.NeedModule

// list lists the packages that match the patterns, those of the main modules, and all that they
// import.
func (p *Program) list(ctx context.Context, c Config, patterns []string) ([]*packages.Package, error) {
	config := packages.Config{
		Context: ctx, Dir: p.dir, Env: p.env, BuildFlags: c.Flags, Tests: c.Tests, Overlay: c.Overlay, Fset: p.Fset,
	}
	all := patterns
	whole := len(p.Modules) == 1 && p.Modules[0].Dir == p.dir && slices.Equal(patterns, []string{"./..."}) ||
		strings.HasSuffix(patterns[0], ".go") // files cannot be listed together with packages
	if !whole {
		all = slices.Clone(patterns)
		for _, m := range p.Modules {
			all = append(all, filepath.Join(m.Dir, "..."))
		}
	}
	config.Mode = metadata | packages.NeedImports | packages.NeedDeps
	roots, err := packages.Load(&config, all...)
	matched := roots
	if err == nil && !whole {
		config.Mode = metadata
		matched, err = packages.Load(&config, patterns...)
	}
	if err != nil {
		return nil, cmp.Or(ctx.Err(), p.listError(err.Error()))
	}
	empty := true
	for _, m := range matched {
		p.matched[m.ID] = true
		empty = empty && len(m.GoFiles) == 0
	}
	if empty {
		for _, m := range matched {
			for _, e := range m.Errors {
				return nil, p.listError(Problem{Position: position(e), Message: e.Msg}.String())
			}
		}
		return nil, fmt.Errorf("no Go packages match %s", strings.Join(patterns, " "))
	}
	return roots, nil
}

// listError returns an error of the go command as one line.
func (p *Program) listError(message string) error {
	message = oneLine(strings.TrimPrefix(message, "err: exit status 1: stderr: "))
	if len(p.Modules) == 0 {
		message += "; there is no go.mod in the current directory or its parents"
	}
	return errors.New(message)
}

// check type-checks the roots and their dependencies.
func (p *Program) check(ctx context.Context, roots []*packages.Package, progress func(string)) error {
	for _, root := range roots {
		if !strings.HasSuffix(root.ID, ".test") { // go test generates it
			p.Packages = append(p.Packages, root)
		}
	}
	slices.SortFunc(p.Packages, func(a, b *packages.Package) int { return cmp.Compare(a.ID, b.ID) })
	p.markVendored()
	p.stubMissing()
	whole := map[*packages.Package]bool{}
	for _, pkg := range p.Packages {
		whole[pkg] = true
	}
	packages.Visit(p.Packages, nil, func(pkg *packages.Package) {
		if pkg.Module != nil && pkg.Module.Main && !whole[pkg] { // such as a variant of a package for its importer's test
			whole[pkg] = true
			p.Packages = append(p.Packages, pkg)
		}
	})
	n := 0
	packages.Visit(p.Packages, nil, func(*packages.Package) { n++ })
	progress(fmt.Sprintf("checking the types of %d packages", n))
	if err := p.graph.check(ctx, p.Packages, whole); err != nil {
		return err
	}
	p.findProblems()
	return nil
}

// findProblems lists the problems in the packages that match the patterns, in what they import, and
// in what imports them, since that may wrap their clients.
func (p *Program) findProblems() {
	related := map[*packages.Package]bool{}
	packages.Visit(p.Packages, nil, func(pkg *packages.Package) { // imports come first
		is := p.matched[pkg.ID]
		for _, imported := range pkg.Imports {
			is = is || related[imported]
		}
		related[pkg] = is
	})
	roots := slices.DeleteFunc(slices.Clone(p.Packages), func(pkg *packages.Package) bool { return !related[pkg] })
	packages.Visit(roots, nil, func(pkg *packages.Package) {
		for _, e := range pkg.Errors {
			p.Problems = append(p.Problems, Problem{Package: pkg.PkgPath, Position: position(e), Message: oneLine(e.Msg)})
		}
	})
	for _, pkg := range roots {
		if problem, ok := p.graph.nodes[pkg.ID].errors.problem(pkg.PkgPath); ok {
			p.Problems = append(p.Problems, problem)
		}
	}
	if newer := newerGo(roots); newer != "" && len(p.Problems) > 0 {
		p.Problems = append(p.Problems, Problem{Message: fmt.Sprintf(
			"go.mod has go %s, but gaptrace was built with %s: install it again with the newer release", newer, runtime.Version())})
	}
	for i := range p.Problems {
		p.Problems[i].Position = strings.TrimPrefix(p.Problems[i].Position, p.dir+string(filepath.Separator))
	}
	slices.SortStableFunc(p.Problems, func(a, b Problem) int { return cmp.Compare(a.Package, b.Package) })
	p.Problems = slices.Compact(p.Problems)
}

// newerGo returns the Go release of a main module that is newer than go/types, or "".
func newerGo(pkgs []*packages.Package) string {
	for _, pkg := range pkgs {
		if pkg.Module != nil && isNewer("go"+pkg.Module.GoVersion) {
			return pkg.Module.GoVersion
		}
	}
	return ""
}

// isNewer reports whether a language version is newer than what go/types knows.
func isNewer(v string) bool {
	return version.Compare(version.Lang(v), version.Lang(runtime.Version())) > 0
}

// markVendored notes which main modules take packages from their folder vendor.
func (p *Program) markVendored() {
	packages.Visit(p.Packages, func(pkg *packages.Package) bool {
		for i, m := range p.Modules {
			vendor := filepath.Join(m.Dir, "vendor") + string(filepath.Separator)
			if len(pkg.GoFiles) > 0 && strings.HasPrefix(pkg.GoFiles[0], vendor) {
				p.Modules[i].Vendor = true
			}
		}
		return true
	}, nil)
}

// oneLine joins the lines of a message of the go command.
func oneLine(message string) string { return strings.Join(strings.Fields(message), " ") }

// position returns the position of an error of package packages, which has "-" if it is unknown.
func position(e packages.Error) string {
	if e.Pos == "-" {
		return ""
	}
	return e.Pos
}

// sizes returns the sizes of types on the platform that is loaded.
func (p *Program) sizes() types.Sizes {
	return cmp.Or(types.SizesFor("gc", p.getenv("GOARCH")), types.SizesFor("gc", runtime.GOARCH))
}
