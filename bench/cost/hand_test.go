package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/uber/jaeger-client-go"
)

// pictures are the operations and the tags' keys of spans, but for those of waits: a line each, in the order of the alphabet.
func pictures(spans []*jaeger.Span) []string {
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

func TestAHandDrawsWhatGaptraceDraws(t *testing.T) {
	for _, c := range cases() {
		ours := recorded(c, c.of(named(ourName)))
		byHand := recorded(c, func(at cleanup) func(context.Context) { return byHand(c, named(rawName), toMake(ours), at) })
		got, want := pictures(byHand), pictures(ours)
		if len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: by hand\n%s\nby gaptrace\n%s", c.title(), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		for _, line := range want {
			if !strings.Contains(line, "component") || !strings.Contains(line, "span.kind") {
				t.Errorf("%s: %s: nothing to hold a hand against", c.title(), line)
			}
		}
	}
}
