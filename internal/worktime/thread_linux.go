package worktime

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// threadTime returns the CPU time that this thread has used. The call is a raw one: Go's scheduler is not to take it for an
// opportunity.
func threadTime() (time.Duration, bool) {
	const clockThreadCPUTime = 3
	var t syscall.Timespec
	_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano()), errno == 0
}

// queue tells how long a thread was ready to run while others had the CPUs: the second number of its schedstat.
type queue struct {
	file *os.File
	text [64]byte
}

// openQueue is for the thread that calls it.
func openQueue() *queue {
	f, err := os.Open("/proc/thread-self/schedstat")
	if err != nil {
		return nil // not every kernel keeps it
	}
	return &queue{file: f}
}

func (q *queue) waited() time.Duration {
	if q == nil {
		return 0
	}
	n, err := syscall.Pread(int(q.file.Fd()), q.text[:], 0)
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(q.text[:n], []byte(" "))
	field, _, _ := bytes.Cut(rest, []byte(" "))
	ns, _ := strconv.ParseInt(string(field), 10, 64)
	return time.Duration(ns)
}

func (q *queue) close() {
	if q != nil {
		q.file.Close()
	}
}
