package weaver

import (
	"os"
	"path/filepath"
	"strings"
)

func (b *weaving) inModuleCache(dir string) bool {
	rel, err := filepath.Rel(b.env.GOMODCACHE, dir)
	return dir != "" && err == nil && filepath.IsLocal(rel)
}

// movedDir returns the folder that replaces a folder of the module cache in a woven build. The go
// command refuses an overlay of the module cache. The new folder exists only in the overlay. It is
// the same for each build, or nothing would be found in the build cache.
func (b *weaving) movedDir(m *module, dir string) string {
	rel, _ := filepath.Rel(b.env.GOMODCACHE, dir)
	return filepath.Join(filepath.Dir(b.env.GOMODCACHE), "gaptrace-woven", rel)
}

// moveModule adds a module of the module cache to the overlay: the files of those packages that are
// used.
func (b *weaving) moveModule(built *packageList, m *module) error {
	if err := b.moveFile(m, m.GoMod, filepath.Join(m.Dir, "go.mod")); err != nil {
		return err
	}
	for _, p := range built.packages {
		if p.Module == nil || p.Module.Path != m.Path {
			continue
		}
		entries, err := os.ReadDir(p.Dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Type().IsRegular() && e.Name() != "go.mod" {
				b.overlay[filepath.Join(b.movedDir(m, p.Dir), e.Name())] = filepath.Join(p.Dir, e.Name())
			}
		}
		for _, name := range p.EmbedFiles {
			b.overlay[filepath.Join(b.movedDir(m, p.Dir), name)] = filepath.Join(p.Dir, name)
		}
		for _, name := range p.GoFiles {
			if err := b.moveFile(m, filepath.Join(p.Dir, name), filepath.Join(p.Dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveFile adds the file from to the overlay, in place of the module's file at. A Go file keeps its
// name in stack traces.
func (b *weaving) moveFile(m *module, from, at string) error {
	moved := b.movedDir(m, at)
	if b.args.trimpath || !strings.HasSuffix(from, ".go") {
		b.overlay[moved] = from
		return nil
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return b.write(moved, b.withOriginalLines(from, text))
}

// withOriginalLines returns the text of a moved file with a directive that names the original file.
// With -trimpath, text needs none: stack traces have the module's path, which stays, and no folder.
func (b *weaving) withOriginalLines(path string, text []byte) []byte {
	if b.args.trimpath {
		return text
	}
	return atOriginalLines(path, text)
}
