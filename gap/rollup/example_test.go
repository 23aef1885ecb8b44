package rollup_test

import (
	"bytes"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/rollup"
)

// Two machines read spans, two others fold what they get, and a last one merges. An engine such as
// Spark sorts and distributes the rows.
func Example() {
	shop := &gap.Process{Service: "bookshop"}
	at := func(ms int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(ms)) }
	var requests, calls []gap.Span
	for id := uint64(1); id <= 4; id++ {
		trace := gap.TraceID{Low: id}
		requests = append(requests, gap.Span{
			TraceID: trace, SpanID: 1, Operation: "GET /books", Process: shop, Start: at(0), Duration: 30 * time.Millisecond,
		})
		calls = append(calls, gap.Span{
			TraceID: trace, SpanID: 2, Operation: "sql query", Process: shop, Start: at(10), Duration: 15 * time.Millisecond,
			References: []gap.Reference{{SpanID: 1}}, Tags: []gap.Field{{Key: "span.kind", Value: "client"}},
		})
	}

	var rows [][]byte
	for _, spans := range [][]gap.Span{requests, calls} {
		text, err := rollup.NewEncoder().AppendRows(nil, spans)
		if err != nil {
			log.Fatal(err)
		}
		rows = slices.AppendSeq(rows, bytes.Lines(text))
	}
	slices.SortFunc(rows, bytes.Compare)

	all := rollup.NewPartial(rollup.Options{})
	half := len(rows) / 2 // between two traces
	for _, part := range [][][]byte{rows[:half], rows[half:]} {
		p, err := rollup.Fold(bytes.NewReader(bytes.Join(part, nil)), rollup.Options{})
		if err != nil {
			log.Fatal(err)
		}
		if err := all.Merge(p); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(all.Traces, "traces,", all.Spans, "spans")
	for o := range all.Summary.Operations() {
		fmt.Println(o.Name, "takes", o.Duration, "of it", o.SelfTime, "by itself")
	}
	// Output:
	// 4 traces, 8 spans
	// GET /books takes 120ms of it 60ms by itself
	// sql query takes 60ms of it 0s by itself
}
