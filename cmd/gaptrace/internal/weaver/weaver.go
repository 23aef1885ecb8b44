// Package weaver builds programs whose libraries contain gaptrace's wrappers, by the go command's
// -overlay and a temporary go.work. docs/weave.md describes what it does to a program; the comment
// at join says what it does to a library.
package weaver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// wovenTag is the build tag of code that only compiles in a woven program.
const wovenTag = "gaptrace_woven"

// oldestGo is the oldest Go release that gaptrace's wrappers compile with.
const oldestGo = "go1.26.0"

// library is a client library that can be woven.
type library struct {
	path  string // import path
	weave string // folder in weave/ with its hook, and its join.txt
	joins bool   // it has a join.txt
}

var libraries = []library{
	{"net/http", "nethttp", true},
	{"database/sql", "sql", true},
	{"github.com/go-sql-driver/mysql", "mysql", false},
	{"github.com/go-redis/redis/v8", "redis", true},
	{"google.golang.org/grpc", "grpc", true},
	{"github.com/elastic/go-elasticsearch/v8", "elasticsearch", true},
}

// ExitError is the exit code of a go command, which has printed why it failed.
type ExitError int

// Error returns the exit code as text.
func (e ExitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// UsageError says that the arguments are wrong.
type UsageError struct{ error }

func usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// Streams are the standard streams of the go command. Notes go to Stderr.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs "go verb args" on woven code. Verb is build, run, test or install. All files that Run
// writes are in a temporary folder, which it removes. If ctx ends, Run still waits for the go
// command. If that command fails, the error is an [ExitError]. While Run runs, the signals of
// [Interrupts] do not end the process; the caller lets them end ctx.
func Run(ctx context.Context, verb string, args []string, s Streams) (err error) {
	b := &weaving{Streams: s, verb: verb, args: parseGoArgs(verb, args), goProgram: "go"}
	b.signals = make(chan os.Signal, 1)
	// The process must not end before it has removed its files.
	signal.Notify(b.signals, Interrupts()...)
	defer signal.Stop(b.signals)
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.readEnvironment(ctx); err != nil {
		return err
	}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	return b.goCommand(ctx)
}

// open creates the temporary folder. The go command uses it, too, so close also removes the files
// that an interrupted go command leaves there.
func (b *weaving) open() (err error) {
	b.temp, err = os.MkdirTemp(b.env.GOTMPDIR, "gaptrace-")
	b.setenv("GOTMPDIR", b.temp)
	return err
}

// close removes the temporary folder.
func (b *weaving) close() error {
	if b.temp == "" {
		return nil
	}
	return os.RemoveAll(b.temp)
}

// weaving is a run of a go command on woven code.
type weaving struct {
	Streams
	verb string
	args *goArgs
	temp string // the folder for all files that are written

	signals chan os.Signal

	env       goEnvironment
	work      *modfile.WorkFile // nil: vendored
	goEnv     []string          // more variables for the go command
	goProgram string            // the go command
	gaptrace  string            // folder of the root module
	overlay   map[string]string
	files     int      // how many were written to temp
	extra     []string // files to add to those in the arguments

	woven []string // what was woven, for the user
}

// goEnvironment holds what go env prints.
type goEnvironment struct{ GOVERSION, GOROOT, GOTMPDIR, GOMOD, GOWORK, GOMODCACHE, GOFLAGS string }

func (b *weaving) prepare(ctx context.Context) error {
	plain, err := b.list(ctx, nil)
	if failed, ok := errors.AsType[goError](err); ok { // it concerns the program
		fmt.Fprintln(b.Stderr, failed.output)
		return ExitError(1)
	}
	if err != nil {
		return err
	}
	used := plain.uses()
	if len(used) == 0 {
		fmt.Fprintln(b.Stderr, "gaptrace: nothing to weave: the program uses no library that gaptrace wraps")
		b.goEnv, b.goProgram = nil, "go"
		return nil
	}
	built := plain
	if vendored := b.vendorFolder(plain); vendored != "" {
		if err := b.checkVendored(vendored, used); err != nil {
			return err
		}
		b.gaptrace = filepath.Join(vendored, filepath.FromSlash(rootModule))
	} else {
		if err := b.openWorkspace(ctx); err != nil {
			return err
		}
		if built, err = b.list(ctx, hookPaths(used)); err != nil {
			return err
		}
		b.noteVersions(plain, built)
	}
	if err := b.weaveLibraries(built, used); err != nil {
		return err
	}
	if err := b.weavePackages(built, used); err != nil {
		return err
	}
	fmt.Fprintf(b.Stderr, "gaptrace: wove %s\n", strings.Join(b.woven, ", "))
	return b.writeOverlay()
}

// readEnvironment asks the go command for its settings. It returns an error if weaving cannot do
// what the arguments demand.
func (b *weaving) readEnvironment(ctx context.Context) error {
	out, err := b.goOutput(ctx, "env", "-json",
		"GOVERSION", "GOROOT", "GOTMPDIR", "GOMOD", "GOWORK", "GOMODCACHE", "GOFLAGS")
	if err == nil {
		err = json.Unmarshal(out, &b.env)
	}
	if err != nil {
		return err
	}
	b.args.addDefaults(b.env.GOFLAGS)
	for _, pattern := range b.args.packages {
		if strings.Contains(pattern, "@") {
			return usagef("cannot weave %s: it has a version; build its module in a folder instead", pattern)
		}
	}
	switch {
	case b.env.GOMOD == "" || b.env.GOMOD == os.DevNull:
		return errors.New("no go.mod in this folder or above it: gaptrace weaves the packages of a module")
	case b.args.modfile != "":
		return usagef("cannot weave with -modfile: a workspace is used, which does not allow it")
	case b.args.cover && b.verb != "test":
		return usagef("cannot weave with -cover: go's cover tool does not see woven files; only gaptrace test can")
	}
	release, err := goRelease(b.env.GOVERSION)
	if err != nil {
		return err
	}
	b.overlay = map[string]string{}
	if err := b.open(); err != nil {
		return err
	}
	if err := b.fixToolchain(release); err != nil {
		return err
	}
	if b.args.overlay != "" {
		return b.readOverlay()
	}
	return nil
}

// goRelease returns the release in a GOVERSION of go env, such as "go1.26.1 X:experiment". It
// returns an error if the wrappers do not compile with that release.
func goRelease(goversion string) (string, error) {
	release, _, _ := strings.Cut(goversion, " ")
	switch {
	case !version.IsValid(release):
		return "", fmt.Errorf("unknown Go version %q: gaptrace weaves with %s or newer", goversion, oldestGo)
	case version.Compare(release, oldestGo) < 0:
		return "", fmt.Errorf("%s is too old: gaptrace weaves with %s or newer; "+
			"select one in go.mod, or set GOTOOLCHAIN=%[2]s", release, oldestGo)
	}
	return release, nil
}

// fixToolchain makes later go commands use the Go release that is selected now, whatever go.work
// says. The go command may have downloaded that release into the module cache, where it refuses an
// overlay. Then the release gets another path.
func (b *weaving) fixToolchain(release string) error {
	if !b.inModuleCache(b.env.GOROOT) {
		b.setenv("GOTOOLCHAIN", release)
		return nil
	}
	goroot := filepath.Join("/proc/self/root", b.env.GOROOT) // stack traces then name files that exist
	if runtime.GOOS != "linux" || !exists(goroot) {
		goroot = filepath.Join(b.temp, "goroot")
		if err := os.Symlink(b.env.GOROOT, goroot); err != nil {
			return err
		}
	}
	b.goProgram = filepath.Join(goroot, "bin", "go")
	b.setenv("GOTOOLCHAIN", "local")
	// The go command sets these variables for the program.
	path := filepath.Join(b.env.GOROOT, "bin")
	if users := os.Getenv("PATH"); users != "" {
		path += string(os.PathListSeparator) + users
	}
	b.goEnv = append(b.goEnv, "GOROOT="+goroot, programsEnv+"GOROOT=="+b.env.GOROOT, programsEnv+"PATH=="+path)
	return nil
}

// hookPaths returns the import paths of the packages that wrap the libraries.
func hookPaths(used []library) []string {
	paths := []string{environmentPackage, rootModule + "/weave/tracer"}
	for _, lib := range used {
		paths = append(paths, rootModule+"/weave/"+lib.weave)
	}
	return paths
}

// vendorFolder returns the folder of vendored packages, or "" if the go command does not use one.
func (b *weaving) vendorFolder(plain *packageList) string {
	if vendored := plain.vendor(); vendored != "" {
		return vendored
	}
	// The program may import only the standard library, and the vendor folder only the hooks.
	vendored := filepath.Join(filepath.Dir(b.env.GOMOD), "vendor")
	usesWork := b.env.GOWORK != "" && b.env.GOWORK != "off"
	if usesWork || !exists(filepath.Join(vendored, filepath.FromSlash(rootModule), "weave")) {
		return ""
	}
	return vendored
}

// checkVendored returns an error if the vendored packages lack what is woven. Nothing can be added
// to a vendor folder, since vendor/modules.txt must match go.mod.
func (b *weaving) checkVendored(vendor string, used []library) error {
	for _, path := range hookPaths(used) {
		if _, err := os.Stat(filepath.Join(vendor, filepath.FromSlash(path))); err != nil {
			return fmt.Errorf("%s has no package %s, and nothing can be added to vendored packages; run:\n%s",
				vendor, path, pinCommands)
		}
	}
	return nil
}

const pinCommands = "gaptrace weave init && go get " + rootModule + "@latest && go mod tidy && go mod vendor"

// noteVersions prints which modules are newer in the woven program.
func (b *weaving) noteVersions(plain, built *packageList) {
	before, after := plain.versions(), built.versions()
	for _, path := range slices.Sorted(maps.Keys(before)) {
		if was, is := before[path], after[path]; is != "" && is != was {
			fmt.Fprintf(b.Stderr, "gaptrace: the woven program uses %s %s instead of %s, since gaptrace requires it\n", path, is, was)
		}
	}
}

// weaveLibraries adds the changed libraries to the overlay.
func (b *weaving) weaveLibraries(built *packageList, used []library) error {
	var replaced []*module // in go.work
	for _, lib := range used {
		p := built.byPath(lib.path)
		if p == nil || !lib.joins {
			continue
		}
		if len(p.goFiles()) == 0 && p.Error != nil { // go list found no module for it
			return errors.New(p.Error.Err)
		}
		name := lib.path + " of " + b.env.GOVERSION
		if m := p.Module; m != nil {
			name = strings.TrimSpace(m.Path + " " + m.Version)
		}
		joins, err := readJoins(filepath.Join(b.gaptrace, "weave", lib.weave))
		if err != nil {
			return err
		}
		copies, added, err := b.weaveLibrary(name, p.goFiles(), joins)
		if err != nil {
			return err
		}
		dir := p.Dir
		if m := p.Module; m != nil && b.inModuleCache(m.Dir) {
			dir = b.movedDir(m, p.Dir)
			if err := b.moveModule(built, m); err != nil {
				return err
			}
			replaced = append(replaced, m)
		}
		for _, c := range copies {
			if dir != p.Dir {
				c.text = b.withOriginalLines(c.path, c.text)
			}
			if err := b.write(filepath.Join(dir, filepath.Base(c.path)), c.text); err != nil {
				return err
			}
		}
		for name, text := range added {
			if err := b.write(filepath.Join(dir, name), text); err != nil {
				return err
			}
		}
		b.woven = append(b.woven, name)
	}
	return b.replaceInWorkspace(replaced)
}

// exists reports whether there is a file or folder of that name.
func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
