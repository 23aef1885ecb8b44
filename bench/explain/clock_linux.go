package main

import (
	"bytes"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const hasThreadClock = true

// The system calls that read the clocks are raw: Go's scheduler and the execution trace do not see
// them, so they are part of the work that is measured.

// threadCPU returns the CPU time of the calling thread.
func threadCPU() time.Duration {
	var t unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_THREAD_CPUTIME_ID, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}

// threadID returns the number of the calling thread.
func threadID() int {
	id, _, _ := unix.RawSyscall(unix.SYS_GETTID, 0, 0, 0)
	return int(id)
}

// threadQueued returns how long the calling thread was ready to run while others had the CPUs.
func threadQueued() time.Duration {
	fd, _, failed := unix.RawSyscall6(unix.SYS_OPENAT, ^uintptr(99), // AT_FDCWD
		uintptr(unsafe.Pointer(unsafe.StringData("/proc/thread-self/schedstat\x00"))), unix.O_RDONLY, 0, 0, 0)
	if failed != 0 {
		return 0
	}
	var text [64]byte
	n, _, failed := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&text)), uintptr(len(text)))
	unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	if failed != 0 {
		return 0
	}
	_, rest, _ := bytes.Cut(text[:n], []byte(" "))
	field, _, _ := bytes.Cut(rest, []byte(" "))
	ns, _ := strconv.ParseInt(string(field), 10, 64)
	return time.Duration(ns)
}

// processCPU returns the CPU time of this process.
func processCPU() time.Duration {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
