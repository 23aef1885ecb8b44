package weaver

import (
	"path/filepath"
	"slices"
	"strings"
)

// environmentPackage gives the program the user's environment. It needs no library.
const environmentPackage = rootModule + "/weave/environment"

// wovenFile is the file that is added to a package of the main modules.
const wovenFile = "zz_gaptrace_woven"

// weavePackages adds a file that imports the hooks to each package of the main modules. So the
// hooks are set before the variables of these packages are initialized.
func (b *weaving) weavePackages(built *packageList, used []library) error {
	needed := built.dependencies(hookPaths(used)) // these cannot import the hooks that import them
	for _, folder := range built.mainFolders() {
		p := folder[0]
		var hooks []string
		if !needed[p.ImportPath] {
			hooks = hooksOf(folder, used)
		}
		if len(hooks) == 0 && b.verb == "test" && p.named && p.ImportPath != environmentPackage {
			hooks = []string{environmentPackage} // a test without libraries gets the user's environment, too
		}
		if len(hooks) == 0 {
			continue
		}
		hasTests := len(p.TestGoFiles)+len(p.XTestGoFiles) > 0
		name, file := p.Name, wovenFile+".go"
		switch {
		case b.args.cover && p.named && hasTests:
			name, file = testFile(name) // the cover tool does not see others
		case b.args.cover && (p.named || b.args.coverAll):
			continue
		case len(p.GoFiles)+len(p.CgoFiles) > 0:
		case hasTests:
			name, file = testFile(name)
		default:
			continue
		}
		text := "package " + name + "\n\n" + importHooks(hooks)
		if p.isFiles() && len(p.GoFiles) == 0 && len(p.CgoFiles) > 0 {
			text += "\nimport \"C\"\n" // otherwise the program is named after this file, the only one without cgo
		}
		if p.Name == "main" && b.verb != "test" {
			closing, err := b.weaveMain(p)
			if err != nil {
				return err
			}
			text += closing
		}
		if err := b.write(filepath.Join(p.Dir, file), []byte(text)); err != nil {
			return err
		}
		if p.isFiles() {
			// The go command compares the folders as they are written.
			b.extra = append(b.extra, filepath.Join(filepath.Dir(b.args.packages[0]), file))
		}
	}
	return nil
}

// testFile returns the package and the name of a test file for a package. If its name ends in
// "_test", the go command takes all its tests for those of an external package.
func testFile(name string) (pkg, file string) {
	if strings.HasSuffix(name, "_test") {
		name += "_test"
	}
	return name, wovenFile + "_test.go"
}

// mainFolders returns the packages of the main modules, and those that arguments name by files. It
// groups them by folder: first the package itself, then its variants for tests.
func (l *packageList) mainFolders() (folders [][]*listed) {
	at := map[string]int{} // in folders
	for _, p := range l.packages {
		switch i, ok := at[p.Dir]; {
		case !p.isFiles() && (p.Module == nil || !p.Module.Main):
		case ok:
			folders[i] = append(folders[i], p)
		default:
			at[p.Dir] = len(folders)
			folders = append(folders, []*listed{p})
		}
	}
	for _, folder := range folders {
		slices.SortStableFunc(folder, func(p, q *listed) int { return p.rank() - q.rank() })
	}
	return folders
}

// rank orders the packages of a folder.
func (p *listed) rank() int {
	switch {
	case p.ForTest != "": // a variant for the test of a package
		return 1
	case len(p.GoFiles) > 0 && filepath.IsAbs(p.GoFiles[0]): // the main package of a test, which is in the build cache
		return 2
	}
	return 0
}

// isFiles reports whether the arguments name the files of p, or of the package that p tests.
func (p *listed) isFiles() bool {
	return p.ImportPath == commandLine || p.ForTest == commandLine || p.ImportPath == commandLine+".test"
}

// commandLine is the import path of files that are arguments.
const commandLine = "command-line-arguments"

// hooksOf returns the import paths of the hooks for the libraries that the packages of a folder
// import, directly or not.
func hooksOf(folder []*listed, used []library) []string {
	used = slices.DeleteFunc(slices.Clone(used), func(lib library) bool {
		return !slices.ContainsFunc(folder, func(p *listed) bool { return slices.Contains(p.Deps, lib.path) })
	})
	if len(used) == 0 {
		return nil
	}
	return hookPaths(used)
}

// weaveMain renames a program's main, and returns one that calls it and then sends the queued
// spans.
func (b *weaving) weaveMain(p *listed) (closing string, err error) {
	copies, _, err := b.renamed(p.goFiles(), map[string]string{"main": "[][][]"})
	if err != nil || len(copies) == 0 {
		return "", err
	}
	for _, c := range copies {
		// The compiler's errors name the original file.
		if err := b.write(c.path, atOriginalLines(c.path, c.text)); err != nil {
			return "", err
		}
	}
	return "\nimport gaptraceTracer \"" + rootModule + "/weave/tracer\"\n\n" +
		"func main() {\n\tgaptracemain()\n\tgaptraceTracer.Close()\n}\n", nil
}
