//go:build !unix

package main

// peakMemory is unknown on this system.
func peakMemory() (int64, bool) { return 0, false }
