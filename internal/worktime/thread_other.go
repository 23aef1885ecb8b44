//go:build !linux

package worktime

import "time"

// threadTime is implemented only on Linux.
func threadTime() (time.Duration, bool) { return 0, false }

type queueClock struct{}

func openQueueClock() *queueClock         { return nil }
func (*queueClock) waited() time.Duration { return 0 }
func (*queueClock) close()                {}
