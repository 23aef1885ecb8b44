package gap_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// A handler decodes a request, asks a database, and renders what it got. Reading the rows kept it waiting a
// second time.
func Example() {
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	parent := gap.Reference{Type: gap.ChildOf, SpanID: 1}
	client := gap.Field{Key: "span.kind", Value: "client"}
	trace, warnings := gap.Build([]gap.Span{
		{SpanID: 1, Operation: "HTTP GET", Start: at(0), Duration: 80 * time.Millisecond, Tags: []gap.Field{{Key: "span.kind", Value: "server"}}},
		{
			SpanID: 2, Operation: "sql query", Start: at(5), Duration: 20 * time.Millisecond, References: []gap.Reference{parent},
			Tags: []gap.Field{client, {Key: "wait.joined_us", Value: int64(800)}},
		},
		{
			SpanID: 3, Operation: "sql query wait", Start: at(28), Duration: 10 * time.Millisecond, Tags: []gap.Field{client},
			References: []gap.Reference{parent, {Type: gap.FollowsFrom, SpanID: 2}},
		},
	})
	for _, w := range warnings {
		fmt.Println(w)
	}
	for n := range trace.Nodes() {
		indent := strings.Repeat("  ", n.Depth())
		fmt.Printf("%s%s %v, own time: gaps %v\n", indent, n.Span().Operation, n.Duration(), n.OwnTime())
		for g := range n.Gaps(time.Millisecond / 2) {
			what := "uncovered"
			if g.Joined() {
				what = "joined in " + g.Call.Span().Operation
			}
			fmt.Printf("%s  · %v %v %s, from %v on\n", indent, g.Class, g.Time, what, g.Start.Sub(trace.Start()))
		}
	}
	// Output:
	// HTTP GET 80ms, own time: gaps 50.8ms
	//   · own 5ms uncovered, from 0s on
	//   · own 800µs joined in sql query, from 5ms on
	//   · own 3ms uncovered, from 25ms on
	//   · own 42ms uncovered, from 38ms on
	//   sql query 20ms, own time: gaps 0s
	//     · remote 20ms uncovered, from 5ms on
	//   sql query wait 10ms, own time: gaps 0s
	//     · remote 10ms uncovered, from 28ms on
}
