package jaegerjson

import (
	"errors"
	"io"
	"iter"
	"slices"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/jsonscan"
	"github.com/gaptrace/gaptrace/gap/internal/spanjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// Read reads the traces in r, and yields the spans of each trace as soon as it is complete. The
// package comment says which formats it reads. Callers may change the spans, but not what they
// point to, since spans may share it.
//
// Errors come after all traces, and without spans: first a [*read.Error] if the input is malformed,
// then one if it has times that are not numbers, then a [*QueryError] for each of the first 100
// errors that Jaeger has reported in the input. By default the size of the input has no bound.
//
// Read keeps only one trace in memory. Iterate over the result once, since r can be read only once.
func Read(r io.Reader, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	c := read.NewConfig(opts, -1)
	if named, ok := r.(interface{ Name() string }); ok && c.Name == "" {
		c.Name = named.Name()
	}
	return func(yield func([]gap.Span, error) bool) { readTraces(r, c, yield) }
}

func readTraces(r io.Reader, c *read.Config, yield func([]gap.Span, error) bool) {
	d := &decoder{Decoder: spanjson.New(r, c), yield: yield}
	if c.Progress != nil {
		d.OnRead = func() {
			c.Progress(read.Progress{Bytes: d.Buffered(), Traces: d.traces, Spans: d.spans})
		}
	}
	d.documents()
	if d.Err == errStopped {
		return
	}
	if d.OnRead != nil {
		d.OnRead()
	}
	errs := d.Errors()
	for _, err := range d.queryErrors {
		errs = append(errs, err)
	}
	for _, err := range errs {
		if !yield(nil, err) {
			return
		}
	}
}

// chunk is the number of spans in a chunk of a trace.
const chunk = 1024

// maxQueryErrors bounds how many of the errors in an input are kept.
const maxQueryErrors = 100

// errStopped ends reading because the caller stopped iterating.
var errStopped = errors.New("stopped")

// decoder decodes Jaeger's JSON.
type decoder struct {
	*spanjson.Decoder
	yield       func([]gap.Span, error) bool
	trace       *trace // the current one
	queryErrors []*QueryError
	traces      int
	spans       int
}

// trace is a trace that is being read.
type trace struct {
	id         gap.TraceID
	full       [][]gap.Span            // full chunks; a single slice would be copied whenever it grows
	spans      []gap.Span              // the last chunk
	processes  map[string]*gap.Process // by processID; their content may come after the spans
	references spanjson.Slab[gap.Reference]
}

// documents reads the whole input.
func (d *decoder) documents() {
	for n := 0; ; n++ {
		if d.Peek() == 0xef { // a byte order mark; it may also be between concatenated files
			d.Literal("\uFEFF")
		}
		d.Peek()
		if !d.More() && n > 0 && d.End == io.EOF {
			return
		}
		if d.document(); d.Err != nil {
			return
		}
	}
}

// document reads a trace, an array of traces, or an answer of a query service.
func (d *decoder) document() {
	switch d.Peek() {
	case '[':
		d.Array(func() {
			if !d.Null() { // in an answer: a trace that Jaeger could not convert
				d.document()
			}
		})
	case '{':
		d.traceOrAnswer()
	default:
		d.Fail(0, "a trace in Jaeger's JSON, an array of traces, or an answer with data")
	}
}

// traceOrAnswer reads an object. A trace in an answer's data is yielded before the answer ends.
func (d *decoder) traceOrAnswer() {
	outer, fields := d.trace, d.Fields
	d.trace, d.Fields = &trace{}, spanjson.Slab[gap.Field]{} // so that no trace keeps another's memory
	known, expected := false, `an object with "data", "spans" or "errors"`
	d.Object(func(key []byte) {
		switch string(key) {
		case "data":
			known = true
			if !d.Null() {
				d.document()
			}
		case "errors":
			known = true
			d.Array(d.queryError)
		case "traceID", "traceId", "trace_id":
			d.trace.id = d.TraceID()
		case "spans":
			known = true
			d.spans -= d.trace.len() // if the key comes twice, the last one counts
			d.trace.full, d.trace.spans = nil, nil
			d.Array(d.span)
		case "processes":
			d.Object(func(key []byte) { d.process(d.trace.process(key)) })
		case "resourceSpans":
			expected += `, as OTLP is not read`
			d.Skip()
		default:
			d.Skip()
		}
	})
	if !known && d.Err == nil {
		d.Stop(&jsonscan.Error{Offset: d.Offset(), Expected: expected, Found: "one without"})
	}
	d.complete()
	d.trace, d.Fields = outer, fields
}

// complete yields the current trace.
func (d *decoder) complete() {
	t := d.trace
	if d.Err != nil || t.len() == 0 {
		return
	}
	spans := t.spans
	if t.full != nil {
		spans = slices.Concat(append(t.full, t.spans)...)
		t.full, t.spans = nil, nil
	}
	for i := range spans {
		s := &spans[i]
		if s.TraceID == (gap.TraceID{}) {
			s.TraceID = t.id
		}
		if p := s.Process; p != nil && p.Service == "" && len(p.Tags) == 0 {
			s.Process = nil // the input has only its processID
		}
	}
	d.traces++
	if !d.yield(spans, nil) {
		d.Stop(errStopped)
	}
}

func (t *trace) add(s gap.Span) {
	if len(t.spans) == chunk {
		t.full = append(t.full, t.spans)
		t.spans = make([]gap.Span, 0, chunk)
	}
	t.spans = append(t.spans, s)
}

func (t *trace) len() int { return chunk*len(t.full) + len(t.spans) }

// queryError reads an error that a query service has reported.
func (d *decoder) queryError() {
	if d.Null() {
		return
	}
	e := &QueryError{}
	if d.Peek() == '"' {
		e.Message = d.String()
	} else {
		d.Object(func(key []byte) {
			switch string(key) {
			case "code":
				e.Code = d.Code()
			case "msg":
				e.Message = d.String()
			case "traceID", "traceId", "trace_id":
				e.TraceID = d.TraceID()
			default:
				d.Skip()
			}
		})
	}
	if len(d.queryErrors) < maxQueryErrors {
		d.queryErrors = append(d.queryErrors, e)
	}
}
