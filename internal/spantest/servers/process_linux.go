package servers

import (
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// bindToParent makes the child the leader of its own process group. If this process is killed,
// Linux kills the child.
func bindToParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}

// runAs makes cmd run as another user, which only root may do.
func runAs(cmd *exec.Cmd, uid, gid uint32, groups []uint32) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}}
}

// entrance reports whether a user may enter a folder or execute a file, and as a member of which
// group: gid, or the file's group if only that has the right.
func entrance(path string, uid, gid uint32) (group uint32, open bool, err error) {
	var s syscall.Stat_t
	if err := syscall.Stat(path, &s); err != nil {
		return 0, false, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch {
	case s.Uid == uid:
		return gid, s.Mode&0o100 != 0, nil
	case s.Mode&0o001 != 0 && s.Gid != gid:
		return gid, true, nil
	}
	return s.Gid, s.Mode&0o010 != 0, nil
}

// noexec reports whether path is on a file system that is mounted noexec.
func noexec(path string) bool {
	const stNoexec = 8 // ST_NOEXEC of statvfs(3)
	var s syscall.Statfs_t
	return syscall.Statfs(path, &s) == nil && s.Flags&stNoexec != 0
}

// raiseFiles raises the limit of open files to its maximum. Go does so at start, but its children
// get the old limit until the program sets one itself.
var raiseFiles = sync.OnceFunc(func() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		limit.Cur = limit.Max
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // a server that needs more reports it
	}
})

// openFiles returns how many files a server may have open.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxUint64
	}
	return limit.Cur
}

// lowestPort returns the first port on which a process without privileges may listen.
func lowestPort() int {
	text, _ := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	port, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 1024
	}
	return port
}

func terminate(p *os.Process) {
	p.Signal(syscall.SIGTERM)
	p.Signal(syscall.SIGCONT) // a server that a test has suspended cannot end
}

// kill kills the whole group: bin/elasticsearch, for example, runs the server in a child. The
// process must not have been waited for: after that, its id may be another's.
func kill(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }

// reap waits until the group of a process that is gone has no members left. After 5 s it kills
// those that are left. As long as there is one, the id cannot be another group's.
func reap(p *os.Process) {
	deadline := time.Now().Add(5 * time.Second)
	killed := false
	for syscall.Kill(-p.Pid, 0) == nil {
		if time.Now().After(deadline) {
			if killed {
				return // a zombie: in a container without an init, nobody waits for orphans
			}
			kill(p)
			killed, deadline = true, time.Now().Add(time.Second)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
