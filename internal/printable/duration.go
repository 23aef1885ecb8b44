package printable

import (
	"strconv"
	"time"
)

// Duration formats d, which must not be negative, with three significant digits: "1.25 ms".
func Duration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	unit, name := time.Nanosecond, " ns"
	switch {
	case d >= 9995*time.Second/10: // 999.5 s would round to 1000 s
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
