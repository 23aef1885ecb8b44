package servers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// unfit says why this machine cannot run a server that is installed, and what to do.
type unfit struct{ cause, remedy string }

func (u *unfit) Error() string { return u.cause + "; " + u.remedy }

// unable skips the test because of the machine, or fails it if GAPTRACE_REQUIRE_SERVERS=1.
func unable(t testing.TB, name string, u *unfit) {
	t.Helper()
	skip(t, "%s cannot run on this machine: %v", name, u)
}

// diagnose returns the reason of the machine's for which a server could not be prepared or started. It returns nil if
// there is none that it knows: then the server failed by itself, or we started it wrongly.
func diagnose(err error, said string) *unfit {
	var known *unfit
	if errors.As(err, &known) {
		return known
	}
	if known := refused(err); known != nil {
		return known
	}
	return complained(said)
}

// refused explains the error of a system call.
func refused(err error) *unfit {
	var path *fs.PathError
	var errno syscall.Errno
	if !errors.As(err, &path) || !errors.As(err, &errno) {
		return nil
	}
	switch errno {
	case syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS:
		return &unfit{path.Error(), "set TMPDIR to a folder with room"}
	case syscall.EMFILE, syscall.ENFILE:
		return &unfit{path.Error(), moreFiles}
	case syscall.ENOMEM, syscall.EAGAIN:
		return &unfit{path.Error(), "free memory, or raise the limits (ulimit -a)"}
	}
	if path.Op != "fork/exec" {
		return nil // a file of our own making: what else can happen to it is our fault
	}
	switch errno {
	case syscall.EACCES:
		if noexec(path.Path) {
			return &unfit{path.Error() + " (its file system is mounted noexec)", "set TMPDIR to a folder in which programs can be run"}
		}
		return &unfit{path.Error(), "make the file executable, and its folder open to the user who runs the tests"}
	case syscall.ENOEXEC:
		return &unfit{path.Error(), "install one that is built for this processor"}
	case syscall.ENOENT: // the file itself was found
		return &unfit{path.Error() + " (its interpreter or dynamic loader is missing)", "install one that is built for this system"}
	case syscall.EPERM, syscall.EINVAL: // EINVAL: in a user namespace without that user
		return &unfit{path.Error() + " (root may not become another user here)", notRoot}
	}
	return nil
}

const (
	notRoot   = "run the tests as a user other than root"
	moreFiles = "raise the limit of open files (ulimit -n)"
)

// complaints are what servers, their installers and the dynamic loader write when the machine lacks something. Their
// messages are in English, since they run with [environ].
var complaints = []struct {
	said   *regexp.Regexp
	remedy string
}{
	{regexp.MustCompile(`error while loading shared libraries: .*|Error loading shared library .*`), "install the library"},
	{regexp.MustCompile("version `[^']+' not found .*"), "install one that is built for this system's libraries"},
	{regexp.MustCompile(`(?i).*\bbind.*: permission denied.*`), "allow programs to listen on 127.0.0.1"},
	{regexp.MustCompile(`(?i).*(no space left on device|out of disk space|disk quota exceeded|read-only file system).*`), "set TMPDIR to a folder with room"},
	{regexp.MustCompile(`(?i).*(too many open files|insufficient file descriptors|increase your open file limit).*`), moreFiles},
	{regexp.MustCompile(`.*(insufficient memory for the Java Runtime|[Cc]annot allocate memory|Could not reserve enough space|runtime: out of memory).*`), "free memory"},
	{regexp.MustCompile(`.*could not look up effective user ID.*`), "run the tests as a user that has a name in /etc/passwd"},
	{regexp.MustCompile(`No usable sandbox.*`), "allow user namespaces, or install chromium-sandbox"},
	// An administrator's kill -9, or the kernel's for want of memory, as the Go command or a shell describe them.
	{regexp.MustCompile(`signal: killed|exit status 137`), "free memory: the kernel kills processes when there is none"},
	{regexp.MustCompile(`signal: bad system call|exit status 159`), "allow the system call: a sandbox (seccomp) forbids it"},
}

// complained looks for a complaint in what a server wrote.
func complained(said string) *unfit {
	for _, c := range complaints {
		if line := c.said.FindString(said); line != "" {
			return &unfit{strings.TrimSpace(line), c.remedy}
		}
	}
	return nil
}

// way returns the groups that somebody needs in order to reach files, apart from his own: those of folders that are open to
// their group but not to others, as "/" is in some containers. It fails with the first path that is closed to him.
func way(uid, gid uint32, files ...string) (groups []uint32, err error) {
	seen := map[string]bool{}
	for _, file := range files {
		real, err := filepath.EvalSymlinks(file)
		if err != nil {
			return nil, err
		}
		for _, path := range []string{file, real} {
			for ; !seen[path]; path = filepath.Dir(path) {
				seen[path] = true
				group, open, err := entrance(path, uid, gid)
				if err != nil {
					return nil, err
				}
				if !open {
					info, _ := os.Stat(path)
					return nil, &unfit{
						fmt.Sprintf("it refuses to run as root, and as nobody it cannot enter %s (%v)", path, info.Mode()),
						"open that folder (chmod o+x), choose another one (TMPDIR, GAPTRACE_SERVERS), or " + notRoot,
					}
				}
				if group != gid {
					groups = append(groups, group)
				}
			}
		}
	}
	return groups, nil
}

// environ adds to the environment of a server, which is ours where it is nil, that it is to speak English: its messages are
// parsed. The encoding stays UTF-8, in which Java finds paths that are not ASCII.
func environ(env []string) []string {
	if env == nil {
		env = os.Environ()
	}
	return append(env, "LC_ALL=C.UTF-8", "LANGUAGE=")
}
