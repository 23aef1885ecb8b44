package jaegerjson

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/jsonscan"
	"github.com/gaptrace/gaptrace/gap/internal/spanjson"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// Read reads the traces in r. The package comment says which formats it reads. Each slice has spans
// of one trace. Read yields a trace as soon as it is complete. Spans from Elasticsearch may come in
// several slices of one trace: the caller joins those with the same trace id. Callers may change
// the spans, but not what they point to, since spans may share it.
//
// Errors come after all traces, and without spans: first a [*read.Error] if the input is malformed,
// then one if it has times that are not numbers, then one if it has an incomplete answer of
// Elasticsearch, then a [*QueryError] for each of the first 100 errors that Jaeger has reported in
// the input. By default the size of the input has no bound.
//
// Read keeps only one trace in memory, or 1,024 spans from Elasticsearch. Iterate over the result
// once, since r can be read only once.
func Read(r io.Reader, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	c := read.NewConfig(opts, -1)
	c.NameAfter(r)
	return func(yield func([]gap.Span, error) bool) { readTraces(r, c, yield) }
}

func readTraces(r io.Reader, c *read.Config, yield func([]gap.Span, error) bool) {
	d := &decoder{Decoder: spanjson.New(r, c), yield: yield, stored: &trace{}, shared: processes{}}
	d.enter(d.stored)
	if c.Progress != nil {
		d.OnRead = func() {
			c.Progress(read.Progress{Bytes: d.Buffered(), Traces: d.traces, Spans: d.spans})
		}
	}
	d.Documents(d.document)
	d.yieldStored()
	if d.stopped {
		return
	}
	if d.OnRead != nil {
		d.OnRead()
	}
	errs := d.Errors()
	if d.incomplete != nil {
		errs = append(errs, d.ReadError(d.incomplete, d.incompletes-1))
	}
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
	yield        func([]gap.Span, error) bool
	trace        *trace             // the current one
	stored       *trace             // spans that were stored one by one, of any traces
	shared       processes          // of spans that were stored one by one
	repeated     [8]repeatedProcess // the last ones of shared whose texts differ
	nextRepeated int
	scratch      spanjson.Slab[gap.Field]
	incomplete   *jsonscan.Error // the first answer of Elasticsearch that lacks spans
	incompletes  int             // the number of such answers
	queryErrors  []*QueryError
	traces       int
	spans        int
	stopped      bool // the caller stopped iterating
}

// trace is a trace that is being read.
type trace struct {
	id         gap.TraceID
	full       [][]gap.Span            // full chunks; a single slice would be copied whenever it grows
	spans      []gap.Span              // the last chunk
	processes  map[string]*gap.Process // by processID; their content may come after the spans
	references spanjson.Slab[gap.Reference]
	fields     spanjson.Slab[gap.Field]
}

// document reads an object, or an array of documents.
func (d *decoder) document() {
	switch d.Peek() {
	case '[':
		d.Array(d.element)
	case '{':
		d.object()
	default:
		d.Fail(0, "a trace or a span in Jaeger's JSON, an array of them, or an answer with them")
	}
}

// element reads a document, or null. In an answer of Jaeger's, null is a trace that it could not
// convert.
func (d *decoder) element() {
	if !d.Null() {
		d.document()
	}
}

// object reads a trace, an answer of a query service, a span as Elasticsearch stores it, or an
// answer of Elasticsearch. What it is may be known only at its end. A trace in an answer is yielded
// before the answer ends.
func (d *decoder) object() {
	outer := d.trace
	d.enter(d.stored)
	var own *trace    // if it is a trace
	var searched bool // it is an answer of Elasticsearch
	var s spanReader
	var lacks string // why spans are missing, if it is an answer of Elasticsearch
	at, known, expected := d.Offset(), false, `an object with "data", "spans", "spanID", "hits", "_source" or "errors"`
	d.Object(func(key []byte) {
		switch string(key) {
		case "data":
			known = true
			d.element()
		case "errors":
			known = true
			d.Array(d.queryError)
		case "hits":
			known, searched = true, true
			d.hits()
		case "timed_out":
			if d.Value() == true {
				lacks = "one that timed out"
			}
		case "_shards":
			if n := d.failedShards(); n > 0 {
				lacks = fmt.Sprintf("one with %d failed %s", n, printable.Plural(n, "shard"))
			}
		case "_source":
			known = true
			d.element()
		case "traceID", "traceId", "trace_id":
			s.span.TraceID = d.TraceID()
		case "spans", "processes":
			if own == nil {
				own = &trace{}
				d.enter(own)
			}
			if string(key) == "processes" {
				d.Object(func(key []byte) { d.process(own.process(key)) })
				break
			}
			known = true
			d.spans -= own.len() // if the key comes twice, the last one counts
			own.full, own.spans = nil, nil
			d.Array(d.span)
		case "resourceSpans":
			expected += `, as OTLP is not read`
			d.Skip()
		default:
			if known || own != nil || !d.spanField(&s, key) {
				d.Skip()
			}
		}
	})
	switch {
	case d.Err != nil:
	case own != nil && own.len() > 0:
		own.id = s.span.TraceID
		d.complete(own)
	case known:
		if searched && lacks != "" {
			d.lacksSpans(at, lacks)
		}
	case s.hasID:
		d.enter(d.stored)
		if d.add(&s, at); d.stored.len() == chunk {
			d.yieldStored()
		}
	default:
		d.Stop(&jsonscan.Error{Offset: d.Offset(), Expected: expected, Found: "one without"})
	}
	d.enter(outer)
}

