package budget

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Metric is what a limit is about.
type Metric int

const (
	Self     Metric = iota // self time of a span
	Critical               // the part of it on the critical path
	Duration               // duration of a span
	Share                  // the operation's part of the self time of all operations
)

var metricNames = [...]string{"self", "critical", "duration", "share"}

// String returns the name of the metric in a file.
func (m Metric) String() string { return metricNames[m] }

// The statistics that are not a quantile.
const (
	minimum = 0.0
	maximum = 1.0
	mean    = -1.0
)

// Limit is a bound for one metric of an operation, such as "self p95 < 30ms".
type Limit struct {
	Metric  Metric
	stat    float64 // a quantile from 0 to 1, or mean; unused for Share
	orEqual bool
	bound   float64 // nanoseconds, or a part from 0 to 1
	text    string  // as it is in the file, without extra spaces
	Line    int     // in the file, from 1
}

// String returns the limit as it is in the file.
func (l Limit) String() string { return l.text }

// What returns what is limited: "self p95".
func (l Limit) What() string {
	what, _, _ := strings.Cut(l.text, " <")
	return what
}

// Bound formats the bound: "30 ms", "20 %".
func (l Limit) Bound() string { return l.Metric.format(l.bound) }

// allows reports whether a value is within the limit.
func (l Limit) allows(value float64) bool { return value < l.bound || l.orEqual && value == l.bound }

const wantLimit = "want a limit such as self p95 < 30ms, critical mean < 5ms or share < 20%"

// parseLimit parses a limit: a metric, a statistic unless it is share, < or <=, and a bound.
func parseLimit(text string) (Limit, error) {
	left, right, ok := strings.Cut(text, "<")
	if !ok {
		return Limit{}, errors.New(wantLimit)
	}
	var l Limit
	sign := "<"
	if right, l.orEqual = strings.CutPrefix(right, "="); l.orEqual {
		sign = "<="
	}
	words := strings.Fields(left)
	if len(words) == 0 {
		return Limit{}, errors.New(wantLimit)
	}
	if l.Metric, ok = parseMetric(words[0]); !ok {
		return Limit{}, fmt.Errorf("unknown metric %q: metrics are %s", words[0], strings.Join(metricNames[:], ", "))
	}
	bound := strings.Join(strings.Fields(right), "")
	var err error
	if l.Metric == Share {
		if len(words) > 1 {
			return Limit{}, fmt.Errorf("unexpected %q: share has no statistic, as in share < 20%%", words[1])
		}
		l.bound, err = parsePercent(bound)
	} else {
		if len(words) != 2 {
			return Limit{}, fmt.Errorf("%s needs one statistic: p50, p95 or another percentile, mean, min or max", words[0])
		}
		if l.stat, ok = parseStat(words[1]); !ok {
			return Limit{}, fmt.Errorf("unknown statistic %q: want p50, p95 or another percentile, mean, min or max", words[1])
		}
		l.bound, err = parseTime(bound)
	}
	l.text = strings.Join(words, " ") + " " + sign + " " + bound
	return l, err
}

func parseMetric(word string) (Metric, bool) {
	for m, name := range metricNames {
		if word == name {
			return Metric(m), true
		}
	}
	return 0, false
}

func parseStat(word string) (float64, bool) {
	switch word {
	case "mean":
		return mean, true
	case "min":
		return minimum, true
	case "max":
		return maximum, true
	}
	digits, ok := strings.CutPrefix(word, "p")
	percent, err := strconv.ParseFloat(digits, 64)
	plain := strings.Trim(digits, "0123456789.") == "" // not Inf, 1e1 or 0x5p0
	return percent / 100, ok && err == nil && plain && percent > 0 && percent < 100
}

func parseTime(text string) (float64, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("want a duration such as 30ms after <, not %q", text)
	}
	return float64(d), nil
}

func parsePercent(text string) (float64, error) {
	digits, ok := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(percent >= 0 && percent <= 100) {
		return 0, fmt.Errorf("want a percentage such as 20%% after <, not %q", text)
	}
	return percent / 100, nil
}

// roundUp rounds x up to two digits.
func roundUp(x float64) float64 {
	if x <= 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Ceil(x/unit-1e-9) * unit
}
