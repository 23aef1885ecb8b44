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
	parent, err := parents(shape)
	if err != nil {
		return err
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

// WriteStored writes one of several parts of the same spans, one on each line, as Jaeger stores
// them in Elasticsearch: about 630 bytes for each span. They are in an order in which the spans of
// a trace are far from one another, and in all parts.
func WriteStored(w io.Writer, shape string, n, perTrace, part, parts int) error {
	parent, err := parents(shape)
	if err != nil {
		return err
	}
	if perTrace <= 0 || perTrace > n {
		perTrace = n
	}
	step := int(0.618*float64(n)) + 1
	for gcd(step, n) > 1 { // otherwise it would not visit all spans
		step++
	}
	whole, last := newLayout(shape, perTrace, parent), newLayout(shape, (n-1)%perTrace+1, parent)
	b := bufio.NewWriterSize(w, 64<<10)
	for at := part * n / parts; at < (part+1)*n/parts; at++ {
		index := at * step % n
		trace, i, l := index/perTrace, index%perTrace, whole
		if trace == (n-1)/perTrace {
			l = last
		}
		span(b, trace+1, i, parent(i), l.starts[i], l.lengths[i])
		fmt.Fprintf(b, `"startTimeMillis":%d,"process":`, (start+l.starts[i])/1000)
		process(b, i%len(services))
		b.WriteString("}\n")
	}
	return b.Flush() // returns the first error of any write
}

func gcd(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// parents returns the function that finds the parent of a span, except of the first.
func parents(shape string) (func(i int) int, error) {
	switch shape {
	case "realistic":
		return func(i int) int { return (i - 1) / 3 }, nil
	case "deep":
		return func(i int) int { return i - 1 }, nil
	case "wide":
		return func(int) int { return 0 }, nil
	}
	return nil, fmt.Errorf("shape %q: want one of %q", shape, Shapes)
}

var services = [...]string{"bookshop", "catalogue", "payment", "warehouse"}

func trace(b *bufio.Writer, id, n int, shape string, parent func(int) int) {
	fmt.Fprintf(b, `{"traceID":"%016x","spans":[`, id)
	l := newLayout(shape, n, parent)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		span(b, id, i, parent(i), l.starts[i], l.lengths[i])
		fmt.Fprintf(b, `"processID":"p%d","warnings":null}`, i%len(services)+1)
	}
	b.WriteString(`],"processes":{`)
	for i := range services {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, `"p%d":`, i+1)
		process(b, i)
	}
	b.WriteString(`},"warnings":null}`)
}

func process(b *bufio.Writer, i int) {
	fmt.Fprintf(b, `{"serviceName":"%[2]s","tags":[{"key":"hostname","type":"string","value":"%[2]s-7d9c4b"},`+
		`{"key":"ip","type":"string","value":"10.0.0.%[1]d"},`+
		`{"key":"jaeger.version","type":"string","value":"Go-2.30.0"}]}`, i+1, services[i])
}

// layout is when the spans of a trace start, and how long they last.
type layout struct{ starts, lengths []int64 }

func newLayout(shape string, n int, parent func(int) int) (l layout) {
	l.starts, l.lengths = make([]int64, 0, n), make([]int64, 0, n)
	var at, length int64 // of a realistic span in its trace
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
			at, length = l.starts[p]+int64(i-1)%3*l.lengths[p]/3+1, l.lengths[p]/4
		}
		l.starts, l.lengths = append(l.starts, at), append(l.lengths, length)
	}
	return l
}

// span writes a span up to its process.
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
	b.WriteString("],")
}
