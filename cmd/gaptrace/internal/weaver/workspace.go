package weaver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	modulepath "golang.org/x/mod/module"
)

// rootModule is the module that has the wrappers.
const rootModule = "github.com/gaptrace/gaptrace"

// shimModule requires the root module, for a program whose go.mod does not.
const shimModule = "gaptrace.invalid/woven"

// openWorkspace writes a go.work with the user's modules and gaptrace, and selects it for the go
// command.
func (b *weaving) openWorkspace(ctx context.Context) error {
	if b.args.mod != "" && b.args.mod != "readonly" {
		return usagef("cannot weave with -mod=%s: a workspace is used, which changes no go.mod", b.args.mod)
	}
	b.setenv("GOFLAGS", withoutMod(b.env.GOFLAGS))
	work, sums, err := b.usersWorkspace()
	if err != nil {
		return err
	}
	release := strings.TrimPrefix(strings.Fields(b.env.GOVERSION)[0], "go")
	if err := work.AddGoStmt(release); err != nil { // at least that of each module
		return err
	}
	main, dir, err := b.findGaptrace(ctx)
	if err != nil {
		return err
	}
	b.gaptrace = dir
	if !main {
		shim := filepath.Join(b.temp, "shim")
		text := fmt.Sprintf("module %s\n\ngo %s\n\nrequire %s v0.0.0\n", shimModule, strings.TrimPrefix(oldestGo, "go"), rootModule)
		if err := errors.Join(os.Mkdir(shim, 0o777), os.WriteFile(filepath.Join(shim, "go.mod"), []byte(text), 0o666),
			work.AddUse(shim, ""), work.AddReplace(rootModule, "", dir, "")); err != nil {
			return err
		}
	}
	if more, err := os.ReadFile(filepath.Join(dir, "go.sum")); err == nil {
		sums = append(sums, more...)
	}
	if err := os.WriteFile(filepath.Join(b.temp, "go.work.sum"), sums, 0o666); err != nil {
		return err
	}
	b.work = work
	b.setenv("GOWORK", filepath.Join(b.temp, "go.work"))
	return b.writeWorkspace()
}

// withoutMod returns GOFLAGS without -mod. In a workspace, the go command accepts only readonly.
func withoutMod(goflags string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(goflags), func(flag string) bool {
		f, _ := cutFlag(flag)
		return f.name == "mod"
	}), " ")
}

// usersWorkspace returns a copy of the user's go.work with absolute paths, or else a new one with
// the user's module, and the sums.
func (b *weaving) usersWorkspace() (work *modfile.WorkFile, sums []byte, err error) {
	if b.env.GOWORK == "" || b.env.GOWORK == "off" {
		return b.newWorkspace()
	}
	text, err := b.read(b.env.GOWORK)
	if err != nil {
		return nil, nil, err
	}
	if work, err = modfile.ParseWork(b.env.GOWORK, text, nil); err != nil {
		return nil, nil, err
	}
	dir := filepath.Dir(b.env.GOWORK)
	absolute := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	var uses []*modfile.Use
	for _, u := range work.Use {
		uses = append(uses, &modfile.Use{Path: absolute(u.Path), ModulePath: u.ModulePath})
	}
	work.SetUse(uses)
	for _, r := range work.Replace {
		if r.New.Version == "" {
			if err := work.AddReplace(r.Old.Path, r.Old.Version, absolute(r.New.Path), ""); err != nil {
				return nil, nil, err
			}
		}
	}
	goVersion := ""
	if work.Go != nil {
		goVersion = work.Go.Version
	}
	sums, _ = b.read(strings.TrimSuffix(b.env.GOWORK, ".work") + ".work.sum")
	return work, sums, keepGodebug(work, goVersion)
}

// newWorkspace returns a go.work with the user's module.
func (b *weaving) newWorkspace() (work *modfile.WorkFile, sums []byte, err error) {
	text, err := b.read(b.env.GOMOD)
	if err != nil {
		return nil, nil, err
	}
	mod, err := modfile.ParseLax(b.env.GOMOD, text, nil)
	if err != nil {
		return nil, nil, err
	}
	work = new(modfile.WorkFile)
	work.Syntax = new(modfile.FileSyntax)
	if err := work.AddUse(filepath.Dir(b.env.GOMOD), ""); err != nil {
		return nil, nil, err
	}
	// ParseLax leaves godebug lines out.
	if strict, err := modfile.Parse(b.env.GOMOD, text, nil); err == nil {
		for _, g := range strict.Godebug {
			if err := work.AddGodebug(g.Key, g.Value); err != nil {
				return nil, nil, err
			}
		}
	}
	goVersion := ""
	if mod.Go != nil {
		goVersion = mod.Go.Version
	}
	return work, nil, keepGodebug(work, goVersion)
}

