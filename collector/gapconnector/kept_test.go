package gapconnector

import (
	"reflect"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// A span that has waited is the same as before.
func TestSpansAreKept(t *testing.T) {
	process := &gap.Process{Service: "bookshop"}
	parent := []gap.Reference{{SpanID: 1}}
	cases := map[string]gap.Span{
		"zero": {},
		"all that most spans have": {
			TraceID: gap.TraceID{High: 1, Low: 2}, SpanID: 3, References: parent, Operation: "GET", Start: start.UTC(),
			Duration: time.Second, Process: process, Tags: []gap.Field{{Key: "error", Value: true}},
		},
		"no end":                    {SpanID: 3, Start: start.UTC(), Duration: -time.Second},
		"a parent that it follows":  {References: []gap.Reference{{Type: gap.FollowsFrom, SpanID: 1}}},
		"a parent in another trace": {References: []gap.Reference{{TraceID: gap.TraceID{Low: 1}, SpanID: 1}}},
		"a link":                    {References: append(parent, gap.Reference{Type: gap.FollowsFrom, SpanID: 2})},
		"warnings":                  {References: parent, Warnings: []string{"moved"}},
	}
	for range 2 { // the second time, memory is reused
		j := joins.Get().(*joined)
		var want []gap.Span
		for name, s := range cases {
			var k kept
			k.set(&s)
			j.add(&k)
			if got := j.spans[len(j.spans)-1]; !reflect.DeepEqual(got, s) {
				t.Errorf("%s: got %+v, want %+v", name, got, s)
			}
			want = append(want, s)
		}
		if !reflect.DeepEqual(j.spans, want) {
			t.Errorf("together: got %+v, want %+v", j.spans, want)
		}
		j.release()
	}
}
