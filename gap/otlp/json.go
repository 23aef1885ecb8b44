package otlp

import (
	"encoding/base64"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/internal/jsonscan"
)

// jsonDecoder decodes OTLP's JSON.
type jsonDecoder struct {
	*decoder
	span    span // the current one
	timesOK bool // all times of it are numbers

	// Methods, as variables, so that they are not allocated for each span.
	readSpan, readAttribute func()
	readSpanField           func(key []byte)
}

func newJSONDecoder(d *decoder) *jsonDecoder {
	j := &jsonDecoder{decoder: d}
	j.readSpan, j.readSpanField, j.readAttribute = j.spanOrNull, j.spanField, j.spanAttribute
	return j
}

// documents reads the whole input.
func (d *jsonDecoder) documents() {
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
		d.flush()
	}
}

// document reads an export request, an answer of Jaeger or Tempo, or an array of these.
func (d *jsonDecoder) document() {
	switch d.Peek() {
	case '[':
		d.Array(d.document)
	case '{':
		d.request()
	case 'n':
		d.Literal("null")
	default:
		d.Fail(0, `an object of OTLP with "resourceSpans"`)
	}
}

func (d *jsonDecoder) request() {
	known, empty := false, true
	d.Object(func(key []byte) {
		empty = false
		switch string(key) {
		case "resourceSpans", "resource_spans", "batches":
			known = true
			d.Array(d.resourceSpans)
		case "result", "trace":
			known = true
			d.document()
		case "error":
			known = true
			d.answerError()
		case "resourceMetrics", "resource_metrics", "resourceLogs", "resource_logs", "resourceProfiles":
			known = true // the collector may write them to the same file
			d.Skip()
		default:
			d.Skip()
		}
	})
	if !known && !empty && d.Err == nil {
		d.Stop(&jsonscan.Error{
			Offset: d.Offset(), Expected: `an object with "resourceSpans", "batches", "trace" or "result"`, Found: "one without",
		})
	}
}

// answerError reads an error that a server has reported.
func (d *jsonDecoder) answerError() {
	if d.Null() {
		return
	}
	e := &AnswerError{Name: d.Name}
	if d.Peek() == '"' {
		e.Message = d.String()
	} else {
		d.Object(func(key []byte) {
			switch string(key) {
			case "httpCode":
				e.Code = d.Code()
			case "message":
				e.Message = d.String()
			default:
				d.Skip()
			}
		})
	}
	if len(d.answerErrors) < maxAnswerErrors {
		d.answerErrors = append(d.answerErrors, e)
	}
}

func (d *jsonDecoder) resourceSpans() {
	d.beginResource()
	d.Object(func(key []byte) {
		switch string(key) {
		case "resource":
			d.resource(d.readResource())
		case "scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans":
			d.Array(d.scopeSpans)
		default:
			d.Skip()
		}
	})
	d.endResource()
}

// readResource reads the attributes of a resource. It returns the name of the service.
func (d *jsonDecoder) readResource() (service string) {
	d.Object(func(key []byte) {
		if string(key) != "attributes" {
			d.Skip()
			return
		}
		d.Array(func() {
			key, value := d.attribute(nil)
			if text, ok := value.(string); ok && key == serviceKey {
				service = text
			} else if value != nil {
				d.fields.Add(gap.Field{Key: key, Value: fieldValue(value)})
			}
		})
	})
	return service
}

func (d *jsonDecoder) scopeSpans() {
	d.beginScope()
	d.Object(func(key []byte) {
		switch string(key) {
		case "scope", "instrumentationLibrary", "instrumentation_library":
			if d.all {
				d.readScope()
			} else {
				d.Skip()
			}
		case "spans":
			d.Array(d.readSpan)
		default:
			d.Skip()
		}
	})
}

