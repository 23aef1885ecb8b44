//go:build !cgo || !linux

package main

import "time"

func skipCgo() string { return "built without cgo" }

func burnInC(time.Duration) {}
