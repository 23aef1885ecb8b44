package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/query"
	"github.com/gaptrace/gaptrace/gap"
)

// choice is a flag with a fixed set of values.
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

// tagKey is a flag with the key of a tag.
type tagKey string

func (k *tagKey) String() string { return string(*k) }
func (k *tagKey) Type() string   { return "key" }

func (k *tagKey) Set(s string) error {
	if s == "" || strings.ContainsAny(s, ",=") {
		return errors.New("want the key of a tag, such as http.route")
	}
	*k = tagKey(s)
	return nil
}

// tagKeys is a flag with the keys of tags, separated by commas. It may be repeated.
type tagKeys []string

func (k *tagKeys) String() string { return strings.Join(*k, ",") }
func (k *tagKeys) Type() string   { return "keys" }

func (k *tagKeys) Set(s string) error {
	for key := range strings.SplitSeq(s, ",") {
		if key = strings.TrimSpace(key); key == "" || strings.Contains(key, "=") {
			return errors.New("want keys of tags, separated by commas, such as db.statement,http.url")
		}
		if !slices.Contains(*k, key) {
			*k = append(*k, key)
		}
	}
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

// parseTraceID parses a trace ID and refuses the invalid ID zero.
func parseTraceID(s string) (gap.TraceID, error) {
	id, err := gap.ParseTraceID(s)
	if err != nil || id == (gap.TraceID{}) {
		return gap.TraceID{}, errors.New("want a trace ID: up to 32 hexadecimal digits, not all zero")
	}
	return id, nil
}

// lookback is a duration that may also be given in days and weeks, as in Jaeger's UI.
type lookback time.Duration

func (l *lookback) String() string { return "" }
func (l *lookback) Type() string   { return "duration" }

func (l *lookback) Set(s string) error {
	d, err := query.ParseLookback(s)
	*l = lookback(d)
	return err
}

// size is a limit in bytes for package jaegerjson, which has a default for 0. In a flag, 0 means no
// limit.
type size int64

func (s *size) String() string { return "" }
func (s *size) Type() string   { return "size" }

func (s *size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return errors.New("want a number of bytes such as 512MiB, 2GB or 1000000")
	}
	*s = size(explicitZero(int64(n)))
	return nil
}

// skew limits how far clocks are corrected. Zero turns the correction off.
type skew time.Duration

func (s *skew) Type() string { return "duration" }

func (s *skew) String() string {
	if *s == 0 {
		return "off"
	}
	return time.Duration(*s).String()
}

func (s *skew) Set(text string) error {
	if text == "off" {
		*s = 0
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return errors.New("want off, or a duration such as 5ms")
	}
	*s = skew(d)
	return nil
}