func (d *jsonDecoder) readScope() {
	var name, version string
	d.Object(func(key []byte) {
		switch string(key) {
		case "name":
			name = d.String()
		case "version":
			version = d.String()
		default:
			d.Skip()
		}
	})
	d.setScope(name, version)
}

func (d *jsonDecoder) spanOrNull() {
	if d.Null() {
		return
	}
	d.span, d.timesOK = span{}, true
	if d.Object(d.readSpanField); d.timesOK {
		d.add(&d.span)
	} else {
		d.drop()
	}
}

func (d *jsonDecoder) spanField(key []byte) {
	s := &d.span
	switch string(key) {
	case "traceId", "trace_id", "traceID":
		s.traceID = d.traceID()
	case "spanId", "span_id", "spanID":
		s.id = d.spanID()
	case "parentSpanId", "parent_span_id", "parentSpanID":
		s.parent = d.spanID()
	case "name":
		s.name = d.String()
	case "kind":
		s.kind = d.enum("SPAN_KIND_", kindNames[:])
	case "startTimeUnixNano", "start_time_unix_nano":
		s.start = d.time("nanoseconds since 1970 (startTimeUnixNano)")
	case "endTimeUnixNano", "end_time_unix_nano":
		s.end = d.time("nanoseconds since 1970 (endTimeUnixNano)")
	case "attributes":
		d.Array(d.readAttribute)
	case "status":
		d.status()
	case "links":
		d.Array(d.link)
	case "events":
		if s.logs = nil; d.all {
			d.Array(d.readEvent)
		} else {
			d.Skip()
		}
	default:
		d.Skip()
	}
}

func (d *jsonDecoder) time(what string) int64 {
	nanos, ok := d.Nanos(what)
	d.timesOK = d.timesOK && ok
	return nanos
}

func (d *jsonDecoder) spanAttribute() {
	switch key, value := d.attribute(&d.keep); {
	case value == nil:
	case key == warningsKey:
		d.span.addWarnings(value)
	default:
		d.addTag(key, fieldValue(value))
	}
}

func (d *jsonDecoder) status() {
	d.Object(func(key []byte) {
		switch string(key) {
		case "code":
			d.span.status = d.enum("STATUS_CODE_", statusNames[:])
		case "message":
			d.span.message = d.String()
		default:
			d.Skip()
		}
	})
}

func (d *jsonDecoder) link() {
	link := gap.Reference{Type: gap.FollowsFrom}
	d.Object(func(key []byte) {
		switch string(key) {
		case "traceId", "trace_id", "traceID":
			link.TraceID = d.traceID()
		case "spanId", "span_id", "spanID":
			link.SpanID = d.spanID()
		case "attributes":
			d.Array(func() {
				if key, value := d.attribute(nil); key == refTypeKey && value == childOf {
					link.Type = gap.ChildOf
				}
			})
		default:
			d.Skip()
		}
	})
	d.addLink(link)
}

func (d *jsonDecoder) readEvent() {
	var nanos int64
	name, ok := "", true
	d.Object(func(key []byte) {
		switch string(key) {
		case "timeUnixNano", "time_unix_nano":
			nanos, ok = d.Nanos("nanoseconds since 1970 (timeUnixNano)")
		case "name":
			name = d.String()
		case "attributes":
			d.Array(func() {
				if key, value := d.attribute(nil); value != nil {
					d.fields.Add(gap.Field{Key: key, Value: fieldValue(value)})
				}
			})
		default:
			d.Skip()
		}
	})
	if log := d.event(nanos, name); ok && d.Err == nil {
		d.span.logs = append(d.span.logs, log)
	}
}

// attribute reads a key with its value. The value is nil if the attribute has none. It is also nil
// if it is not kept: neither everything is kept, nor is the key among keep. A nil keep has all
// keys.
func (d *jsonDecoder) attribute(keep *keys) (name string, value any) {
	named, skip := false, false
	d.Object(func(key []byte) {
		switch {
		case string(key) == "key":
			text := d.Text()
			named = true
			if skip = keep != nil && !d.all && !has(keep, text); !skip {
				name = d.Intern(text).(string)
			}
		case string(key) == "value" && !skip:
			value = d.value(0)
		default:
			d.Skip()
		}
	})
	if skip || d.Err != nil || !named && keep != nil && !d.all && !has(keep, "") { // pdata leaves out an empty key
		return "", nil
	}
	return name, value
}

