//go:build !linux

package main

import "time"

const clockName = "time"

var start = time.Now()

func clock() time.Duration { return time.Since(start) }
