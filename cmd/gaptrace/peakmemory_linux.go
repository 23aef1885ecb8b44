package main

import (
	"os"
	"regexp"
	"strconv"
)

var vmHWM = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory returns the peak resident memory of the process in bytes.
//
// It does not use getrusage, whose maxrss starts at the peak of the process that started this one:
// a process of 13 MB that was started by one of 300 MB has a maxrss of 300 MB.
func peakMemory() (int64, bool) {
	status, err := os.ReadFile("/proc/self/status")
	found := vmHWM.FindSubmatch(status)
	if err != nil || found == nil {
		return 0, false
	}
	kB, err := strconv.ParseInt(string(found[1]), 10, 64)
	return kB << 10, err == nil
}
