package jaegerjson

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"iter"
	"slices"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson/internal/jsonscan"
)

// Read reads the traces in r, and yields the spans of each trace as soon as it is complete. The
// package comment says which formats it reads. Callers may change the spans, but not what they
// point to, since spans may share it.
//
// Errors come after all traces, and without spans: first an [*Error] if the input is malformed,
// then one if it has times that are not numbers, then a [*QueryError] for each of the first 100
// errors that Jaeger has reported in the input.
//
// Read keeps only one trace in memory. Iterate over the result once, since r can be read only once.
func Read(r io.Reader, opts ...Option) iter.Seq2[[]gap.Span, error] {
	c := newConfig(opts, -1)
	if named, ok := r.(interface{ Name() string }); ok && c.name == "" {
		c.name = named.Name()
	}
	return func(yield func([]gap.Span, error) bool) { c.read(r, yield) }
}

func (c *config) read(r io.Reader, yield func([]gap.Span, error) bool) {
	source := bufio.NewReader(r)
	d := &decoder{config: c, yield: yield, texts: map[string]any{}}
	d.Source = source
	magic, _ := source.Peek(2)
	compressed := bytes.Equal(magic, []byte{0x1f, 0x8b})
	if compressed {
		if unzipped, err := gzip.NewReader(source); err != nil {
			d.End = err
		} else {
			d.Source = unzipped
		}
	}
	if c.maxBytes > 0 {
		d.Source = &boundedReader{r: d.Source, left: c.maxBytes, max: c.maxBytes}
	}
	if c.progress != nil {
		d.OnRead = func() {
			c.progress(Progress{Bytes: d.Buffered(), Traces: d.traces, Spans: d.spans})
		}
	}
	d.documents()
	if d.Err == errStopped {
		return
	}
	if d.OnRead != nil {
		d.OnRead()
	}
	report := func(e *jsonscan.Error, more int) bool {
		return yield(nil, &Error{
			Name: c.name, Offset: e.Offset, Decompressed: compressed,
			Expected: e.Expected, Found: e.Found, More: more, Err: e.Err,
		})
	}
	if e, ok := errors.AsType[*jsonscan.Error](d.Err); ok && !report(e, 0) {
		return
	}
	if d.noTime != nil && !report(d.noTime, d.noTimes-1) {
		return
	}
	for _, err := range d.queryErrors {
		if !yield(nil, err) {
			return
		}
	}
}

// boundedReader reads at most max bytes from r. It fails with a TooLargeError if r has more.
type boundedReader struct {
	r         io.Reader
	left, max int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = n+int(b.left), TooLargeError(b.max)
	}
	return n, err
}

// chunk is the number of spans in a chunk of a trace.
const chunk = 1024

// maxQueryErrors bounds how many of the errors in an input are kept.
const maxQueryErrors = 100

// errStopped ends reading because the caller stopped iterating.
var errStopped = errors.New("stopped")

// decoder decodes Jaeger's JSON.
type decoder struct {
	jsonscan.Scanner
	*config
	yield       func([]gap.Span, error) bool
	trace       *trace         // the current one
	texts       map[string]any // the cache of intern
	queryErrors []*QueryError
	noTime      *jsonscan.Error // the first value that is not a time
	noTimes     int             // the number of such values
	traces      int
	spans       int
}

// trace is a trace that is being read.
type trace struct {
	id         gap.TraceID
	full       [][]gap.Span            // full chunks; a single slice would be copied whenever it grows
	spans      []gap.Span              // the last chunk
	processes  map[string]*gap.Process // by processID; their content may come after the spans
	references slab[gap.Reference]
	fields     slab[gap.Field]
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
	outer := d.trace
	d.trace = &trace{}
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
			d.trace.id = d.traceID()
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
	d.trace = outer
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
		e.Message = d.string()
	} else {
		d.Object(func(key []byte) {
			switch string(key) {
			case "code":
				e.Code = d.code()
			case "msg":
				e.Message = d.string()
			case "traceID", "traceId", "trace_id":
				e.TraceID = d.traceID()
			default:
				d.Skip()
			}
		})
	}
	if len(d.queryErrors) < maxQueryErrors {
		d.queryErrors = append(d.queryErrors, e)
	}
}
