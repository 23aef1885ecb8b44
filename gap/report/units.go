package report

import (
	"strconv"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// duration is d for people, with three digits that count.
func duration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	unit, name := time.Nanosecond, " ns"
	switch {
	case d >= 9995*time.Second/10: // 999.5 s, which would be 1000
		unit, name = time.Minute, " min"
	case d >= 9995*time.Millisecond/10:
		unit, name = time.Second, " s"
	case d >= 9995*time.Microsecond/10:
		unit, name = time.Millisecond, " ms"
	case d >= 9995*time.Nanosecond/10:
		unit, name = time.Microsecond, " µs"
	}
	amount := float64(d) / float64(unit)
	digits := 2
	switch {
	case amount >= 99.95 || unit == time.Nanosecond:
		digits = 0
	case amount >= 9.995:
		digits = 1
	}
	return strconv.FormatFloat(amount, 'f', digits, 64) + name
}

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

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// span is how long a trace took, from the start of its first span to the end of its last.
func span(t *gap.Trace) time.Duration { return t.End().Sub(t.Start()) }

func ownTime(t *gap.Trace) (own time.Duration) {
	for n := range t.Nodes() {
		own += n.OwnTime()
	}
	return own
}
