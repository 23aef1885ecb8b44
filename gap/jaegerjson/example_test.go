package jaegerjson_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// Read a file from Jaeger's UI that is truncated.
func ExampleRead() {
	file := strings.NewReader(`{"data":[{"traceID":"a1","spans":[
		{"traceID":"a1","spanID":"1","operationName":"GET /books","startTime":1000000,"duration":100000,"processID":"p1"},
		{"traceID":"a1","spanID":"2","operationName":"sql query","references":[{"refType":"CHILD_OF","spanID":"1"}],
			"startTime":1010000,"duration":60000,"processID":"p1","tags":[{"key":"span.kind","type":"string","value":"client"}]}],
		"processes":{"p1":{"serviceName":"bookshop"}}},{"traceID":"b2","spans":[{"startTime":"yesterday`)
	for spans, err := range jaegerjson.Read(file, read.WithName("traces.json")) {
		if err != nil {
			fmt.Println(err)
			break
		}
		trace, _ := gap.Build(spans)
		for root := range trace.Roots() {
			fmt.Println(root.Span().Process.Service, root.Span().Operation, root.Duration(), "self time",
				root.SelfTime())
		}
	}
	// Output:
	// bookshop GET /books 100ms self time 40ms
	// traces.json: byte 482: expected the end of a string, found the end of the input
}

// Write a trace that any Jaeger UI can open.
func ExampleWrite() {
	var file bytes.Buffer
	err := jaegerjson.Write(&file, []gap.Span{{
		TraceID: gap.TraceID{Low: 0xa1}, SpanID: 1, Operation: "GET /books", Process: &gap.Process{Service: "bookshop"},
		Start: time.UnixMicro(1_000_000), Duration: 100 * time.Millisecond,
	}})
	if err != nil {
		fmt.Println(err)
	}
	os.Stdout.Write(file.Bytes())
	// Output:
	// {"data":[{"traceID":"00000000000000a1","spans":[
	// {"traceID":"00000000000000a1","spanID":"0000000000000001","flags":1,"operationName":"GET /books","references":[],"startTime":1000000,"duration":100000,"tags":[],"logs":[],"processID":"p1","warnings":null}
	// ],"processes":{"p1":{"serviceName":"bookshop","tags":[]}}
	// ,"warnings":null}],"total":0,"limit":0,"offset":0,"errors":null}
}

// Find the slow requests of the last hour.
func ExampleClient_Find() {
	jaeger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":[{"traceID":"a1","spans":[
			{"spanID":"1","operationName":"GET /books","startTime":1000000,"duration":100000}]}]}`)
	}))
	defer jaeger.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := &jaegerjson.Client{URL: jaeger.URL}
	query := jaegerjson.Query{Service: "bookshop", Lookback: time.Hour, MinDuration: 50 * time.Millisecond, Limit: 20}
	for spans, err := range client.Find(ctx, query) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(spans[0].TraceID, spans[0].Operation, spans[0].Duration)
	}
	// Output: 00000000000000a1 GET /books 100ms
}
