//go:build !linux

package servers

import (
	"os"
	"os/exec"
	"syscall"
)

// Elsewhere than on Linux a server outlives a test binary that is killed, and one process is all that is
// killed. CI and .ci/install-servers are Linux's.

func bindToParent(*exec.Cmd) {}

func runAs(*exec.Cmd, int, int) {}

func terminate(p *os.Process) {
	if p.Signal(syscall.SIGTERM) != nil {
		p.Kill() // Windows knows no SIGTERM
	}
}

func kill(p *os.Process) { p.Kill() }

func reap(*os.Process) {}
