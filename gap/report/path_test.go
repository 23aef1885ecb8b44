package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// randomTrace returns a trace of calls, some with later waits, in random places.
func randomTrace(random *rand.Rand) *gap.Trace {
	var spans []gap.Span
	for id := gap.SpanID(1); id <= gap.SpanID(1+random.IntN(40)); id++ {
		s := gap.Span{
			TraceID: gap.TraceID{Low: 1}, SpanID: id, Operation: fmt.Sprint("operation ", id),
			Start: time.Unix(1_800_000_000, random.Int64N(100)), Duration: time.Duration(random.Int64N(60)),
		}
		if parent := gap.SpanID(random.IntN(int(id))); parent != 0 {
			s.References = []gap.Reference{{TraceID: s.TraceID, SpanID: parent}}
		}
		spans = append(spans, s)
		if random.IntN(3) == 0 {
			wait := s
			wait.SpanID, wait.Operation = id+1000, s.Operation+" wait"
			wait.Start = s.Start.Add(s.Duration + time.Duration(random.Int64N(20)))
			wait.References = append(wait.References[:len(wait.References):len(wait.References)],
				gap.Reference{Type: gap.FollowsFrom, TraceID: s.TraceID, SpanID: id})
			spans = append(spans, wait)
		}
	}
	t, _ := gap.Build(spans)
	return t
}

// moments returns the nanoseconds of all parts of a row.
func moments(p *path, row int) map[time.Duration]bool {
	all := map[time.Duration]bool{}
	for part := range p.of(row) {
		for at := part.start; at < part.end; at++ {
			all[at] = true
		}
	}
	return all
}

func TestPathByRow(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var in, below path // each serves all traces, as in a report
	for range 500 {
		trace := randomTrace(random)
		rows := rows(trace, random.IntN(30), time.Duration(random.IntN(2)*random.IntN(40)))
		in.in(trace, rows)
		below.below(trace, rows)

		rowOf := map[gap.Node]int{}
		wantIn, wantBelow := make([]map[time.Duration]bool, len(rows)), make([]map[time.Duration]bool, len(rows))
		for i, r := range rows {
			wantIn[i], wantBelow[i] = map[time.Duration]bool{}, map[time.Duration]bool{}
			for _, n := range r.nodes {
				rowOf[n] = i
			}
		}
		for s := range trace.CriticalPath() {
			for at := s.Start.Sub(trace.Start()); at < s.End.Sub(trace.Start()); at++ {
				if i, ok := rowOf[s.Node]; ok {
					wantIn[i][at] = true
				}
				for n, ok := s.Node, true; ok; n, ok = n.Parent() {
					if i, shown := rowOf[n]; shown {
						wantBelow[i][at] = true
					}
				}
			}
		}
		for i := range rows {
			if got, want := moments(&in, i), wantIn[i]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("row %d of %d: the path is in it at %v, want %v", i, len(rows), got, want)
			}
			if got, want := moments(&below, i), wantBelow[i]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("row %d of %d: the path is below it at %v, want %v", i, len(rows), got, want)
			}
		}
	}
}

func TestStringsInJSON(t *testing.T) {
	for _, text := range []string{
		"", "HTTP GET /books/{id}", `"\/`, "a\nb\x00\x1f\x7f", "<&>", "bücher", "\u2028\u2029", "a\xffb", "\u202e",
	} {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(text); err != nil {
			t.Fatal(err)
		}
		if got := string(appendString(nil, text)) + "\n"; got != want.String() {
			t.Errorf("%q: %s, want %s", text, got, want.String())
		}
	}
	for _, id := range []gap.SpanID{0, 1, 0xfedcba9876543210} {
		if got := string(appendID(nil, id)); got != id.String() {
			t.Errorf("%s, want %s", got, id)
		}
	}
}
