package servers

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// bindToParent makes the child the leader of a process group of its own, and has it killed when we are.
func bindToParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}

// runAs has cmd run as another user; only root may.
func runAs(cmd *exec.Cmd, uid, gid int) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func terminate(p *os.Process) {
	p.Signal(syscall.SIGTERM)
	p.Signal(syscall.SIGCONT) // a server that a test has suspended cannot end
}

// kill kills the whole group: bin/elasticsearch, for one, runs the server in a child. Only for a process that
// has not been waited for: after that, the number may be another's.
func kill(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }

// reap waits until the group of a process that is gone has no members left. A member that stays is killed: as
// long as there is one, the number cannot be another group's.
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
