package report_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/report"
)

// order is what a Jaeger query service answers: a handler that asks a database, works for 20 ms,
// and asks a cache.
const order = `{"data":[{"traceID":"1a2b","spans":[
	{"traceID":"1a2b","spanID":"1","operationName":"POST /orders","references":[],"startTime":1800000000000000,"duration":50000,
	 "tags":[{"key":"span.kind","type":"string","value":"server"}],"processID":"p1"},
	{"traceID":"1a2b","spanID":"2","operationName":"sql query","references":[{"refType":"CHILD_OF","traceID":"1a2b","spanID":"1"}],
	 "startTime":1800000000000000,"duration":20000,"tags":[{"key":"span.kind","type":"string","value":"client"}],"processID":"p1"},
	{"traceID":"1a2b","spanID":"3","operationName":"redis set","references":[{"refType":"CHILD_OF","traceID":"1a2b","spanID":"1"}],
	 "startTime":1800000000040000,"duration":10000,"tags":[{"key":"span.kind","type":"string","value":"client"}],"processID":"p1"}
],"processes":{"p1":{"serviceName":"shop"}}}]}`

func Example() {
	r := report.New(report.Options{AtLeast: time.Millisecond})
	for spans, err := range jaegerjson.Read(strings.NewReader(order)) {
		if err != nil {
			fmt.Println(err)
			break
		}
		r.Add(gap.Build(spans))
	}
	if err := r.Text(os.Stdout, report.TextOptions{Width: 80, ASCII: true}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// Trace 0000000000001a2b  50.0 ms, 3 spans, self 20.0 ms, critical 20.0 ms
	//
	//                     |0 ms          |20 ms         |40 ms         time       self
	// shop: POST /orders  ###############...............########    50.0 ms    20.0 ms
	// + sql query         ###############                           20.0 ms
	// \ redis set                                       ########    10.0 ms
	//
	// # blocked, or covered by the spans below   . gap: self time   ~ gap: on the wire
	// = , - the same, not on the critical path
	//
	// Worst gaps, by self time on the critical path
	//  critical     self   count      p95    worst  span, and where in it
	//   20.0 ms  20.0 ms       1  20.0 ms  20.0 ms  shop: POST /orders
	//                                               after sql query, before redis set
	//
	// Operations of 1 trace, 3 spans, by self time on the critical path
	//    count      p50      p99 self p50 self p99   share  operation
	//        1  50.0 ms  50.0 ms  20.0 ms  20.0 ms 100.0 %  shop: POST /orders
	//        1  20.0 ms  20.0 ms        0        0   0.0 %  shop: sql query
	//        1  10.0 ms  10.0 ms        0        0   0.0 %  shop: redis set
}

func ExampleStacks() {
	var s report.Stacks
	for spans := range jaegerjson.Read(strings.NewReader(order)) {
		trace, _ := gap.Build(spans)
		s.Add(trace)
	}
	if err := s.Folded(os.Stdout, report.FoldedOptions{}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// shop: POST /orders 20000
}

// An explanation of a gap comes from package explain, or from any other source.
func ExampleVerdict() {
	at := gap.Evidence{Frame: gap.Frame{Function: "shop.render", File: "shop/page.go", Line: 31}, Proof: gap.ByClock}
	fmt.Println(report.Verdict([]gap.Part{
		{Cause: gap.CauseCPU, Duration: 35700 * time.Microsecond, Evidence: at},
		{Cause: gap.CauseNoCPU, Duration: 9800 * time.Microsecond, Evidence: at},
		{Cause: gap.CauseGC, Duration: 700 * time.Microsecond},
	}))
	// Output: CPU, 35.7 of 46.2 ms, at page.go:31; 9.80 ms waiting for a CPU
}
