//go:build !linux

package servers

import (
	"math"
	"os"
	"os/exec"
	"syscall"
)

// Elsewhere than on Linux a server outlives a test binary that is killed, and one process is all that is
// killed. CI and .ci/install-servers are Linux's.

func bindToParent(*exec.Cmd) {}

func runAs(*exec.Cmd, uint32, uint32, []uint32) {}

func entrance(_ string, _, gid uint32) (group uint32, open bool, err error) { return gid, true, nil }

func noexec(string) bool { return false }

func raiseFiles() {}

func openFiles() uint64 { return math.MaxUint64 }

func lowestPort() int { return 1024 }

func terminate(p *os.Process) {
	if p.Signal(syscall.SIGTERM) != nil {
		p.Kill() // Windows knows no SIGTERM
	}
}

func kill(p *os.Process) { p.Kill() }

func reap(*os.Process) {}
