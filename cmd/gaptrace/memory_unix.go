//go:build unix && !linux

package main

import (
	"runtime"
	"syscall"
)

// peakMemory is the most bytes that the process has had resident.
func peakMemory() (int64, bool) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0, false
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss), true // there in bytes
	}
	return int64(usage.Maxrss) << 10, true
}
