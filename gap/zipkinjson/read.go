package zipkinjson

import (
	"errors"
	"io"
	"iter"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/jsonscan"
	"github.com/gaptrace/gaptrace/gap/internal/spanjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// Read reads the spans in r. Each slice has spans of one trace. A trace may come in several slices,
// see the package comment. Callers may change the spans, but not what they point to, since spans
// may share it.
//
// Errors come after all spans, and without spans: first a [*read.Error] if the input is malformed,
// then one if it has spans without a time. By default the size of the input has no bound.
//
// Iterate over the result once, since r can be read only once.
func Read(r io.Reader, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	c := read.NewConfig(opts, -1)
	c.NameAfter(r)
	return func(yield func([]gap.Span, error) bool) {
		d := &decoder{Decoder: spanjson.New(r, c), yield: yield, processes: map[string]*gap.Process{}}
		d.run()
	}
}

// chunk is the most spans in a slice, except for a trace in an array of traces.
const chunk = 1024

// errStopped ends reading because the caller stopped iterating.
var errStopped = errors.New("stopped")

// decoder decodes Zipkin's JSON.
type decoder struct {
	*spanjson.Decoder
	yield      func([]gap.Span, error) bool
	spans      []gap.Span // not yielded yet
	references spanjson.Slab[gap.Reference]
	processes  map[string]*gap.Process // by key
	key        []byte                  // of the current process
	traces     int
	read       int // number of spans
	stopped    bool
}

func (d *decoder) run() {
	if d.Progress != nil {
		d.OnRead = func() {
			d.Progress(read.Progress{Bytes: d.Buffered(), Traces: d.traces, Spans: d.read})
		}
	}
	d.Documents(func() { d.document(0) })
	d.flush()
	if d.stopped {
		return
	}
	if d.OnRead != nil {
		d.OnRead()
	}
	for _, err := range d.Errors() {
		if !d.yield(nil, err) {
			return
		}
	}
}

// document reads a span or an array. depth is the number of arrays around it.
func (d *decoder) document(depth int) {
	switch d.Peek() {
	case '[':
		if depth == 1 { // a trace in an array of traces
			d.flush()
		}
		d.Array(func() {
			if !d.Null() {
				d.document(depth + 1)
			}
		})
		if depth == 1 {
			d.traces += d.flush()
		}
	case '{':
		if d.span(); depth < 2 && len(d.spans) == chunk {
			d.flush()
		}
	default:
		d.Fail(0, "a span in Zipkin's JSON (v2), an array of spans, or an array of traces")
	}
}

// flush yields the spans, and returns the number of their traces.
func (d *decoder) flush() (traces int) {
	if len(d.spans) == 0 {
		return 0
	}
	all := spanjson.ByTrace(d.spans)
	// Further spans have their own memory, so that no trace keeps another's.
	d.spans, d.Fields, d.references = nil, &spanjson.Slab[gap.Field]{}, spanjson.Slab[gap.Reference]{}
	for _, spans := range all {
		if !d.stopped && !d.yield(spans, nil) {
			d.stopped = true
			d.Stop(errStopped)
		}
	}
	return len(all)
}

// span reads a span.
func (d *decoder) span() {
	var s gap.Span
	var parent gap.SpanID
	var kind any
	var hasID, shared, noStart, noDuration bool
	at := d.Offset()
	d.Object(func(key []byte) {
		switch string(key) {
		case "traceId":
			s.TraceID = d.TraceID()
		case "id":
			hasID = true
			s.SpanID = d.SpanID()
		case "parentId":
			parent = d.SpanID()
		case "name":
			s.Operation = d.String()
		case "kind":
			kind = d.kind()
		case "timestamp":
			start, ok := d.Time("microseconds since 1970 (timestamp)")
			if s.Start, noStart = start, !ok; start.Equal(time.Unix(0, 0)) { // Zipkin, too, takes 0 as unknown
				s.Start = time.Time{}
			}
		case "duration":
			duration, ok := d.Duration()
			s.Duration, noDuration = duration, !ok
		case "localEndpoint":
			s.Process = d.process()
		case "remoteEndpoint":
			d.peer()
		case "tags":
			d.AddTags(d.Everything)
		case "annotations":
			s.Logs = d.annotations()
		case "shared":
			v := d.Value()
			shared = v == true || v == "true"
		case "binaryAnnotations":
			d.Stop(&jsonscan.Error{
				Offset: d.Offset(), Expected: "a span in Zipkin's JSON v2", Found: "binaryAnnotations, as in v1",
			})
		default:
			d.Skip()
		}
	})
	if shared && kind == nil {
		kind = "server"
	}
	if kind != nil {
		d.Fields.Add(gap.Field{Key: "span.kind", Value: kind})
	}
	s.Tags = d.markError(d.Fields.Take())
	switch {
	case d.Err != nil:
		return
	case !hasID:
		d.Stop(&jsonscan.Error{Offset: at, Expected: "a span in Zipkin's JSON, with its id", Found: "an object without"})
		return
	case noStart || noDuration:
		return // the decoder has kept the error
	case s.Start.IsZero() && s.TraceID == gap.TraceID{}: // other programs' objects have ids, too
		d.NoTime(at, "a span with its traceId or its timestamp", "one without")
		return
	}
	if parent != 0 {
		d.references.Add(gap.Reference{SpanID: parent})
		s.References = d.references.Take()
	}
	d.spans = append(d.spans, s)
	d.read++
}
