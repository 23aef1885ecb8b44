package weaver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// PinFile is the file that Init writes.
const PinFile = "gaptrace_woven.go"

// Init writes the file [PinFile] to the current folder. It imports what is woven into the packages
// of the folder's module. It has a build tag, so that only woven builds contain it. But go mod tidy
// and go mod vendor see its imports.
func Init(ctx context.Context, s Streams) (err error) {
	b := &weaving{Streams: s, verb: "build", args: &goArgs{packages: []string{"./..."}}, goProgram: "go"}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.readEnvironment(ctx); err != nil {
		return err
	}
	b.args.dir = filepath.Dir(b.env.GOMOD)
	plain, err := b.list(ctx, nil)
	if err != nil {
		return err
	}
	used := plain.uses()
	if len(used) == 0 {
		return errors.New("nothing to weave: no package of the module uses a library that gaptrace wraps")
	}
	name, err := packageName(plain)
	if err != nil {
		return err
	}
	text := "//go:build " + wovenTag + "\n\n" +
		"// This file lets go.mod require what gaptrace build weaves into the program, so that each build uses\n" +
		"// the same versions. Only woven programs contain it. It was written by gaptrace weave init.\n\n" +
		"package " + name + "\n\n" + importHooks(hookPaths(used))
	f, err := os.OpenFile(PinFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; to write a new one, remove it first", PinFile)
	}
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	version, _ := ownVersion()
	if version == "" {
		version = "latest"
	}
	fmt.Fprintf(b.Stderr, "gaptrace: wrote %s; now run: go get %s@%s && go mod tidy\n", PinFile, rootModule, version)
	return nil
}

// packageName returns the name of the package in the current folder, or "woven" if it has no Go
// files.
func packageName(plain *packageList) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for _, p := range plain.packages {
		if info, err := os.Stat(p.Dir); err == nil && p.Module != nil && p.Module.Main {
			if here, err := os.Stat(dir); err == nil && os.SameFile(info, here) {
				return p.Name, nil
			}
		}
	}
	return "woven", nil
}

// importHooks returns an import declaration.
func importHooks(paths []string) string {
	var b strings.Builder
	b.WriteString("import (\n")
	for _, path := range slices.Sorted(slices.Values(paths)) {
		fmt.Fprintf(&b, "\t_ %q\n", path)
	}
	b.WriteString(")\n")
	return b.String()
}
