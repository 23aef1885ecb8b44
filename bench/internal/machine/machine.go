// Package machine names the machine on which a benchmark runs.
package machine

import (
	"os"
	"runtime"
	"strings"
)

// Processor returns the name of the processor, or its architecture if the system has no name for
// it.
func Processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // only Linux has it
	for line := range strings.Lines(string(info)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
