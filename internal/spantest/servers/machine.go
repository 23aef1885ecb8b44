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

// unfit is the reason why this machine cannot run a server that is installed, and what to do.
type unfit struct{ cause, remedy string }

func (u *unfit) Error() string { return u.cause + "; " + u.remedy }

// unable skips the test because of the machine, or fails it if GAPTRACE_REQUIRE_SERVERS=1.
func unable(t testing.TB, name string, u *unfit) {
	t.Helper()
	skip(t, "%s cannot run on this machine: %v", name, u)
}

// diagnose returns why this machine could not prepare or start a server, from the error and from
// what the server wrote. It returns nil if it finds no such reason: then the fault is the server's
// or ours.
func diagnose(err error, said string) *unfit {
	if known, ok := errors.AsType[*unfit](err); ok {
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
		return &unfit{path.Error(), "set TMPDIR to a folder with free space"}
	case syscall.EMFILE, syscall.ENFILE:
		return &unfit{path.Error(), moreFiles}
	case syscall.ENOMEM, syscall.EAGAIN:
		return &unfit{path.Error(), "free memory, or raise the limits (ulimit -a)"}
	}
	if path.Op != "fork/exec" {
		return nil // a file that we made: any other error is our fault
	}
	switch errno {
	case syscall.EACCES:
		if noexec(path.Path) {
			cause := path.Error() + " (its file system is mounted noexec)"
			return &unfit{cause, "set TMPDIR to a folder in which programs can be run"}
		}
		return &unfit{path.Error(), "make the file executable, and its folder open to the user who runs the tests"}
	case syscall.ENOEXEC:
		return &unfit{path.Error(), "install one that is built for this processor"}
	case syscall.ENOENT: // the file itself exists, since it was found before
		cause := path.Error() + " (its interpreter or dynamic loader is missing)"
		return &unfit{cause, "install one that is built for this system"}
	case syscall.EPERM, syscall.EINVAL: // EINVAL: a user namespace does not map that user
		return &unfit{path.Error() + " (root may not become another user here)", notRoot}
	}
	return nil
}

const (
	notRoot   = "run the tests as a user other than root"
	moreFiles = "raise the limit of open files (ulimit -n)"
)

// complaints match what servers, their installers and the dynamic loader write if the machine lacks
// something. The messages are in English, since [environ] sets the locale.
var complaints = []struct {
	said   *regexp.Regexp
	remedy string
}{
	{
		regexp.MustCompile(`error while loading shared libraries: .*|Error loading shared library .*`),
		"install the library",
	},
	{
		regexp.MustCompile("version `[^']+' not found .*"),
		"install one that is built for this system's libraries",
	},
	{
		regexp.MustCompile(`(?i).*\bbind.*: permission denied.*`),
		"allow programs to listen on 127.0.0.1",
	},
	{
		regexp.MustCompile(`(?i).*(no space left on device|out of disk space|disk quota exceeded|` +
			`read-only file system).*`),
		"set TMPDIR to a folder with free space",
	},
	{
		regexp.MustCompile(`(?i).*(too many open files|insufficient file descriptors|` +
			`increase your open file limit).*`),
		moreFiles,
	},
	{
		regexp.MustCompile(`.*(insufficient memory for the Java Runtime|[Cc]annot allocate memory|` +
			`Could not reserve enough space|runtime: out of memory).*`),
		"free memory",
	},
	{
		regexp.MustCompile(`.*could not look up effective user ID.*`),
		"run the tests as a user that has a name in /etc/passwd",
	},
	{
		regexp.MustCompile(`No usable sandbox.*`),
		"allow user namespaces, or install chromium-sandbox",
	},
	{ // kill -9, as the go command or a shell reports it
		regexp.MustCompile(`signal: killed|exit status 137`),
		"free memory: the kernel kills processes if there is none",
	},
	{
		regexp.MustCompile(`signal: bad system call|exit status 159`),
		"allow the system call: a sandbox (seccomp) forbids it",
	},
}

// complained returns the first complaint in what a server wrote, or nil.
func complained(said string) *unfit {
	for _, c := range complaints {
		if line := c.said.FindString(said); line != "" {
			return &unfit{strings.TrimSpace(line), c.remedy}
		}
	}
	return nil
}

// way returns the supplementary groups that a user needs to reach files: those of folders that are
// open to their group but not to others, as "/" is in some containers. It returns an error for the
// first path that the user cannot enter.
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
						fmt.Sprintf("it refuses to run as root, and the user nobody cannot enter %s (%v)", path, info.Mode()),
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

// environ returns env, or our environment if env is nil, with an English locale, since the server's
// messages are parsed. The encoding is UTF-8, which Java needs to find paths that are not ASCII.
func environ(env []string) []string {
	if env == nil {
		env = os.Environ()
	}
	return append(env, "LC_ALL=C.UTF-8", "LANGUAGE=")
}
