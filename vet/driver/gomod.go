package driver

import (
	"bytes"
	"cmp"
	"fmt"
	"go/version"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// ModuleChange is what the go.mod of a main module needs so that fixed files compile.
type ModuleChange struct {
	Module
	Rises    []Rise   // requirements that cannot stay as low as they are
	Go       *Rise    // the go directive; nil if it stays
	Required bool     // go.mod requires gaptrace, but it is not downloaded, or go.sum lacks it
	Commands []string // to run in the module's folder; they may download modules
	File     *Change  // go.mod; nil if the version of gaptrace is unknown
}

// Rise is a version that rises.
type Rise struct {
	Path     string // of the module
	From, To string
	Indirect bool
}

// moduleChanges returns what the modules of changed files need, if they do not require gaptrace
// yet, or it is not downloaded.
func (p *Program) moduleChanges(gaptraceVersion string, files []Change) ([]ModuleChange, error) {
	needy := map[string]*Module{}
	for _, pkg := range p.Packages {
		if !slices.ContainsFunc(files, func(c Change) bool { return slices.Contains(pkg.GoFiles, c.Name) }) {
			continue
		}
		for _, imported := range pkg.Imports {
			if isStub(imported) {
				if m := p.module(pkg.GoFiles[0]); m != nil {
					needy[m.GoMod] = m
				}
			}
		}
	}
	var changes []ModuleChange
	for _, m := range needy {
		change, err := m.change(gaptraceVersion)
		if err != nil {
			return nil, err
		}
		changes = append(changes, *change)
	}
	slices.SortFunc(changes, func(a, b ModuleChange) int { return cmp.Compare(a.GoMod, b.GoMod) })
	return changes, nil
}

// change returns what a module needs to require gaptrace. It knows only versions that are in
// go.mod, since others would need a download.
func (m *Module) change(gaptraceVersion string) (*ModuleChange, error) {
	before, err := os.ReadFile(m.GoMod)
	if err != nil {
		return nil, err
	}
	f, err := modfile.Parse(m.GoMod, before, nil)
	if err != nil {
		return nil, err
	}
	c := &ModuleChange{Module: *m}
	replaced := map[string]bool{}
	for _, r := range f.Replace {
		replaced[r.Old.Path] = true
	}
	require := slices.Clone(f.Require)
	for i, r := range require {
		floor := floors[r.Mod.Path]
		if floor == "" || replaced[r.Mod.Path] || semver.Compare(r.Mod.Version, floor) >= 0 {
			continue
		}
		c.Rises = append(c.Rises, Rise{r.Mod.Path, r.Mod.Version, floor, r.Indirect})
		raised := *r
		raised.Mod.Version = floor
		require[i] = &raised
	}
	language := "1.16" // what a go.mod without a go directive means
	if f.Go != nil {
		language = f.Go.Version
	}
	if version.Compare("go"+language, "go"+goFloor) < 0 {
		c.Go = &Rise{From: language, To: goFloor}
	}
	c.Required = slices.ContainsFunc(f.Require, func(r *modfile.Require) bool { return r.Mod.Path == gaptraceModule })
	switch {
	case c.Required:
	case gaptraceVersion == "":
		c.Commands = []string{"go get " + gaptraceModule + "@latest"}
	default:
		c.File, err = m.edited(f, before, require, gaptraceVersion)
	}
	c.Commands = append(c.Commands, "go mod tidy")
	if m.Vendor {
		c.Commands = append(c.Commands, "go mod vendor")
	}
	return c, err
}

// edited returns go.mod with requirements, and with gaptrace.
func (m *Module) edited(
	f *modfile.File, before []byte, require []*modfile.Require, gaptraceVersion string,
) (*Change, error) {
	own := &modfile.Require{}
	own.Mod.Path, own.Mod.Version = gaptraceModule, gaptraceVersion
	f.SetRequireSeparateIndirect(append(require, own))
	if f.Go == nil || version.Compare("go"+f.Go.Version, "go"+goFloor) < 0 {
		if err := f.AddGoStmt(goFloor); err != nil {
			return nil, err
		}
		if f.Toolchain != nil && version.Compare(f.Toolchain.Name, "go"+goFloor) < 0 {
			f.DropToolchainStmt()
		}
	}
	f.Cleanup()
	after, err := f.Format()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.GoMod, err)
	}
	return &Change{m.GoMod, before, bytes.ReplaceAll(after, []byte("\n"), []byte(newlineOf(before)))}, nil
}

// String returns the rise as a line of text.
func (r Rise) String() string {
	text := strings.TrimSpace(fmt.Sprintf("%s %s → %s", r.Path, r.From, r.To))
	if r.Indirect {
		text += " (indirect)"
	}
	return text
}
