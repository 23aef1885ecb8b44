//go:build !linux

package main

import "time"

const hasThreadClock = false

func threadID() int               { return 0 }
func threadCPU() time.Duration    { return 0 }
func threadQueued() time.Duration { return 0 }
func processCPU() time.Duration   { return 0 }
