package jaegerjson

import (
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson/internal/jsonscan"
)

// process returns the process with this processID. It is empty until "processes" has been read.
func (t *trace) process(name []byte) *gap.Process {
	p, ok := t.processes[string(name)]
	if !ok {
		if t.processes == nil {
			t.processes = map[string]*gap.Process{}
		}
		p = &gap.Process{}
		t.processes[string(name)] = p
	}
	return p
}

func (d *decoder) process(p *gap.Process) {
	tags, fields := p.Tags, []gap.Field(nil)
	d.Object(func(key []byte) {
		switch string(key) {
		case "serviceName":
			p.Service = d.string()
		case "tags":
			tags = d.tags(true)
		case "tag":
			fields = d.tagFields(true)
		default:
			d.Skip()
		}
	})
	p.Tags = joinFields(tags, fields)
}

// span reads a span. Other programs write the names of ids in other ways.
func (d *decoder) span() {
	if d.Null() {
		return
	}
	var s gap.Span
	var parent gap.SpanID
	var fields []gap.Field
	at, started, startOK, durationOK := d.Offset(), false, true, true
	d.Object(func(key []byte) {
		switch string(key) {
		case "traceID", "traceId", "trace_id":
			s.TraceID = d.traceID()
		case "spanID", "spanId", "span_id":
			s.SpanID = d.spanID()
		case "parentSpanID", "parentSpanId", "parent_span_id": // older than references
			parent = d.spanID()
		case "operationName":
			s.Operation = d.string()
		case "references":
			d.Array(d.reference)
			s.References = d.trace.references.take()
		case "startTime":
			started = true
			s.Start, startOK = d.time("startTime")
		case "duration":
			s.Duration, durationOK = d.duration()
		case "tags":
			s.Tags = d.tags(d.everything)
		case "tag": // as in Elasticsearch, if Jaeger stores tags as fields
			fields = d.tagFields(d.everything)
		case "logs":
			if s.Logs = nil; d.everything {
				d.Array(func() {
					if l, ok := d.log(); ok {
						s.Logs = append(s.Logs, l)
					}
				})
			} else {
				d.Skip()
			}
		case "processID", "processId", "process_id":
			if s.Process = nil; !d.Null() {
				s.Process = d.trace.process(d.Text())
			}
		case "process": // as in Elasticsearch
			s.Process = &gap.Process{}
			d.process(s.Process)
		case "warnings":
			s.Warnings = nil
			d.Array(func() { s.Warnings = append(s.Warnings, d.string()) })
		default:
			d.Skip()
		}
	})
	if d.Err != nil {
		return
	}
	if !started {
		d.Stop(&jsonscan.Error{Offset: at, Expected: "a span with its startTime", Found: "one without"})
		return
	}
	if !startOK || !durationOK {
		return // micros has kept the error
	}
	s.Tags = joinFields(s.Tags, fields)
	if len(s.References) == 0 && parent != 0 {
		d.trace.references.add(gap.Reference{SpanID: parent})
		s.References = d.trace.references.take()
	}
	d.trace.add(s)
	d.spans++
}

func (d *decoder) reference() {
	var ref gap.Reference
	d.Object(func(key []byte) {
		switch string(key) {
		case "refType":
			if ref.Type = gap.ChildOf; d.string() == "FOLLOWS_FROM" {
				ref.Type = gap.FollowsFrom
			}
		case "traceID", "traceId", "trace_id":
			ref.TraceID = d.traceID()
		case "spanID", "spanId", "span_id":
			ref.SpanID = d.spanID()
		default:
			d.Skip()
		}
	})
	if ref.SpanID != 0 {
		d.trace.references.add(ref)
	}
}

func (d *decoder) log() (l gap.Log, ok bool) {
	ok = true
	d.Object(func(key []byte) {
		switch string(key) {
		case "timestamp":
			l.Time, ok = d.time("timestamp")
		case "fields":
			l.Fields = d.tags(true)
		default:
			d.Skip()
		}
	})
	return l, ok
}

// slab allocates short slices in a few large arrays.
type slab[T any] struct {
	all  []T
	from int // start of the slice that is being filled
}

func (s *slab[T]) add(v T) {
	if len(s.all) == cap(s.all) {
		part := s.all[s.from:]
		s.all, s.from = append(make([]T, 0, max(4, min(2*cap(s.all), 1024), 2*len(part))), part...), 0
	}
	s.all = append(s.all, v)
}

// take returns the elements that were added since the last call.
func (s *slab[T]) take() []T {
	if s.from == len(s.all) {
		return nil
	}
	slice := s.all[s.from:len(s.all):len(s.all)]
	s.from = len(s.all)
	return slice
}
