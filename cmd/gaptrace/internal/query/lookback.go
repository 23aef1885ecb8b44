package query

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseLookback parses a duration that may also be given in days and weeks, as in Jaeger's UI.
func ParseLookback(s string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			if n, err := strconv.ParseFloat(digits, 64); err == nil && n > 0 && n*float64(unit) < math.MaxInt64 {
				return time.Duration(n * float64(unit)), nil
			}
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("want a duration such as 30m, 2h or 2d")
	}
	return d, nil
}
