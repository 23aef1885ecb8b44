package otlp

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"mime"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
	collectorpb "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/slim/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Names of tags and fields that have a place of their own in OTLP, or come from such a place.
// Package gap/otlp reads them back.
const (
	serviceKey = "service.name"
	kindKey    = "span.kind"
	errorKey   = "error"
	eventKey   = "event"
	messageKey = "otel.status_description"
	refTypeKey = "opentracing.ref_type"

	scopeName = "github.com/gaptrace/gaptrace/tracer/otlp"

	sampled = 1 // the trace flag of W3C Trace Context
)

// kinds are the values of span.kind that OTLP has.
var kinds = map[string]tracepb.Span_SpanKind{
	"internal": tracepb.Span_SPAN_KIND_INTERNAL,
	"server":   tracepb.Span_SPAN_KIND_SERVER,
	"client":   tracepb.Span_SPAN_KIND_CLIENT,
	"producer": tracepb.Span_SPAN_KIND_PRODUCER,
	"consumer": tracepb.Span_SPAN_KIND_CONSUMER,
}

// encoder encodes requests. All their spans have the same process.
type encoder struct {
	rename   bool // to OpenTelemetry's semantic conventions
	gzip     bool
	resource *resourcepb.Resource // nil before the first request
}

func (e *encoder) encode(spans []gap.Span) ([]byte, error) {
	if e.resource == nil {
		e.resource = e.encodeProcess(spans[0].Process)
	}
	encoded := make([]*tracepb.Span, len(spans))
	for i, s := range spans {
		if e.rename {
			rename(&s)
		}
		encoded[i] = encodeSpan(&s)
	}
	request := &tracepb.ResourceSpans{Resource: e.resource, ScopeSpans: []*tracepb.ScopeSpans{{
		Scope: &commonpb.InstrumentationScope{Name: scopeName}, Spans: encoded,
	}}}
	if e.rename {
		request.SchemaUrl, request.ScopeSpans[0].SchemaUrl = schemaURL, schemaURL
	}
	body, err := proto.Marshal(&collectorpb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{request}})
	if err != nil || !e.gzip {
		return body, err
	}
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	err = w.Close()
	return compressed.Bytes(), err
}

func (e *encoder) encodeProcess(p *gap.Process) *resourcepb.Resource {
	tags := slices.Clone(p.Tags)
	slices.Reverse(tags) // since Jaeger's client adds its own tags, such as hostname, after the program's
	tags = unique(tags)
	slices.Reverse(tags)
	if e.rename {
		tags = renameProcess(tags)
	}
	tags = slices.DeleteFunc(tags, func(f gap.Field) bool { return f.Key == serviceKey })
	attributes := append([]gap.Field{{Key: serviceKey, Value: p.Service}}, tags...)
	return &resourcepb.Resource{Attributes: encodeFields(attributes)}
}

// encodeSpan leaves out the tags that OTLP has fields for.
func encodeSpan(s *gap.Span) *tracepb.Span {
	made := &tracepb.Span{
		TraceId:           traceID(s.TraceID),
		SpanId:            spanID(s.SpanID),
		Name:              mend(s.Operation),
		StartTimeUnixNano: nanos(s.Start),
		EndTimeUnixNano:   nanos(s.Start.Add(s.Duration)),
		Flags:             sampled,
		Attributes:        make([]*commonpb.KeyValue, 0, len(s.Tags)),
	}
	var status tracepb.Status
	for _, tag := range s.Tags {
		text, _ := tag.Value.(string)
		switch {
		case tag.Key == kindKey && kinds[text] != 0:
			made.Kind = kinds[text]
		case tag.Key == errorKey && (tag.Value == true || text == "true"):
			status.Code = tracepb.Status_STATUS_CODE_ERROR
		case tag.Key == messageKey && text != "":
			status.Message = mend(text)
		default:
			made.Attributes = append(made.Attributes, encodeField(tag))
		}
	}
	if status.Code != 0 || status.Message != "" {
		made.Status = &status
	}
	encodeReferences(s, made)
	for _, l := range s.Logs {
		made.Events = append(made.Events, encodeLog(l))
	}
	return made
}

