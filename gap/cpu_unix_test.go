//go:build unix

package gap_test

import (
	"syscall"
	"time"
)

// cpuTime is what the process has had of its CPUs, which on a machine that others share says more than the clock.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
