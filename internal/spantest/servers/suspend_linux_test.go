package servers

import "syscall"

func suspend(p *Process) { p.cmd.Process.Signal(syscall.SIGSTOP) }
