package report

import (
	"time"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// duration formats a duration with three digits and a unit.
func duration(d time.Duration) string { return printable.Duration(d) }

// signed formats a duration with its sign.
func signed(d time.Duration) string {
	if d < 0 {
		return "−" + duration(-d)
	}
	return "+" + duration(d)
}

// unitOf returns the unit for the times in a waterfall of this length.
func unitOf(length time.Duration) (unit time.Duration, name string) {
	switch {
	case length >= 10*time.Second:
		return time.Second, "s"
	case length >= time.Millisecond:
		return time.Millisecond, "ms"
	}
	return time.Microsecond, "µs"
}

// roundStep returns the smallest step between the labels of an axis that is round (1, 2 or 5 times
// a power of ten, in nanoseconds) and that enough accepts.
func roundStep(enough func(time.Duration) bool) time.Duration {
	step := time.Nanosecond
	for i := 0; !enough(step); i++ {
		step = step * [...]time.Duration{4, 5, 4}[i%3] / 2 // 1, 2, 5, 10
	}
	return step
}
