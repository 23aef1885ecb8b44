package main

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// memoryLimit makes the garbage collector run more often while the heap is large. Without it, half
// of the memory may be garbage after a large trace has been read. docs/PERFORMANCE.md has the peak
// memory of a million spans.
//
// The limit follows the live heap: if more memory were live than a fixed limit allows, the
// collector would run all the time.
type memoryLimit struct {
	bytes int64 // 0 if no limit was set
	live  []metrics.Sample
}

const initialLimit = 290 << 20

// newMemoryLimit sets the limit, unless GOMEMLIMIT or GOGC configures the collector.
func newMemoryLimit(bytes int64) *memoryLimit {
	if os.Getenv("GOMEMLIMIT") != "" || os.Getenv("GOGC") != "" {
		return &memoryLimit{}
	}
	debug.SetMemoryLimit(bytes)
	return &memoryLimit{bytes: bytes, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}}
}

// raise sets the limit to 3/2 of the live heap if the live heap exceeds 2/3 of the limit, since
// [gap.Build] needs half as much as the spans. It takes about a microsecond.
func (l *memoryLimit) raise() { l.raiseTo(3, 2) }

// raiseToWrite is raise for writing, which needs less memory, but makes garbage all the time.
func (l *memoryLimit) raiseToWrite() { l.raiseTo(5, 4) }

// raiseTo sets the limit to n/d of the live heap, if that is more than the limit.
func (l *memoryLimit) raiseTo(n, d int64) {
	if l.bytes == 0 {
		return
	}
	metrics.Read(l.live)
	if l.live[0].Value.Kind() != metrics.KindUint64 {
		return
	}
	live := int64(min(l.live[0].Value.Uint64(), math.MaxInt64/8))
	if bytes := live * n / d; bytes > l.bytes {
		l.bytes = bytes
		debug.SetMemoryLimit(l.bytes)
	}
}
