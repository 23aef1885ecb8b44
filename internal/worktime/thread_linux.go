package worktime

import (
	"bytes"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// threadTime returns the CPU time that this thread has used. It uses a raw system call, because
// Go's scheduler could run another goroutine after an ordinary one.
func threadTime() (time.Duration, bool) {
	const clockThreadCPUTime = 3
	var t syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano()), errno == 0
}

// queueClock reads how long a thread was ready to run while others had the CPUs: the second number
// of its schedstat. It holds a file descriptor, because an os.File would make work for Go's poller.
type queueClock struct {
	fd   int
	text [64]byte
}

// openQueueClock opens the clock of the calling thread. It returns nil if the kernel has none.
func openQueueClock() *queueClock {
	fd, err := syscall.Open("/proc/thread-self/schedstat", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &queueClock{fd: fd}
}

func (q *queueClock) waited() time.Duration {
	if q == nil {
		return 0
	}
	n, _, errno := syscall.RawSyscall6(syscall.SYS_PREAD64,
		uintptr(q.fd), uintptr(unsafe.Pointer(&q.text)), uintptr(len(q.text)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	_, rest, _ := bytes.Cut(q.text[:n], []byte(" "))
	field, _, _ := bytes.Cut(rest, []byte(" "))
	ns, _ := strconv.ParseInt(string(field), 10, 64)
	return time.Duration(ns)
}

func (q *queueClock) close() {
	if q != nil {
		_ = syscall.Close(q.fd)
	}
}
