package tracer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
)

// recorded is what a Recorder keeps of one span, how many bytes of words are in that, and what it says was cut.
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

func TestOneSpanIsBoundedInBytes(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for name, test := range map[string]struct {
		fill      func(opentracing.Span)
		least, of int // how many bytes are kept at least, of how many things
	}{
		"tags": {func(s opentracing.Span) {
			for i := range 3000 {
				s.SetTag(fmt.Sprintf("%04d", i), long)
			}
		}, 3 << 20, 3000},
		"bytes": {func(s opentracing.Span) {
			for i := range 3000 {
				s.SetTag(fmt.Sprintf("%04d", i), []byte(long))
			}
		}, 3 << 20, 3000},
		"keys": {func(s opentracing.Span) {
			for i := range 100 {
				s.SetTag(fmt.Sprintf("%04d", i)+long, 1)
			}
		}, 3 << 20, 100},
		"logs": {func(s opentracing.Span) {
			for range 100 {
				s.LogFields(log.String("a", long), log.String("b", long))
			}
		}, 3 << 20, 200},
		"fields of one log": {func(s opentracing.Span) {
			var fields []log.Field
			for range 200_000 {
				fields = append(fields, log.Int("n", 1))
			}
			s.LogFields(fields...)
		}, 50_000, 200_000},
	} {
		t.Run(name, func(t *testing.T) {
			s, bytes, lost := recorded(t, test.fill)
			if bytes < test.least || bytes > 4<<20 {
				t.Errorf("%d bytes are kept", bytes)
			}
			kept := len(s.Tags) - 3 // the sampler's two, and what was cut
			for _, l := range s.Logs {
				kept += len(l.Fields)
			}
			if name == "keys" { // each that is kept was cut
				kept = 0
			}
			if lost != int64(test.of-kept) {
				t.Errorf("of %d things %d are kept, and %v are said to be cut or left out", test.of, kept, lost)
			}
			// Small tags are kept beside large ones, whatever they are called.
			if s.Tags[len(s.Tags)-2].Key != "sampler.type" {
				t.Errorf("the last tags are %v", s.Tags[len(s.Tags)-2:])
			}
		})
	}
}

func TestLargeThingsLeaveRoomForTheSmallOnesBehindThem(t *testing.T) {
	large := strings.Repeat("x", 64<<10)
	s, _, lost := recorded(t, func(span opentracing.Span) {
		for i := range 100 {
			span.SetTag(fmt.Sprintf("a%03d", i), large)
		}
		for i := range 600 { // more than is left beside so many large ones as there is room for
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
		t.Errorf("of 600 small tags behind large ones %d are kept; cut: %v", n, lost)
	}
}

func TestALogWithoutRoomIsLeftOut(t *testing.T) {
	s, _, lost := recorded(t, func(span opentracing.Span) {
		span.LogFields(slices.Repeat([]log.Field{log.Int("n", 1)}, 200_000)...) // which take all there is
		for range 500 {
			span.LogFields()
		}
	})
	if len(s.Logs) > 10 || lost.(int64) < 200_000-int64(len(s.Logs[0].Fields))+490 {
		t.Errorf("%d logs are kept, and %v things left out", len(s.Logs), lost)
	}
}

func TestASpanMadeBySelfRefKeepsItsParent(t *testing.T) {
	r := tracer.NewRecorder(0)
	tr, closer := jaeger.NewTracer("own", jaeger.NewConstSampler(true), r)
	defer closer.Close()
	const trace, span, parent = 7, 8, 9
	self := jaeger.SelfRef(jaeger.NewSpanContext(jaeger.TraceID{Low: trace}, span, parent, true, nil))
	other := jaeger.NewSpanContext(jaeger.TraceID{Low: 1}, parent, 0, true, nil) // of the same id, in another trace
	named := jaeger.NewSpanContext(jaeger.TraceID{Low: trace}, parent, 0, true, nil)
	missing := gap.Reference{Type: gap.ChildOf, TraceID: gap.TraceID{Low: trace}, SpanID: parent}
	link := gap.Reference{Type: gap.FollowsFrom, TraceID: gap.TraceID{Low: 1}, SpanID: parent}
	for _, test := range []struct {
		opts []opentracing.StartSpanOption
		want []gap.Reference
	}{
		{[]opentracing.StartSpanOption{self}, []gap.Reference{missing}},
		{[]opentracing.StartSpanOption{self, opentracing.FollowsFrom(other)}, []gap.Reference{missing, link}},
		{[]opentracing.StartSpanOption{self, opentracing.FollowsFrom(named)}, []gap.Reference{{Type: gap.FollowsFrom, TraceID: missing.TraceID, SpanID: parent}}},
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

func TestReferencesOfOneSpanAreBounded(t *testing.T) {
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
	if n := len(s.References); n < 50_000 || n > 150_000 || s.Tags[len(s.Tags)-1] != (gap.Field{Key: tracer.TruncatedTag, Value: int64(200_000 - n)}) {
		t.Errorf("%d references, tags %v", n, s.Tags)
	}
}

func TestNamesAreCutOnTheBoundaryOfARune(t *testing.T) {
	long := strings.Repeat("é", 64<<10)
	s, _, lost := recorded(t, func(span opentracing.Span) {
		span.SetOperationName("a" + long)
		span.SetTag("k"+long, 1)
		span.SetTag("raw", []byte(long))
		span.LogFields(log.String("l"+long, "v"+long))
	})
	for _, got := range []string{s.Operation, s.Tags[0].Key, s.Logs[0].Fields[0].Key, s.Logs[0].Fields[0].Value.(string)} {
		if len(got) != 64<<10-1 || strings.Trim(got[1:], "é") != "" {
			t.Errorf("cut to %d bytes, %q…", len(got), got[len(got)-3:])
		}
	}
	if raw := s.Tags[1].Value.([]byte); len(raw) != 64<<10 {
		t.Errorf("bytes are cut to %d", len(raw))
	}
	if lost != int64(5) {
		t.Errorf("%v were cut", lost)
	}
}

func TestOfOneSpanTheFirstThousandLogsAreKept(t *testing.T) {
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

func TestARecorderForgetsTheProcessesOfTracersThatAreGone(t *testing.T) {
	r := tracer.NewRecorder(1000)
	var first opentracing.Tracer
	for i := range 65 {
		tr, closer := jaeger.NewTracer(fmt.Sprint(i), jaeger.NewConstSampler(true), r)
		defer closer.Close()
		if i == 0 {
			first = tr
			tr.StartSpan("a").Finish()
		}
		tr.StartSpan("a").Finish()
	}
	first.StartSpan("a").Finish()
	traces := r.Traces()
	p := func(i int) *gap.Process { return traces[i][0].Process }
	if p(0) != p(1) || p(0) == p(66) || p(66).Service != "0" {
		t.Error("of a tracer that 64 others came behind the process is still kept, or was never")
	}
}
