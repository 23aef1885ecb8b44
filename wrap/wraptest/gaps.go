package wraptest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opentracing/opentracing-go/ext"
)

// gapProblems returns a problem if spans do not cover exactly the time of the use in which the
// program did no work. In a bubble, time passes only while all goroutines are blocked, so the rest
// is what the client made the program wait.
func (s *Session) gapProblems(spans []*Span) []string {
	if len(spans) == 0 {
		return nil // the use did not call the client
	}
	var covered []interval
	for _, span := range spans {
		switch fmt.Sprint(span.Tags[string(ext.SpanKind)]) {
		case string(ext.SpanKindRPCServerEnum), string(ext.SpanKindConsumerEnum): // the time of a handler
		default:
			covered = append(covered, interval{span.Start, span.End})
		}
	}
	waits := subtract(interval{s.begin, s.end}, union(s.work))
	covered = union(covered)
	if slices.EqualFunc(waits, covered, func(a, b interval) bool { return a.start.Equal(b.start) && a.end.Equal(b.end) }) {
		return nil
	}
	return []string{fmt.Sprintf("law of the gap: the program waited %s, its spans cover %s",
		s.format(waits), s.format(covered))}
}

// union returns the intervals in order, and joins those that touch. It leaves out empty ones.
func union(all []interval) (joined []interval) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b interval) int { return a.start.Compare(b.start) })
	for _, i := range all {
		last := len(joined) - 1
		switch {
		case !i.end.After(i.start):
		case last >= 0 && !i.start.After(joined[last].end):
			if i.end.After(joined[last].end) {
				joined[last].end = i.end
			}
		default:
			joined = append(joined, i)
		}
	}
	return joined
}

// subtract returns what is left of whole without parts, which are in order.
func subtract(whole interval, parts []interval) (left []interval) {
	for _, part := range parts {
		left = append(left, interval{whole.start, part.start})
		whole.start = part.end
	}
	return union(append(left, whole))
}

func (s *Session) format(all []interval) string {
	if len(all) == 0 {
		return "never"
	}
	var texts []string
	for _, i := range all {
		texts = append(texts, fmt.Sprintf("%v–%v", i.start.Sub(s.begin), i.end.Sub(s.begin)))
	}
	return strings.Join(texts, ", ")
}
