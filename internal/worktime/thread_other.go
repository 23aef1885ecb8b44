//go:build !linux

package worktime

import "time"

// threadTime is implemented only on Linux.
func threadTime() (time.Duration, bool) { return 0, false }

type queue struct{}

func openQueue() *queue              { return nil }
func (*queue) waited() time.Duration { return 0 }
func (*queue) close()                {}
