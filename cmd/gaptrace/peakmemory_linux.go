package main

import (
	"os"
	"regexp"
	"strconv"
)

var vmHWM = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory returns the peak resident memory of the process in bytes.
//
// It reads /proc because getrusage counts the parent process as well: a process of 3 MB that a
// process of 300 MB starts has a maxrss of 303 MB.
func peakMemory() (int64, bool) {
	status, err := os.ReadFile("/proc/self/status")
	found := vmHWM.FindSubmatch(status)
	if err != nil || found == nil {
		return 0, false
	}
	kB, err := strconv.ParseInt(string(found[1]), 10, 64)
	return kB << 10, err == nil
}
