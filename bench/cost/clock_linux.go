package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// clockName describes clock.
const clockName = "CPU time of the process"

// clock returns the CPU time of the process, with all goroutines and the garbage collector. The
// measured calls never wait, so it is their duration without the time that other processes took.
func clock() time.Duration {
	var at unix.Timespec
	check(unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &at))
	return time.Duration(at.Nano())
}
