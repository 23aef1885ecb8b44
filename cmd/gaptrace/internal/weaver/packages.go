package weaver

import (
	"path/filepath"
	"slices"
	"strings"
)

// weavePackages adds a file that imports the hooks to each package of the main modules. So the
// hooks are set before the variables of these packages are initialized.
func (b *weaving) weavePackages(built *packageList, used []library) error {
	needed := built.dependencies(hookPaths(used)) // these cannot import the hooks that import them
	done := map[string]bool{}
	for _, p := range built.packages {
		if p.Module == nil || !p.Module.Main || needed[p.ImportPath] || done[p.Dir] {
			continue
		}
		hooks := p.hooks(used)
		if len(hooks) == 0 {
			continue
		}
		done[p.Dir] = true
		name, file := p.Name, "zz_gaptrace_woven.go"
		switch {
		case b.args.cover && p.named && len(p.TestGoFiles)+len(p.XTestGoFiles) > 0:
			file = "zz_gaptrace_woven_test.go" // the cover tool does not see others
		case b.args.cover && (p.named || b.args.coverAll):
			continue
		case len(p.GoFiles)+len(p.CgoFiles) > 0:
		case len(p.TestGoFiles)+len(p.XTestGoFiles) > 0:
			file = "zz_gaptrace_woven_test.go"
		default:
			continue
		}
		name = strings.TrimSuffix(name, "_test")
		text := "package " + name + "\n\n" + importHooks(hooks)
		if name == "main" && b.verb != "test" {
			closing, err := b.weaveMain(p)
			if err != nil {
				return err
			}
			text += closing
		}
		path := filepath.Join(p.Dir, file)
		if err := b.write(path, []byte(text)); err != nil {
			return err
		}
		if p.ImportPath == "command-line-arguments" && file == "zz_gaptrace_woven.go" {
			b.extra = append(b.extra, path)
		}
	}
	return nil
}

// weaveMain renames a program's main, and returns one that calls it and then sends the queued
// spans.
func (b *weaving) weaveMain(p *listed) (closing string, err error) {
	copies, _, err := renamed(p.goFiles(), map[string]string{"main": "[][][]"})
	if err != nil || len(copies) == 0 {
		return "", err
	}
	for _, c := range copies {
		// The compiler's errors name the original file.
		if err := b.write(c.path, slices.Concat([]byte("//line "+c.path+":1\n"), c.text)); err != nil {
			return "", err
		}
	}
	return "\nimport gaptraceTracer \"" + rootModule + "/weave/tracer\"\n\n" +
		"func main() {\n\tgaptracemain()\n\tgaptraceTracer.Close()\n}\n", nil
}
