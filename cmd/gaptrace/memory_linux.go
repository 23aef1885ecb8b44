package main

import (
	"os"
	"regexp"
	"strconv"
)

var vmHWM = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory is the most bytes that the process has had resident.
func peakMemory() (int64, bool) {
	status, err := os.ReadFile("/proc/self/status")
	found := vmHWM.FindSubmatch(status)
	if err != nil || found == nil {
		return 0, false
	}
	kB, err := strconv.ParseInt(string(found[1]), 10, 64)
	return kB << 10, err == nil
}
