// Package manyspans writes Jaeger JSON with many spans, to measure the code that reads it. It
// imports no other package of gaptrace, so that each of them may be measured.
package manyspans

import (
	"bufio"
	"fmt"
	"io"
)

// Shapes are the shapes of a trace that Write accepts.
var Shapes = []string{"realistic", "deep", "wide"}

// start is when the first span of the first trace starts, in microseconds since 1970.
const start int64 = 1_700_000_000_000_000

// Write writes n spans as a Jaeger query service returns them, in traces of perTrace spans. If
// perTrace is 0 or less, all spans are one trace. Like Jaeger, Write puts the processes after the
// spans. The same arguments write the same bytes, about 430 for each span.
//
//   - realistic: servers with three clients each; every other client has a server; some have logs
//   - deep: each span is the child of the span before it
//   - wide: all spans are children of the first
func Write(w io.Writer, shape string, n, perTrace int) error {
	var parent func(i int) int
	switch shape {
	case "realistic":
		parent = func(i int) int { return (i - 1) / 3 }
	case "deep":
		parent = func(i int) int { return i - 1 }
	case "wide":
		parent = func(int) int { return 0 }
	default:
		return fmt.Errorf("shape %q: want one of %q", shape, Shapes)
	}
	if perTrace <= 0 {
		perTrace = n
	}
	b := bufio.NewWriterSize(w, 64<<10)
	b.WriteString(`{"data":[`)
	for first := 0; first < n; first += perTrace {
		if first > 0 {
			b.WriteByte(',')
		}
		trace(b, first/perTrace+1, min(perTrace, n-first), shape, parent)
	}
	b.WriteString(`],"total":0,"limit":0,"offset":0,"errors":null}` + "\n")
	return b.Flush() // returns the first error of any write
}

var services = [...]string{"bookshop", "catalogue", "payment", "warehouse"}

func trace(b *bufio.Writer, id, n int, shape string, parent func(int) int) {
	fmt.Fprintf(b, `{"traceID":"%016x","spans":[`, id)
	var at, length int64 // of a realistic span in its trace
	starts, lengths := make([]int64, 0, n), make([]int64, 0, n)
	for i := range n {
		switch {
		case shape == "deep":
			at, length = int64(i), 2*int64(n-i)
		case shape == "wide" && i > 0:
			at, length = 2*int64(i), 1
		case i == 0:
			at, length = 0, 16
			for below := n; below > 1; below /= 3 {
				length *= 4 // so that its smallest descendant still fits into its parent
			}
		default:
			p := parent(i)
			at, length = starts[p]+int64(i-1)%3*lengths[p]/3+1, lengths[p]/4
		}
		starts, lengths = append(starts, at), append(lengths, length)
		if i > 0 {
			b.WriteByte(',')
		}
		span(b, id, i, parent(i), at, length)
	}
	b.WriteString(`],"processes":{`)
	for i, service := range services {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, `"p%d":{"serviceName":"%s","tags":[{"key":"hostname","type":"string","value":"%[2]s-7d9c4b"},`+
			`{"key":"ip","type":"string","value":"10.0.0.%[1]d"},`+
			`{"key":"jaeger.version","type":"string","value":"Go-2.30.0"}]}`, i+1, service)
	}
	b.WriteString(`},"warnings":null}`)
}

func span(b *bufio.Writer, trace, i, parent int, at, length int64) {
	fmt.Fprintf(b, `{"traceID":"%016x","spanID":"%016x","flags":1,"operationName":"`, trace, i+1)
	const status200 = `{"key":"http.status_code","type":"int64","value":200}`
	kind, operation, extra := "client", "redis get", `{"key":"db.statement","type":"string","value":"get \"basket:?\""}`
	switch {
	case i%3 == 1 || i == 0:
		kind, operation, extra = "server", [...]string{"HTTP GET /books/{id}", "HTTP POST /orders"}[i%2], status200
	case i%3 == 2:
		operation, extra = "HTTP GET", status200
	}
	fmt.Fprintf(b, `%s","references":[`, operation)
	if i > 0 {
		fmt.Fprintf(b, `{"refType":"CHILD_OF","traceID":"%016x","spanID":"%016x"}`, trace, parent+1)
	}
	fmt.Fprintf(b, `],"startTime":%d,"duration":%d,"tags":[{"key":"span.kind","type":"string","value":"%s"},%s],"logs":[`,
		start+at, length, kind, extra)
	if i%8 == 0 {
		fmt.Fprintf(b, `{"timestamp":%d,"fields":[{"key":"event","type":"string","value":"got_conn"},`+
			`{"key":"reused","type":"bool","value":true}]}`, start+at)
	}
	fmt.Fprintf(b, `],"processID":"p%d","warnings":null}`, i%len(services)+1)
}
