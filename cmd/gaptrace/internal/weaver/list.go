package weaver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// listed is a package as go list prints it.
type listed struct {
	ImportPath, Name, Dir, ForTest string
	Standard, DepOnly              bool
	Module                         *module
	Error                          *struct{ Err string }

	GoFiles, CgoFiles, TestGoFiles, XTestGoFiles, EmbedFiles []string

	Deps []string // all packages that it imports, directly or not

	named bool // by the arguments, not only imported
}

// module is a module as go list prints it. Dir and GoMod are those of the replacement, if it has
// one.
type module struct {
	Path, Version, Dir, GoMod, GoVersion string
	Main                                 bool
}

// packageList are packages with all that they import.
type packageList struct{ packages []*listed }

// listFields are the fields of listed. Others take the go command more time.
const listFields = "-json=ImportPath,Name,Dir,ForTest,Standard,DepOnly,Module,Error,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,EmbedFiles,Deps"

// list lists the packages of the arguments, with all that they import. If there are paths, it also
// lists these packages, as they are in a woven program.
func (b *weaving) list(ctx context.Context, paths []string) (*packageList, error) {
	args := []string{"list", "-deps", listFields}
	if b.verb == "test" {
		args = append(args, "-test")
	}
	tags := b.args.tags
	if len(paths) > 0 {
		tags += "," + wovenTag
		args = append(args, "-e") // weaveLibrary has a better error for a library that has changed
	}
	args = append(args, "-tags="+strings.TrimPrefix(tags, ","))
	if b.args.overlay != "" {
		args = append(args, "-overlay="+b.args.overlay)
	}
	args = append(append(args, b.args.list...), "--")
	l := new(packageList)
	lists := [][]string{b.args.packages} // the current folder if there are none
	if len(paths) > 0 {
		lists = append(lists, paths) // a list of its own: the arguments may be files
	}
	for i, patterns := range lists {
		out, err := b.goOutput(ctx, append(args, patterns...)...)
		if err == nil {
			err = l.add(out, i == 0)
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// add adds packages from go list's JSON. byUser reports whether the user's arguments name them.
func (l *packageList) add(out []byte, byUser bool) error {
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		if err := decoder.Decode(p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		p.named = byUser && !p.DepOnly
		l.packages = append(l.packages, p)
	}
}

// byPath returns the package with that import path, or nil.
func (l *packageList) byPath(path string) *listed {
	i := slices.IndexFunc(l.packages, func(p *listed) bool { return p.ImportPath == path })
	if i < 0 {
		return nil
	}
	return l.packages[i]
}

// uses returns the libraries that can be woven among the packages.
func (l *packageList) uses() (used []library) {
	for _, lib := range libraries {
		if l.byPath(lib.path) != nil {
			used = append(used, lib)
		}
	}
	return used
}

// vendor returns the folder of vendored packages, or "" if there are none.
func (l *packageList) vendor() string {
	for _, p := range l.packages {
		if p.Standard || p.Module == nil || p.Module.Main {
			continue
		}
		// Only vendored packages have a module without a folder.
		if root, ok := strings.CutSuffix(filepath.ToSlash(p.Dir), "/vendor/"+p.ImportPath); ok && p.Module.Dir == "" {
			return filepath.Join(filepath.FromSlash(root), "vendor")
		}
	}
	return ""
}

// versions returns the versions of modules by their paths.
func (l *packageList) versions() map[string]string {
	versions := map[string]string{}
	for _, p := range l.packages {
		if p.Module != nil && p.Module.Version != "" {
			versions[p.Module.Path] = p.Module.Version
		}
	}
	return versions
}

// dependencies returns the packages of those paths, and all that they import.
func (l *packageList) dependencies(paths []string) map[string]bool {
	all := map[string]bool{}
	for _, path := range paths {
		all[path] = true
		if p := l.byPath(path); p != nil {
			for _, dep := range p.Deps {
				all[dep] = true
			}
		}
	}
	return all
}

// goFiles returns the paths of the package's files, without tests.
func (p *listed) goFiles() (paths []string) {
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		paths = append(paths, filepath.Join(p.Dir, name))
	}
	return paths
}
