//go:build !linux

package servers

func suspend(*Process) {} // SIGSTOP is unknown to Windows
