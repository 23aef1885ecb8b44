package main

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// limit keeps the process small as long as what is alive is: the collector runs more often where garbage would make it larger. Garbage is
// half of all there is when a large trace has been read, and when it is written.
type limit struct {
	bytes int64 // 0 for none
	asked int64 // of the input, when ease last looked
	live  []metrics.Sample
}

const (
	smallest = 400 << 20
	often    = 16 << 20 // of the input: to look takes a microsecond
)

// newLimit sets none if the environment says how the collector is to run.
func newLimit() *limit {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return &limit{}
	}
	debug.SetMemoryLimit(smallest)
	return &limit{bytes: smallest, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
}

// read is told how many bytes of the input have been.
func (l *limit) read(bytes int64) {
	if bytes >= l.asked+often || bytes < l.asked {
		l.asked = bytes
		l.ease()
	}
}

// ease sets the limit higher if what is alive comes close to it: the collector would do nothing but run.
func (l *limit) ease() {
	if l.bytes == 0 {
		return
	}
	metrics.Read(l.live)
	if l.live[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	live := int64(min(l.live[0].Value.Uint64(), math.MaxInt64/4))
	if live > l.bytes/10*9 {
		l.bytes = 2 * live
		debug.SetMemoryLimit(l.bytes)
	}
}
