package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// clockName says what clock reads.
const clockName = "CPU time of the process"

// clock is the time that the process has had on CPUs, with all its goroutines and its collector. None of the measured calls
// waits for anything, so it is what they take, less what the machine was doing for others meanwhile.
func clock() time.Duration {
	var at unix.Timespec
	check(unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &at))
	return time.Duration(at.Nano())
}
