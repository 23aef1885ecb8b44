package worktime

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime returns the CPU time that this thread has used.
func threadTime() (time.Duration, bool) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return time.Duration(t.Nano()), err == nil
}
