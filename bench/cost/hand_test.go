package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// describe returns a sorted line for each span, except waits: its operation and the keys of its
// tags.
func describe(spans []*jaeger.Span) []string {
	var lines []string
	for _, span := range spans {
		if !isWait(span) {
			keys := slices.Sorted(maps.Keys(span.Tags()))
			lines = append(lines, span.OperationName()+": "+strings.Join(keys, ", "))
		}
	}
	slices.Sort(lines)
	return lines
}

// A case has Waits exactly if its code uses the stopwatch, for each row or message.
func TestWaitsAreTimedByHand(t *testing.T) {
	for _, c := range cases() {
		var watch *stopwatch
		timed := func(ctx context.Context, span opentracing.Span) context.Context {
			ctx = withStopwatch(ctx, span)
			watch = stopwatchIn(ctx)
			return ctx
		}
		spans := toMake(recorded(c, c.wrappedBy(named(ourName))))
		recorded(c, func(onClose cleanup) func(context.Context) { return byHand(c, named(rawName), spans, timed, onClose) })
		least := 0
		switch {
		case strings.Contains(c.Name, "1,000"):
			least = 1000
		case c.Waits:
			least = 1
		}
		if watch == nil || (watch.waits > 0) != c.Waits || watch.waits < least {
			t.Errorf("%s: stopwatch %+v", c.title(), watch)
		}
	}
}

func TestByHandMakesTheSameSpans(t *testing.T) {
	for _, c := range cases() {
		ours := recorded(c, c.wrappedBy(named(ourName)))
		byHand := recorded(c, func(onClose cleanup) func(context.Context) {
			return byHand(c, named(rawName), toMake(ours), untimed, onClose)
		})
		got, want := describe(byHand), describe(ours)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: by hand\n%s\nby gaptrace\n%s", c.title(), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for _, line := range want {
			if !strings.Contains(line, "component") || !strings.Contains(line, "span.kind") {
				t.Errorf("%s: %s: no component or span.kind", c.title(), line)
			}
		}
	}
}
