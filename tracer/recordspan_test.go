package tracer_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
)

// recorded returns what a Recorder keeps of one span, how many bytes of text that has, and the
// value of TruncatedTag.
func recorded(t *testing.T, fill func(opentracing.Span)) (s gap.Span, bytes int, lost any) {
	t.Helper()
	r := tracer.NewRecorder(0)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	span := tr.StartSpan("a")
	fill(span)
	span.Finish()
	s = r.Traces()[0][0]
	count := func(fields []gap.Field) {
		for _, f := range fields {
			bytes += len(f.Key)
			switch v := f.Value.(type) {
			case string:
				bytes += len(v)
			case []byte:
				bytes += len(v)
			}
			if f.Key == tracer.TruncatedTag {
				lost = f.Value
			}
		}
	}
	bytes += len(s.Operation)
	count(s.Tags)
	for _, l := range s.Logs {
		count(l.Fields)
	}
	return s, bytes, lost
}

func TestRecorderValues(t *testing.T) {
	tr, r := recording(t)
	raw := []byte("raw")
	span := tr.StartSpan("a", ext.SpanKindRPCClient)
	for k, v := range map[string]any{
		"string": "s", "bool": true, "int": -1, "uint8": uint8(1), "uint64": uint64(math.MaxUint64), "int64": int64(2),
		"float32": float32(0.5), "float64": 0.25, "bytes": raw, "nil": nil, "error": errors.New("e"),
		"duration": time.Second, "slice": []string{"x", "y"}, "bomb": bomb{}, "nil stringer": (*bomb)(nil),
		"long": strings.Repeat("é", 64<<10),
	} {
		span.SetTag(k, v)
	}
	span.SetTag("twice", 1).SetTag("twice", 2)
	before := time.Now()
	span.LogFields(log.String("event", "error"), log.Error(errors.New("boom")), log.Int("n", 1), log.Bool("b", true),
		log.Float64("f", 0.5),
		log.Object("o", []int{1}), log.Noop(), log.Object("bomb", bomb{}), log.Error(explosive{}), log.Error(nil),
		log.Lazy(func(e log.Encoder) { e.EmitString("lazy", "yes") }), log.Lazy(func(log.Encoder) { panic("no") }))
	span.Finish()
	raw[0] = 'X'
	span.SetTag("late", true)

	got := r.Traces()[0][0]
	tags := map[string]any{}
	for _, f := range got.Tags {
		tags[f.Key] = f.Value
	}
	if long := tags["long"].(string); len(long) != 64<<10 || strings.Trim(long, "é") != "" {
		t.Errorf("a long value is truncated to %d bytes, %q…", len(long), long[len(long)-3:])
	}
	delete(tags, "long")
	want := map[string]any{
		"string": "s", "bool": true, "int": int64(-1), "uint8": int64(1), "uint64": "18446744073709551615",
		"int64":   int64(2),
		"float32": 0.5, "float64": 0.25, "bytes": []byte("raw"), "nil": "<nil>", "error": "e",
		"duration": "1s", "slice": "[x y]", "bomb": "tracer_test.bomb that panics when printed",
		"nil stringer": "<nil>",
		"twice":        int64(2), "span.kind": "client", "sampler.type": "const", "sampler.param": true,
		tracer.TruncatedTag: int64(1),
	}
	if !reflect.DeepEqual(tags, want) {
		t.Errorf("got  %v\nwant %v", tags, want)
	}
	if len(got.Logs) != 1 || got.Logs[0].Time.Before(before.Round(0)) || got.Logs[0].Time.After(time.Now()) {
		t.Fatalf("logs %v", got.Logs)
	}
	if s, want := fmt.Sprint(got.Logs[0].Fields), "[{event error} {error.object boom} {n 1} {b true} {f 0.5} {o [1]} "+
		"{bomb a field that panics when printed} {error.object a field that panics when printed} {error.object <nil>} "+
		"{lazy yes} { a field that panics when printed}]"; s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

// explosive is an error whose text panics.
type explosive struct{}

func (explosive) Error() string { panic("no text") }

func manyTags(n int, value any) func(opentracing.Span) {
	return func(s opentracing.Span) {
		for i := range n {
			s.SetTag(fmt.Sprintf("%04d", i), value)
		}
	}
}

func manyKeys(n int, end string) func(opentracing.Span) {
	return func(s opentracing.Span) {
		for i := range n {
			s.SetTag(fmt.Sprintf("%04d", i)+end, 1)
		}
	}
}

func manyLogs(n int, fields ...log.Field) func(opentracing.Span) {
	return func(s opentracing.Span) {
		for range n {
			s.LogFields(fields...)
		}
	}
}

func TestRecorderLimitsBytesOfSpan(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for name, test := range map[string]struct {
		fill      func(opentracing.Span)
		least, of int // the least number of bytes kept, and the number of things given
	}{
		"tags":              {manyTags(3000, long), 3 << 20, 3000},
		"bytes":             {manyTags(3000, []byte(long)), 3 << 20, 3000},
		"keys":              {manyKeys(100, long), 3 << 20, 100},
		"logs":              {manyLogs(100, log.String("a", long), log.String("b", long)), 3 << 20, 200},
		"fields of one log": {manyLogs(1, slices.Repeat([]log.Field{log.Int("n", 1)}, 200_000)...), 50_000, 200_000},
	} {
		t.Run(name, func(t *testing.T) {
			s, bytes, lost := recorded(t, test.fill)
			if bytes < test.least || bytes > 4<<20 {
				t.Errorf("%d bytes are kept", bytes)
			}
			kept := len(s.Tags) - 3 // the sampler's two, and TruncatedTag
			for _, l := range s.Logs {
				kept += len(l.Fields)
			}
			if name == "keys" { // all that are kept are truncated
				kept = 0
			}
			if lost != int64(test.of-kept) {
				t.Errorf("of %d things %d are kept; TruncatedTag is %v", test.of, kept, lost)
			}
			// Small tags are kept next to large ones, whatever their names.
			if s.Tags[len(s.Tags)-2].Key != "sampler.type" {
				t.Errorf("the last tags are %v", s.Tags[len(s.Tags)-2:])
			}
		})
	}
}

func TestRecorderLargeValuesLeaveSpace(t *testing.T) {
	large := strings.Repeat("x", 64<<10)
	s, _, lost := recorded(t, func(span opentracing.Span) {
		for i := range 100 {
			span.SetTag(fmt.Sprintf("a%03d", i), large)
		}
		for i := range 600 { // if all large ones were kept, these would exceed the limit
			span.SetTag(fmt.Sprintf("b%03d", i), large[:100])
		}
	})
	n := 0
	for _, f := range s.Tags {
		if f.Key[0] == 'b' {
			n++
		}
	}
	if n != 600 || lost == nil {
		t.Errorf("of 600 small tags after large ones %d are kept; truncated: %v", n, lost)
	}
}

func TestRecorderLeavesOutLogs(t *testing.T) {
	s, _, lost := recorded(t, func(span opentracing.Span) {
		span.LogFields(slices.Repeat([]log.Field{log.Int("n", 1)}, 200_000)...) // which use up the limit
		for range 500 {
			span.LogFields()
		}
	})
	if len(s.Logs) > 10 || lost.(int64) < 200_000-int64(len(s.Logs[0].Fields))+490 {
		t.Errorf("%d logs are kept, and %v things left out", len(s.Logs), lost)
	}
}

func TestRecorderParentOfSelfRef(t *testing.T) {
	r := tracer.NewRecorder(0)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	const trace, span, parent = 7, 8, 9
	self := jaeger.SelfRef(jaeger.NewSpanContext(jaeger.TraceID{Low: trace}, span, parent, true, nil))
	other := jaeger.NewSpanContext(jaeger.TraceID{Low: 1}, parent, 0, true, nil) // the same ID in another trace
	named := jaeger.NewSpanContext(jaeger.TraceID{Low: trace}, parent, 0, true, nil)
	missing := gap.Reference{Type: gap.ChildOf, TraceID: gap.TraceID{Low: trace}, SpanID: parent}
	link := gap.Reference{Type: gap.FollowsFrom, TraceID: gap.TraceID{Low: 1}, SpanID: parent}
	for _, test := range []struct {
		opts []opentracing.StartSpanOption
		want []gap.Reference
	}{
		{[]opentracing.StartSpanOption{self}, []gap.Reference{missing}},
		{[]opentracing.StartSpanOption{self, opentracing.FollowsFrom(other)}, []gap.Reference{missing, link}},
		{
			[]opentracing.StartSpanOption{self, opentracing.FollowsFrom(named)},
			[]gap.Reference{{Type: gap.FollowsFrom, TraceID: missing.TraceID, SpanID: parent}},
		},
		{[]opentracing.StartSpanOption{opentracing.FollowsFrom(other)}, []gap.Reference{link}},
	} {
		tr.StartSpan("a", test.opts...).Finish()
		traces := r.Traces()
		spans := traces[len(traces)-1]
		if got := spans[len(spans)-1].References; !slices.Equal(got, test.want) {
			t.Errorf("got %v, want %v", got, test.want)
		}
	}
}

func TestRecorderLimitsReferences(t *testing.T) {
	r := tracer.NewRecorder(0)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	var o opentracing.StartSpanOptions
	parent := tr.StartSpan("parent").Context()
	for range 200_000 {
		o.References = append(o.References, opentracing.FollowsFrom(parent))
	}
	tr.StartSpan("a", allOptions{&o}).Finish()
	s := r.Traces()[0][0]
	if n := len(s.References); n < 50_000 || n > 150_000 ||
		s.Tags[len(s.Tags)-1] != (gap.Field{Key: tracer.TruncatedTag, Value: int64(200_000 - n)}) {
		t.Errorf("%d references, tags %v", n, s.Tags)
	}
}

func TestRecorderTruncatesBetweenRunes(t *testing.T) {
	long := strings.Repeat("é", 64<<10)
	s, _, lost := recorded(t, func(span opentracing.Span) {
		span.SetOperationName("a" + long)
		span.SetTag("k"+long, 1)
		span.SetTag("raw", []byte(long))
		span.LogFields(log.String("l"+long, "v"+long))
	})
	for _, got := range []string{
		s.Operation, s.Tags[0].Key, s.Logs[0].Fields[0].Key,
		s.Logs[0].Fields[0].Value.(string),
	} {
		if len(got) != 64<<10-1 || strings.Trim(got[1:], "é") != "" {
			t.Errorf("truncated to %d bytes, %q…", len(got), got[len(got)-3:])
		}
	}
	if raw := s.Tags[1].Value.([]byte); len(raw) != 64<<10 {
		t.Errorf("bytes are truncated to %d", len(raw))
	}
	if lost != int64(5) {
		t.Errorf("%v were truncated", lost)
	}
}

func TestRecorderLimitsLogs(t *testing.T) {
	for n, want := range map[int]any{1000: nil, 1003: int64(3)} {
		s, _, lost := recorded(t, func(span opentracing.Span) {
			for i := range n {
				span.LogFields(log.Int("n", i))
			}
		})
		if len(s.Logs) != 1000 || s.Logs[999].Fields[0].Value != int64(999) || lost != want {
			t.Errorf("of %d logs %d are kept, and %v left out", n, len(s.Logs), lost)
		}
	}
}
