package worktime

import (
	"bytes"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// threadTime returns the CPU time that this thread has used. A raw system call does not give Go's
// scheduler a chance to switch goroutines.
func threadTime() (time.Duration, bool) {
	const clockThreadCPUTime = 3
	var t syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano()), errno == 0
}

// queue reads how long a thread was ready to run while others had the CPUs: the second number of
// its schedstat. It holds a bare file descriptor, because an os.File would make work for Go's
// poller.
type queue struct {
	fd   int
	text [64]byte
}

// openQueue opens the queue of the calling thread. It returns nil if the kernel does not record it.
func openQueue() *queue {
	fd, err := syscall.Open("/proc/thread-self/schedstat", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	return &queue{fd: fd}
}

func (q *queue) waited() time.Duration {
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

func (q *queue) close() {
	if q != nil {
		_ = syscall.Close(q.fd)
	}
}
