package jaegerjson

import (
	"slices"

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

// spanReader is a span that is being read.
type spanReader struct {
	span           gap.Span
	parent         gap.SpanID  // from before Jaeger had references
	tag            []gap.Field // as in Elasticsearch, if Jaeger stores tags as fields
	hasID, started bool
	noStart        bool // the start is not a number
	noDuration     bool
}

// span reads a span.
func (d *decoder) span() {
	if d.Null() {
		return
	}
	var s spanReader
	at := d.Offset()
	d.Object(func(key []byte) {
		if !d.spanField(&s, key) {
			d.Skip()
		}
	})
	d.add(&s, at)
}

// spanField reads a member of a span, or returns false. Other programs write the names of ids in
// other ways.
func (d *decoder) spanField(r *spanReader, key []byte) bool {
	s := &r.span
	switch string(key) {
	case "traceID", "traceId", "trace_id":
		s.TraceID = d.TraceID()
	case "spanID", "spanId", "span_id":
		r.hasID = true
		s.SpanID = d.SpanID()
	case "parentSpanID", "parentSpanId", "parent_span_id":
		r.parent = d.SpanID()
	case "operationName":
		s.Operation = d.String()
	case "references":
		d.Array(d.reference)
		s.References = d.trace.references.Share(equalReferences)
	case "startTime":
		r.started = true
		start, ok := d.Time("microseconds since 1970 (startTime)")
		s.Start, r.noStart = start, !ok
	case "duration":
		duration, ok := d.Duration()
		s.Duration, r.noDuration = duration, !ok
	case "tags":
		s.Tags = d.Tags(d.Everything)
	case "tag":
		r.tag = d.TagFields(d.Everything)
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
		s.Process = d.storedProcess()
	case "warnings":
		s.Warnings = nil
		d.Array(func() { s.Warnings = append(s.Warnings, d.String()) })
	default:
		return false
	}
	return true
}

// add adds a span that began at this offset to the current trace.
func (d *decoder) add(r *spanReader, at int64) {
	switch {
	case d.Err != nil:
		return
	case !r.started && (!r.hasID || d.trace == d.stored): // other objects have ids, too, as lines of a log
		d.Stop(&jsonscan.Error{Offset: at, Expected: "a span with its startTime", Found: "one without"})
		return
	case r.noStart || r.noDuration:
		return // the decoder has kept the error
	}
	s := &r.span
	s.Tags = spanjson.JoinFields(s.Tags, r.tag)
	s.References = withoutBlocked(s.References)
	if len(s.References) == 0 && r.parent != 0 {
		d.trace.references.Add(gap.Reference{SpanID: r.parent})
		s.References = d.trace.references.Take()
	}
	d.trace.add(s)
	d.spans++
}

// storedProcess reads a process that is part of a span. Equal ones are shared.
func (d *decoder) storedProcess() *gap.Process {
	if d.Null() {
		return nil
	}
	for i := range d.repeated {
		if r := &d.repeated[i]; r.text != nil && d.Repeats(r.text) {
			return r.process
		}
	}
	start, fields := d.Offset(), d.Fields
	d.Fields = &d.scratch
	var p gap.Process
	d.process(&p)
	shared := d.shared.share(p)
	d.scratch.Reset()
	d.Fields = fields
	if text := d.Since(start); d.Err == nil && 0 < len(text) && len(text) <= maxProcess {
		r := &d.repeated[d.nextRepeated]
		r.text, r.process = append(r.text[:0], text...), shared
		d.nextRepeated = (d.nextRepeated + 1) % len(d.repeated)
	}
	return shared
}

// repeatedProcess is a process of a span, with its text. Each span of a service has the same text,
// and comparing it takes much less time than reading it.
type repeatedProcess struct {
	text    []byte
	process *gap.Process
}

// Bounds of [processes]. A service has a process for each of its replicas.
const (
	maxServices = 1024
	maxReplicas = 64
	maxProcess  = 4096 // bytes of text
)

// processes are those that came last, by service.
type processes map[string][]*gap.Process

// share returns a known process that equals p, or a copy of p.
func (all processes) share(p gap.Process) *gap.Process {
	known := all[p.Service]
	for _, k := range known {
		if slices.EqualFunc(k.Tags, p.Tags, spanjson.EqualFields) {
			return k
		}
	}
	if known == nil && len(all) == maxServices {
		clear(all)
	}
	if len(known) == maxReplicas {
		known = slices.Delete(known, 0, 1)
	}
	p.Tags = slices.Clone(p.Tags)
	size := len(p.Service)
	for _, tag := range p.Tags {
		text, _ := tag.Value.(string)
		size += len(tag.Key) + len(text)
	}
	if size > maxProcess {
		return &p
	}
	all[p.Service] = append(known, &p)
	return &p
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

func equalReferences(a, b gap.Reference) bool { return a == b }

// withoutBlocked drops a ChildOf reference if a FollowsFrom reference names the same span. In OTLP
// a span has a parent even if it does not block it, and a link that says so. Jaeger makes a
// reference of each.
func withoutBlocked(refs []gap.Reference) []gap.Reference {
	if len(refs) < 2 {
		return refs
	}
	for _, ref := range refs {
		if ref.Type == gap.FollowsFrom {
			ref.Type = gap.ChildOf
			if i := slices.Index(refs, ref); i >= 0 {
				return slices.Concat(refs[:i], refs[i+1:]) // other spans may share refs
			}
		}
	}
	return refs
}

func (d *decoder) log() (l gap.Log, ok bool) {
	ok = true
	d.Object(func(key []byte) {
		switch string(key) {
		case "timestamp":
			l.Time, ok = d.Time("microseconds since 1970 (timestamp)")
		case "fields":
			l.Fields = d.Tags(true)
		default:
			d.Skip()
		}
	})
	return l, ok
}
