package report

import (
	"math"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// duration is d for people.
func duration(d time.Duration) string { return printable.Duration(d) }

// unitOf is the unit in which the times of a picture are told that is so long.
func unitOf(length time.Duration) (unit time.Duration, name string) {
	switch {
	case length >= 10*time.Second:
		return time.Second, "s"
	case length >= time.Millisecond:
		return time.Millisecond, "ms"
	}
	return time.Microsecond, "µs"
}

// roundStep is the least round distance for the labels of an axis that leaves enough room.
func roundStep(enough func(time.Duration) bool) time.Duration {
	step := time.Nanosecond
	for i := 0; !enough(step); i++ {
		step = step * [...]time.Duration{4, 5, 4}[i%3] / 2 // 1, 2, 5, 10
	}
	return step
}

// span is how long a trace took, from the start of its first span to the end of its last.
func span(t *gap.Trace) time.Duration { return t.End().Sub(t.Start()) }

func selfTime(t *gap.Trace) (self time.Duration) {
	for n := range t.Nodes() {
		self = plus(self, n.SelfTime())
	}
	return self
}

// plus adds what is not negative, and stops at the highest duration, as sums of package gap do.
func plus(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
