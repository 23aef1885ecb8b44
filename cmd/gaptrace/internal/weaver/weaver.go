// Package weaver builds programs whose libraries contain gaptrace's wrappers, by the go command's
// -overlay and a temporary go.work. docs/weave.md describes what it does to a program; the comment
// at join says what it does to a library.
package weaver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
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
// command. If that command fails, the error is an [ExitError].
func Run(ctx context.Context, verb string, args []string, s Streams) (err error) {
	b := &weaving{Streams: s, verb: verb, args: parseGoArgs(verb, args), goProgram: "go"}
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
	b.goEnv = append(b.goEnv, "GOTMPDIR="+b.temp)
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
		b.goEnv = append(b.goEnv, "GOTOOLCHAIN="+release)
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
	b.goEnv = append(b.goEnv, "GOROOT="+goroot, "GOTOOLCHAIN=local")
	return nil
}

// readOverlay copies the files of the user's -overlay to b.overlay.
func (b *weaving) readOverlay() error {
	name := b.args.overlay
	if !filepath.IsAbs(name) {
		name = filepath.Join(b.args.dir, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var users struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &users); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for from, to := range users.Replace {
		if from, err = filepath.Abs(filepath.Join(b.args.dir, from)); filepath.IsAbs(from) && err == nil {
			b.overlay[from] = to
		}
	}
	return err
}

// hookPaths returns the import paths of the packages that wrap the libraries.
func hookPaths(used []library) []string {
	paths := []string{rootModule + "/weave/tracer"}
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
		name := lib.path + " of " + b.env.GOVERSION
		if m := p.Module; m != nil {
			name = strings.TrimSpace(m.Path + " " + m.Version)
		}
		joins, err := readJoins(filepath.Join(b.gaptrace, "weave", lib.weave))
		if err != nil {
			return err
		}
		copies, added, err := weaveLibrary(name, p.goFiles(), joins)
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

// withOriginalLines returns text with a directive that names the original file. With -trimpath,
// text needs none: stack traces have the module's path, which stays, and no folder.
func (b *weaving) withOriginalLines(path string, text []byte) []byte {
	if b.args.trimpath || bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) { // a byte order mark must stay first
		return text
	}
	return append([]byte("//line "+path+":1\n"), text...)
}

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

// write writes a file to the temporary folder, and adds it to the overlay as path.
func (b *weaving) write(path string, text []byte) error {
	b.files++
	name := filepath.Join(b.temp, fmt.Sprintf("%d_%s", b.files, filepath.Base(path)))
	b.overlay[path] = name
	return os.WriteFile(name, text, 0o666)
}

func (b *weaving) overlayFile() string { return filepath.Join(b.temp, "overlay.json") }

func (b *weaving) writeOverlay() error {
	text, err := json.Marshal(map[string]any{"Replace": b.overlay})
	if err != nil {
		return err
	}
	return os.WriteFile(b.overlayFile(), text, 0o666)
}

// goCommand runs the go command with what was prepared.
func (b *weaving) goCommand(ctx context.Context) error {
	overlay, tags := b.args.overlay, b.args.tags
	if len(b.woven) > 0 {
		overlay, tags = b.overlayFile(), strings.TrimPrefix(tags+","+wovenTag, ",")
	}
	cmd := b.newGo(context.WithoutCancel(ctx), b.args.command(b.verb, overlay, tags, b.extra)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = b.Stdin, b.Stdout, b.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	// An interrupt at the terminal also reaches the go command. One from elsewhere may not, so it
	// is passed on. Further ones must not end this process, which still has to remove its files.
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer stop()
	further := make(chan os.Signal, 1)
	signal.Notify(further, os.Interrupt)
	defer signal.Stop(further)
	err := cmd.Wait()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return ExitError(cmp.Or(max(failed.ExitCode(), 0), 1))
	}
	return err
}

// goOutput runs the go command, and returns what it prints. The error has what it prints to stderr.
func (b *weaving) goOutput(ctx context.Context, args ...string) ([]byte, error) {
	cmd := b.newGo(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			return nil, err
		}
		return nil, goError{args[0], cmp.Or(strings.TrimSpace(stderr.String()), err.Error())}
	}
	return stdout.Bytes(), nil
}

// goError is what a go command has printed.
type goError struct{ verb, output string }

func (e goError) Error() string { return "go " + e.verb + ": " + e.output }

func (b *weaving) newGo(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.goProgram, args...)
	cmd.Dir = b.args.dir
	cmd.Env = append(os.Environ(), b.goEnv...)
	return cmd
}

// exists reports whether there is a file or folder of that name.
func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