// encodeReferences sets the parent, which is the first ChildOf reference within the trace, or else
// the first reference within it. OpenTelemetry's compatibility with OpenTracing says so. All other
// references become links, and so does the parent if the span does not block it.
func encodeReferences(s *gap.Span, made *tracepb.Span) {
	parent := slices.IndexFunc(s.References, func(r gap.Reference) bool {
		return r.Type == gap.ChildOf && r.TraceID == s.TraceID && r.SpanID != 0
	})
	if parent < 0 {
		parent = slices.IndexFunc(s.References, func(r gap.Reference) bool {
			return r.TraceID == s.TraceID && r.SpanID != 0
		})
	}
	for i, r := range s.References {
		if i == parent {
			made.ParentSpanId = spanID(r.SpanID)
		}
		if r.SpanID == 0 || i == parent && r.Type == gap.ChildOf {
			continue
		}
		refType := "child_of"
		if r.Type == gap.FollowsFrom {
			refType = "follows_from"
		}
		made.Links = append(made.Links, &tracepb.Span_Link{
			TraceId: traceID(r.TraceID), SpanId: spanID(r.SpanID),
			Attributes: encodeFields([]gap.Field{{Key: refTypeKey, Value: refType}}),
		})
	}
}

// encodeLog makes the field event the event's name.
func encodeLog(l gap.Log) *tracepb.Span_Event {
	made := &tracepb.Span_Event{TimeUnixNano: nanos(l.Time)}
	for _, f := range unique(l.Fields) {
		if name, ok := f.Value.(string); ok && f.Key == eventKey && name != "" {
			made.Name = mend(name)
		} else {
			made.Attributes = append(made.Attributes, encodeField(f))
		}
	}
	return made
}

// unique returns fields without those whose key comes again later. OTLP does not allow two
// attributes with the same key.
func unique(fields []gap.Field) []gap.Field {
	last := make(map[string]int, len(fields))
	for i, f := range fields {
		last[f.Key] = i
	}
	if len(last) == len(fields) {
		return fields
	}
	kept := make([]gap.Field, 0, len(last))
	for i, f := range fields {
		if last[f.Key] == i {
			kept = append(kept, f)
		}
	}
	return kept
}

func encodeFields(fields []gap.Field) []*commonpb.KeyValue {
	attributes := make([]*commonpb.KeyValue, len(fields))
	for i, f := range fields {
		attributes[i] = encodeField(f)
	}
	return attributes
}

func encodeField(f gap.Field) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: mend(f.Key), Value: encodeValue(f.Value)}
}

func encodeValue(value any) *commonpb.AnyValue {
	switch v := value.(type) {
	case string:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: mend(v)}}
	case bool:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v}}
	case int64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v}}
	case float64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v}}
	case []byte:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: v}}
	case []string:
		var array commonpb.ArrayValue
		for _, s := range v {
			array.Values = append(array.Values, encodeValue(s))
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &array}}
	}
	return encodeValue(fmt.Sprint(value))
}

// mend replaces bytes that are not UTF-8, which Protobuf refuses. Jaeger's JSON has the same
// replacement.
func mend(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

func traceID(id gap.TraceID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 16), id.High), id.Low)
}

func spanID(id gap.SpanID) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 8), uint64(id))
}

// nanos returns t as nanoseconds since 1970. A time before 1970 becomes 0, and one after 2262
// becomes the last that an int64 can hold.
func nanos(t time.Time) uint64 {
	switch seconds := t.Unix(); {
	case seconds < 0:
		return 0
	case seconds >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return uint64(t.UnixNano())
}

// maxReason bounds how much of a collector's text an error repeats, in bytes.
const maxReason = 200

// rejected reads the answer to a request that was accepted.
func rejected(answerType string, answer []byte) (spans int, reason error) {
	var response collectorpb.ExportTraceServiceResponse
	mediaType, _, _ := mime.ParseMediaType(answerType) // it may have parameters
	if mediaType != contentType || proto.Unmarshal(answer, &response) != nil {
		return 0, nil
	}
	n := response.GetPartialSuccess().GetRejectedSpans()
	if n <= 0 {
		return 0, nil
	}
	text := "the collector accepted the request, but not all spans"
	if message := response.GetPartialSuccess().GetErrorMessage(); message != "" {
		text += ": " + printable.Text(message, maxReason)
	}
	return int(min(n, math.MaxInt32)), errors.New(text)
}