// value reads the value of an attribute: an object whose key is the type.
func (d *jsonDecoder) value(depth int) (value any) {
	if depth > maxDepth || d.Peek() != '{' {
		d.Skip()
		return nil
	}
	d.Object(func(key []byte) {
		switch string(key) {
		case "stringValue", "string_value":
			if c := d.Peek(); c == '"' {
				value = d.Intern(d.Text())
			} else {
				value = d.scalar()
			}
		case "boolValue", "bool_value":
			if value = d.scalar(); value == "true" || value == "false" {
				value = value == "true"
			}
		case "intValue", "int_value":
			value = integer(d.scalar())
		case "doubleValue", "double_value":
			value = float(d.scalar())
		case "bytesValue", "bytes_value":
			value = d.scalar()
			if text, ok := value.(string); ok {
				if b, err := base64.StdEncoding.DecodeString(text); err == nil {
					value = b
				}
			}
		case "arrayValue", "array_value":
			value = d.array(depth)
		case "kvlistValue", "kvlist_value":
			value = d.list(depth)
		default:
			d.Skip()
		}
	})
	return value
}

func (d *jsonDecoder) array(depth int) any {
	values := []any{}
	d.Object(func(key []byte) {
		if string(key) == "values" {
			d.Array(func() { values = append(values, d.value(depth+1)) })
		} else {
			d.Skip()
		}
	})
	return values
}

func (d *jsonDecoder) list(depth int) any {
	values := map[string]any{}
	d.Object(func(key []byte) {
		if string(key) != "values" {
			d.Skip()
			return
		}
		d.Array(func() {
			var name string
			var value any
			d.Object(func(key []byte) {
				switch string(key) {
				case "key":
					name = d.String()
				case "value":
					value = d.value(depth + 1)
				default:
					d.Skip()
				}
			})
			values[name] = value
		})
	})
	return values
}

// scalar reads a string, number or bool. Numbers are returned as text. Anything else is nil.
func (d *jsonDecoder) scalar() any {
	switch c := d.Peek(); {
	case c == '"':
		return d.Intern(d.Text())
	case c == '-' || jsonscan.IsDigit(c):
		return string(d.Number())
	case c == 't':
		d.Literal("true")
		return true
	case c == 'f':
		d.Literal("false")
		return false
	}
	d.Skip()
	return nil
}

// integer returns value as an int64 if it is the text of a number.
func integer(value any) any {
	text, _ := value.(string)
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return i
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(f) < 1<<63 {
		return int64(f)
	}
	return value
}

// float returns value as a float64 if it is the text of a number.
func float(value any) any {
	text, _ := value.(string)
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return f
	}
	return value
}

var (
	kindNames   = [...]string{"UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"}
	statusNames = [...]string{"UNSET", "OK", "ERROR"}
)

// enum reads a value of an enumeration: its number, or its name with or without the prefix. Any
// other value is 0.
func (d *jsonDecoder) enum(prefix string, names []string) int {
	var text string
	switch c := d.Peek(); {
	case c == '"':
		text = d.Intern(d.Text()).(string)
	case c == '-' || jsonscan.IsDigit(c):
		if number := d.Number(); len(number) == 1 {
			return int(number[0] - '0')
		} else {
			text = string(number)
		}
	default:
		d.Skip()
		return 0
	}
	for i, name := range names {
		if strings.TrimPrefix(text, prefix) == name {
			return i
		}
	}
	n, _ := strconv.ParseFloat(text, 64)
	return int(max(0, min(n, 100)))
}
