//go:build unix && !linux

package main

import (
	"runtime"
	"syscall"
)

// peakMemory returns the peak resident memory of the process in bytes.
func peakMemory() (int64, bool) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0, false
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss), true // in bytes there, elsewhere in KiB
	}
	return int64(usage.Maxrss) << 10, true
}
