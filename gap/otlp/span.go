package otlp

import (
	"math"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/spanjson"
)

// Attributes that have a meaning of their own.
const (
	serviceKey  = "service.name"         // of a resource
	warningsKey = "@jaeger@warnings"     // of a span: the array in which Jaeger stores its warnings
	refTypeKey  = "opentracing.ref_type" // of a link
	childOf     = "child_of"             // value of refTypeKey for a reference that is not FollowsFrom
)

// Keys of the tags, and of the log's field, that OTLP has fields for. The names are Jaeger's.
const (
	kindKey         = "span.kind"
	errorKey        = "error"
	statusKey       = "otel.status_code"
	messageKey      = "otel.status_description"
	scopeKey        = "otel.scope.name"
	scopeVersionKey = "otel.scope.version"
	eventKey        = "event"
)

// kinds are the values of the tag span.kind for OTLP's numbers; "" for none.
var kinds = [...]string{"", "internal", "server", "client", "producer", "consumer"}

// Codes of a status.
const (
	statusOK    = 1
	statusError = 2
)

// kindTags are the tags for the kind of a span and for whether it failed. Most spans have no other
// tags that are kept, and share these.
var kindTags = func() (all [len(kinds)][2][]gap.Field) {
	for i, name := range kinds {
		var tags []gap.Field
		if name != "" {
			tags = []gap.Field{{Key: kindKey, Value: name}}
		}
		all[i] = [2][]gap.Field{tags, slices.Clip(append(slices.Clip(tags), gap.Field{Key: errorKey, Value: true}))}
	}
	return all
}()

// span is a span of OTLP. The mapper has its attributes and links.
type span struct {
	traceID    gap.TraceID
	id, parent gap.SpanID
	name       string
	start, end int64 // bits of the unsigned nanoseconds since 1970; 0 if unknown
	kind       int
	status     int
	message    string // of the status
	logs       []gap.Log
	warnings   []string
}

// mapper turns spans of OTLP into ours.
type mapper struct {
	all        bool // keep everything
	process    *gap.Process
	scope      []gap.Field // only if all is set
	tags       spanjson.Slab[gap.Field]
	tagged     bool                     // the current span has tags
	fields     spanjson.Slab[gap.Field] // of resources and events
	references spanjson.Slab[gap.Reference]
	links      []gap.Reference // of the current span
	processes  processes
}

// scopeTags returns the tags for the library that made a span.
func scopeTags(name, version string) (tags []gap.Field) {
	if name != "" {
		tags = append(tags, gap.Field{Key: scopeKey, Value: name})
	}
	if version != "" {
		tags = append(tags, gap.Field{Key: scopeVersionKey, Value: version})
	}
	return tags
}

func (m *mapper) addTag(key string, value any) {
	m.tags.Add(gap.Field{Key: key, Value: value})
	m.tagged = true
}

func (m *mapper) addLink(link gap.Reference) {
	if link.SpanID != 0 {
		m.links = append(m.links, link)
	}
}

// drop forgets the attributes and links of the current span.
func (m *mapper) drop() {
	m.tags.Take()
	m.tagged, m.links = false, m.links[:0]
}

// finish writes the current span to made, which is zero.
func (m *mapper) finish(s *span, made *gap.Span) {
	made.TraceID, made.SpanID, made.Operation, made.Process = s.traceID, s.id, s.name, m.process
	made.References, made.Tags = m.finishReferences(s), m.finishTags(s)
	if s.logs != nil {
		made.Logs = s.logs
	}
	if s.warnings != nil {
		made.Warnings = s.warnings
	}
	if s.start != 0 {
		start := moment(s.start)
		made.Start = time.Unix(0, start).UTC()
		made.Duration = time.Duration(moment(s.end) - start) // negative if there is no end, so that Build warns
	}
}

// moment returns a time that OTLP has as an unsigned number. If it does not fit into 64 bits with a
// sign, it is the last that does, which Build warns of.
func moment(nanos int64) int64 {
	if nanos < 0 {
		return math.MaxInt64
	}
	return nanos
}

// finishReferences returns the parent and the links. A link to the parent only says how the span
// depends on it, as in OpenTelemetry's translation to Jaeger.
func (m *mapper) finishReferences(s *span) []gap.Reference {
	if s.parent != 0 {
		parent := gap.Reference{SpanID: s.parent}
		links := m.links[:0]
		for _, link := range m.links {
			if link.SpanID == s.parent && link.TraceID == s.traceID {
				parent.Type = link.Type
			} else {
				links = append(links, link)
			}
		}
		m.links = links
		m.references.Add(parent)
	}
	for _, link := range m.links {
		m.references.Add(link)
	}
	m.links = m.links[:0]
	return m.references.Take()
}

// finishTags returns the attributes, followed by what other fields of OTLP say.
func (m *mapper) finishTags(s *span) []gap.Field {
	if s.kind < 0 || s.kind >= len(kinds) {
		s.kind = 0
	}
	failed := 0
	if s.status == statusError {
		failed = 1
	}
	if m.all {
		switch s.status {
		case statusOK:
			m.addTag(statusKey, "OK")
		case statusError:
			m.addTag(statusKey, "ERROR")
		}
		if s.message != "" {
			m.addTag(messageKey, s.message)
		}
	}
	more := kindTags[s.kind][failed]
	if !m.tagged && len(m.scope) == 0 {
		return more
	}
	for _, tag := range more {
		m.tags.Add(tag)
	}
	for _, tag := range m.scope {
		m.tags.Add(tag)
	}
	m.tagged = false
	return m.tags.Take()
}

// event returns an event as Jaeger logs it. The mapper has its attributes.
func (m *mapper) event(nanos int64, name string) gap.Log {
	fields := m.fields.Take()
	if name != "" && !slices.ContainsFunc(fields, func(f gap.Field) bool { return f.Key == eventKey }) {
		fields = slices.Insert(fields, 0, gap.Field{Key: eventKey, Value: name})
	}
	return gap.Log{Time: time.Unix(0, nanos).UTC(), Fields: fields}
}

// addWarnings adds the warnings in the value of an attribute.
func (s *span) addWarnings(value any) {
	switch v := value.(type) {
	case string:
		s.warnings = append(s.warnings, v)
	case []any:
		for _, text := range v {
			if text, ok := text.(string); ok {
				s.warnings = append(s.warnings, text)
			}
		}
	}
}

// setResource sets the process of the spans that follow. The mapper has its attributes.
func (m *mapper) setResource(service string) {
	m.process = m.processes.get(service, m.fields.Take())
}