// keepGodebug keeps the defaults of GODEBUG, which depend on the go line of the workspace or,
// without one, on that of the main module.
func keepGodebug(work *modfile.WorkFile, goVersion string) error {
	for _, g := range work.Godebug {
		if g.Key == "default" {
			return nil
		}
	}
	if goVersion == "" {
		goVersion = "1.16" // the go command's default
	}
	parts := strings.SplitN(goVersion, ".", 3)
	minor := strings.FieldsFunc(parts[1], func(r rune) bool { return r < '0' || r > '9' })[0] // of "27rc1"
	return work.AddGodebug("default", "go"+parts[0]+"."+minor)
}

// replaceInWorkspace lets the workspace use the moved modules.
func (b *weaving) replaceInWorkspace(modules []*module) error {
	if b.work == nil {
		return nil
	}
	for _, m := range modules {
		// The user's replacement of a single version would win over ours of all versions.
		for _, r := range b.work.Replace {
			if r.Old.Path == m.Path && r.Old.Version != "" {
				if err := b.work.DropReplace(r.Old.Path, r.Old.Version); err != nil {
					return err
				}
			}
		}
		if err := b.work.AddReplace(m.Path, "", b.movedDir(m, m.Dir), ""); err != nil {
			return err
		}
	}
	return b.writeWorkspace()
}

func (b *weaving) writeWorkspace() error {
	b.work.Cleanup()
	return os.WriteFile(filepath.Join(b.temp, "go.work"), modfile.Format(b.work.Syntax), 0o666)
}

// findGaptrace returns the folder of the root module: the one that the program uses, or else the
// one of this command. main reports whether it is a main module.
func (b *weaving) findGaptrace(ctx context.Context) (main bool, dir string, err error) {
	out, err := b.goOutput(ctx, "list", "-m", "-json", rootModule)
	if err == nil {
		var m module
		if err := json.Unmarshal(out, &m); err != nil {
			return false, "", err
		}
		if m.Dir == "" {
			return false, "", fmt.Errorf("%s %s is not in the module cache; run: go mod download %[1]s", m.Path, m.Version)
		}
		if !exists(filepath.Join(m.Dir, "weave")) {
			return false, "", fmt.Errorf("go.mod requires %s %s, which has nothing to weave; run: go get %[1]s@latest", m.Path, m.Version)
		}
		return m.Main, m.Dir, nil
	}
	if ctx.Err() != nil {
		return false, "", ctx.Err()
	}
	dir, err = b.ownSource(ctx)
	return false, dir, err
}

// ownVersion returns the version of the root module that this command was built with. ok is false
// if it has none, as in a development build.
func ownVersion() (version string, ok bool) {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return "", false
	}
	for _, dep := range info.Deps {
		if dep.Path == rootModule && dep.Replace == nil && dep.Version != "(devel)" {
			return dep.Version, dep.Version != ""
		}
	}
	return "", false
}

// ownSource returns the folder of the root module that this command was built with.
func (b *weaving) ownSource(ctx context.Context) (string, error) {
	version, ok := ownVersion()
	if !ok { // built in the repository
		_, file, _, _ := runtime.Caller(0)
		dir := filepath.Join(filepath.Dir(file), "..", "..", "..", "..")
		if exists(filepath.Join(dir, "weave", "doc.go")) {
			return dir, nil
		}
		return "", fmt.Errorf("this build of gaptrace has no version, so its source is unknown; install a release, or add the wrappers to go.mod:\n%s",
			pinCommands)
	}
	escaped, err := modulepath.EscapePath(rootModule)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(b.env.GOMODCACHE, filepath.FromSlash(escaped)+"@"+version)
	if exists(dir) {
		return dir, nil
	}
	out, err := b.goOutput(ctx, "mod", "download", "-json", rootModule+"@"+version)
	if err != nil {
		return "", fmt.Errorf("the source of %s %s is not in the module cache: %w", rootModule, version, err)
	}
	var m module
	err = json.Unmarshal(out, &m)
	return m.Dir, err
}
