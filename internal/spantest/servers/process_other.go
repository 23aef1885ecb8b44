//go:build !linux

package servers

import (
	"math"
	"os"
	"os/exec"
	"syscall"
)

// On other systems than Linux, a server outlives a test binary that is killed, and kill ends a
// single process. CI and .ci/install-servers need Linux.

func bindToParent(*exec.Cmd) {}

func runAs(*exec.Cmd, uint32, uint32, []uint32) {}

func entrance(_ string, _, gid uint32) (group uint32, open bool, err error) { return gid, true, nil }

func noexec(string) bool { return false }

func raiseFiles() {}

func openFiles() uint64 { return math.MaxUint64 }

func lowestPort() int { return 1024 }

func terminate(p *os.Process) {
	if p.Signal(syscall.SIGTERM) != nil {
		p.Kill() // Windows has no SIGTERM
	}
}

func kill(p *os.Process) { p.Kill() }

func reap(*os.Process) {}
