package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// choice is a flag that knows few values.
type choice struct {
	value string
	of    []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return "string" }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		return fmt.Errorf("want one of %s", strings.Join(c.of, ", "))
	}
	c.value = s
	return nil
}

// traceIDs is a flag that may be repeated.
type traceIDs []gap.TraceID

func (t *traceIDs) String() string { return "" }
func (t *traceIDs) Type() string   { return "id" }

func (t *traceIDs) Set(s string) error {
	id, err := parseTraceID(s)
	if err == nil {
		*t = append(*t, id)
	}
	return err
}

// parseTraceID reads the id of a trace that there may be.
func parseTraceID(s string) (gap.TraceID, error) {
	id, err := gap.ParseTraceID(s)
	if err != nil || id == (gap.TraceID{}) {
		return gap.TraceID{}, errors.New("want the id of a trace: up to 32 hexadecimal digits, not all zero")
	}
	return id, nil
}

// lookback is a duration that may also be told in days and weeks, as Jaeger's UI does.
type lookback time.Duration

func (l *lookback) String() string { return "" }
func (l *lookback) Type() string   { return "duration" }

func (l *lookback) Set(s string) error {
	d, err := parseLookback(s)
	*l = lookback(d)
	return err
}

func parseLookback(s string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			if number, err := strconv.ParseFloat(n, 64); err == nil && number > 0 && number*float64(unit) < math.MaxInt64 {
				return time.Duration(number * float64(unit)), nil
			}
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New("want a time such as 30m, 2h or 2d")
	}
	return d, nil
}

// size is a number of bytes. 0 is no bound, unless it was not given.
type size struct {
	bytes int64
	given bool
}

var units = []struct {
	suffix string
	factor float64
}{
	{"kib", 1 << 10},
	{"mib", 1 << 20},
	{"gib", 1 << 30},
	{"tib", 1 << 40},
	{"kb", 1e3},
	{"mb", 1e6},
	{"gb", 1e9},
	{"tb", 1e12},
	{"k", 1 << 10},
	{"m", 1 << 20},
	{"g", 1 << 30},
	{"t", 1 << 40},
	{"b", 1},
	{"", 1},
}

func (s *size) String() string { return "" }
func (s *size) Type() string   { return "size" }

func (s *size) Set(text string) error {
	for _, unit := range units {
		digits, ok := strings.CutSuffix(strings.ToLower(text), unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if err != nil || !(n >= 0) || n*unit.factor >= math.MaxInt64 {
			break
		}
		*s = size{int64(n * unit.factor), true}
		return nil
	}
	return errors.New("want a number of bytes such as 512MiB, 2GB or 1000000")
}

// skew is by how much clocks are corrected. The zero value is what Jaeger does: by any amount.
type skew struct {
	most    time.Duration
	bounded bool
}

func (s *skew) any() bool    { return !s.bounded }
func (s *skew) Type() string { return "duration" }

func (s *skew) String() string {
	switch {
	case !s.bounded:
		return "jaeger"
	case s.most == 0:
		return "off"
	}
	return s.most.String()
}

func (s *skew) Set(text string) error {
	switch text {
	case "jaeger":
		*s = skew{}
		return nil
	case "off":
		*s = skew{bounded: true}
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("want off, jaeger, or a duration such as 5ms")
	}
	*s = skew{d, true}
	return nil
}
