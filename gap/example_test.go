package gap_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// A handler queries a database and renders the rows. Reading them made it wait a second time.
func Example() {
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	parent := gap.Reference{Type: gap.ChildOf, SpanID: 1}
	client := gap.Field{Key: "span.kind", Value: "client"}
	trace, warnings := gap.Build([]gap.Span{
		{
			SpanID: 1, Operation: "HTTP GET", Start: at(0), Duration: 80 * time.Millisecond,
			Tags: []gap.Field{{Key: "span.kind", Value: "server"}},
		},
		{
			SpanID: 2, Operation: "sql query", Start: at(5), Duration: 20 * time.Millisecond,
			References: []gap.Reference{parent},
			Tags:       []gap.Field{client, {Key: "wait.joined_us", Value: int64(800)}},
		},
		{
			SpanID: 3, Operation: "sql query wait", Start: at(28), Duration: 10 * time.Millisecond,
			Tags:       []gap.Field{client},
			References: []gap.Reference{parent, {Type: gap.FollowsFrom, SpanID: 2}},
		},
	})
	for _, w := range warnings {
		fmt.Println(w)
	}
	for n := range trace.Nodes() {
		indent := strings.Repeat("  ", n.Depth())
		fmt.Printf("%s%s %v, self time %v\n", indent, n.Span().Operation, n.Duration(), n.SelfTime())
		for g := range n.Gaps(time.Millisecond / 2) {
			what := "uncovered"
			if g.Joined() {
				what = "joined in " + g.Call.Span().Operation
			}
			fmt.Printf("%s  · %v %v %s, from %v on\n", indent, g.Class, g.Time, what, g.Start.Sub(trace.Start()))
		}
	}
	// Output:
	// HTTP GET 80ms, self time 50.8ms
	//   · self 5ms uncovered, from 0s on
	//   · self 800µs joined in sql query, from 5ms on
	//   · self 3ms uncovered, from 25ms on
	//   · self 42ms uncovered, from 38ms on
	//   sql query 20ms, self time 0s
	//     · remote 20ms uncovered, from 5ms on
	//   sql query wait 10ms, self time 0s
	//     · remote 10ms uncovered, from 28ms on
}

// Of two calls at once, the longer one is on the path.
func ExampleTrace_CriticalPath() {
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	span := func(id gap.SpanID, operation string, from, to int, parent gap.SpanID) gap.Span {
		return gap.Span{
			SpanID: id, Operation: operation, References: []gap.Reference{{SpanID: parent}},
			Start:    start.Add(time.Duration(from) * time.Millisecond),
			Duration: time.Duration(to-from) * time.Millisecond,
		}
	}
	trace, _ := gap.Build([]gap.Span{
		span(1, "handler", 0, 100, 0),
		span(2, "suppliers", 10, 80, 1),
		span(3, "price", 10, 40, 1),
	})
	for p := range trace.CriticalPath() {
		fmt.Println(p.Node.Span().Operation, p.Duration(), "from", p.Start.Sub(start))
	}
	// Output:
	// handler 10ms from 0s
	// suppliers 70ms from 10ms
	// handler 20ms from 80ms
}

// The operations of 100 traces, those with the most self time on the critical path first.
func ExampleSummary() {
	var all gap.Summary
	for i := range 100 {
		start := time.Date(2026, 8, 1, 12, i, 0, 0, time.UTC)
		shop := &gap.Process{Service: "shop"}
		trace, _ := gap.Build([]gap.Span{
			{
				SpanID: 1, Operation: "GET /books", Process: shop,
				Start: start, Duration: time.Duration(100+i) * time.Millisecond,
			},
			{
				SpanID: 2, Operation: "render", Process: shop, References: []gap.Reference{{SpanID: 1}},
				Start: start, Duration: 60 * time.Millisecond,
			},
		})
		all.Add(trace)
	}
	for o := range all.Operations() {
		fmt.Printf("%s %s: %d spans, self time %v, %.0f %% of all, at most %v\n", o.Service, o.Name, o.Count,
			o.SelfTime, 100*o.Share, o.SelfTimes.Quantile(1))
	}
	// Output:
	// shop GET /books: 100 spans, self time 8.95s, 60 % of all, at most 139ms
	// shop render: 100 spans, self time 6s, 40 % of all, at most 60ms
}