// enter makes t the trace that spans are added to.
func (d *decoder) enter(t *trace) { d.trace, d.Fields = t, &t.fields }

// hits reads the hits of an answer of Elasticsearch. They are in an object with the same name.
func (d *decoder) hits() {
	if d.Peek() != '{' {
		d.Array(d.element)
		return
	}
	d.Object(func(key []byte) {
		if string(key) == "hits" {
			d.Array(d.element)
		} else {
			d.Skip()
		}
	})
}

// failedShards returns the number of parts of the index that an answer of Elasticsearch lacks.
func (d *decoder) failedShards() (n int) {
	if d.Peek() != '{' {
		d.Skip()
		return 0
	}
	d.Object(func(key []byte) {
		if string(key) == "failed" {
			failed, _ := d.Value().(int64)
			n = int(failed)
		} else {
			d.Skip()
		}
	})
	return n
}

// lacksSpans keeps the error for the first answer of Elasticsearch that lacks spans, and counts
// all.
func (d *decoder) lacksSpans(at int64, why string) {
	if d.incompletes++; d.incomplete == nil {
		d.incomplete = &jsonscan.Error{Offset: at, Expected: "a complete answer of Elasticsearch", Found: why}
	}
}

// complete yields the spans of an object. They may be of several traces: a program may have put
// them together.
func (d *decoder) complete(t *trace) {
	parts := t.finish()
	if d.Parts != nil && len(parts) > 1 && sameTrace(parts) {
		if d.traces++; !d.stopped {
			d.stopUnless(d.Parts(parts))
		}
		return
	}
	for _, spans := range spanjson.ByTrace(join(parts)) {
		d.traces++
		d.yieldSpans(spans)
	}
}

// sameTrace reports whether all spans have the same trace id.
func sameTrace(parts [][]gap.Span) bool {
	for _, spans := range parts {
		for i := range spans {
			if spans[i].TraceID != parts[0][0].TraceID {
				return false
			}
		}
	}
	return true
}

func join(parts [][]gap.Span) []gap.Span {
	if len(parts) == 1 {
		return parts[0]
	}
	return slices.Concat(parts...)
}

// yieldStored yields the spans that were stored one by one, and have not been yielded yet.
func (d *decoder) yieldStored() {
	stored := join(d.stored.finish())
	if len(stored) == 0 {
		return
	}
	traces := spanjson.ByTrace(stored)
	for _, spans := range traces {
		d.yieldSpans(spans)
	}
	next := trace{references: d.stored.references, fields: d.stored.fields}
	if len(traces) > 1 {
		next.spans = stored[:0] // ByTrace has copied them
	}
	*d.stored = next
}

// yieldSpans yields spans, unless the caller has stopped.
func (d *decoder) yieldSpans(spans []gap.Span) {
	if !d.stopped {
		d.stopUnless(d.yield(spans, nil))
	}
}

func (d *decoder) stopUnless(more bool) {
	if !more {
		d.stopped = true
		d.Stop(errStopped)
	}
}

func (t *trace) add(s *gap.Span) {
	if len(t.spans) == chunk {
		t.full = append(t.full, t.spans)
		t.spans = make([]gap.Span, 0, chunk)
	}
	t.spans = append(t.spans, *s)
}

func (t *trace) len() int { return chunk*len(t.full) + len(t.spans) }

// finish returns the chunks of spans, with what came after them in the input.
func (t *trace) finish() [][]gap.Span {
	parts := append(t.full, t.spans)
	t.full, t.spans = nil, nil
	for _, spans := range parts {
		for i := range spans {
			s := &spans[i]
			if s.TraceID == (gap.TraceID{}) {
				s.TraceID = t.id
			}
			if p := s.Process; p != nil && p.Service == "" && len(p.Tags) == 0 {
				s.Process = nil // the input has only its processID
			}
		}
	}
	return parts
}

// queryError reads an error that a query service has reported.
func (d *decoder) queryError() {
	if d.Null() {
		return
	}
	e := &QueryError{Name: d.Name}
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
