package jaegerjson

import (
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/jsonscan"
	"github.com/gaptrace/gaptrace/gap/internal/spanjson"
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
			p.Service = d.String()
		case "tags":
			tags = d.Tags(true)
		case "tag":
			fields = d.TagFields(true)
		default:
			d.Skip()
		}
	})
	p.Tags = spanjson.JoinFields(tags, fields)
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
			s.TraceID = d.TraceID()
		case "spanID", "spanId", "span_id":
			s.SpanID = d.SpanID()
		case "parentSpanID", "parentSpanId", "parent_span_id": // older than references
			parent = d.SpanID()
		case "operationName":
			s.Operation = d.String()
		case "references":
			d.Array(d.reference)
			s.References = d.trace.references.Take()
		case "startTime":
			started = true
			s.Start, startOK = d.Time("startTime")
		case "duration":
			s.Duration, durationOK = d.Duration()
		case "tags":
			s.Tags = d.Tags(d.Everything)
		case "tag": // as in Elasticsearch, if Jaeger stores tags as fields
			fields = d.TagFields(d.Everything)
		case "logs":
			if s.Logs = nil; d.Everything {
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
			d.Array(func() { s.Warnings = append(s.Warnings, d.String()) })
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
	s.Tags = spanjson.JoinFields(s.Tags, fields)
	if len(s.References) == 0 && parent != 0 {
		d.trace.references.Add(gap.Reference{SpanID: parent})
		s.References = d.trace.references.Take()
	}
	d.trace.add(s)
	d.spans++
}

func (d *decoder) reference() {
	var ref gap.Reference
	d.Object(func(key []byte) {
		switch string(key) {
		case "refType":
			if ref.Type = gap.ChildOf; d.String() == "FOLLOWS_FROM" {
				ref.Type = gap.FollowsFrom
			}
		case "traceID", "traceId", "trace_id":
			ref.TraceID = d.TraceID()
		case "spanID", "spanId", "span_id":
			ref.SpanID = d.SpanID()
		default:
			d.Skip()
		}
	})
	if ref.SpanID != 0 {
		d.trace.references.Add(ref)
	}
}

func (d *decoder) log() (l gap.Log, ok bool) {
	ok = true
	d.Object(func(key []byte) {
		switch string(key) {
		case "timestamp":
			l.Time, ok = d.Time("timestamp")
		case "fields":
			l.Fields = d.Tags(true)
		default:
			d.Skip()
		}
	})
	return l, ok
}
