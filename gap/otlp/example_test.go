package otlp_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
)

// Read a file of OpenTelemetry's collector.
func ExampleRead() {
	file := strings.NewReader(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},` +
		`"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b173","name":"GET /books",` +
		`"startTimeUnixNano":"1764460800000000000","endTimeUnixNano":"1764460800100000000"},` +
		`{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173",` +
		`"name":"sql query","kind":3,"startTimeUnixNano":"1764460800010000000","endTimeUnixNano":"1764460800070000000"}]}]}]}` + "\n")
	for spans, err := range otlp.Read(file) {
		if err != nil {
			fmt.Println(err)
			break
		}
		trace, _ := gap.Build(spans) // all of one trace
		for root := range trace.Roots() {
			fmt.Println(root.Span().Process.Service, root.Span().Operation, root.Duration(), "self time", root.SelfTime())
		}
	}
	// Output:
	// shop GET /books 100ms self time 40ms
}

func ExampleWrite() {
	otlp.Write(os.Stdout, []gap.Span{{
		TraceID: gap.TraceID{Low: 1}, SpanID: 2, Operation: "GET", Start: time.Unix(1, 0), Duration: time.Second,
		Tags: []gap.Field{{Key: "span.kind", Value: "client"}},
	}})
	// Output:
	// {"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002","name":"GET","kind":3,"startTimeUnixNano":"1000000000","endTimeUnixNano":"2000000000","status":{}}]}]}]}
}
