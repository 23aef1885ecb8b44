package tracer

import (
	"io"
	"maps"
	"reflect"
	"runtime/trace"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/mark"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

// finishedSpans returns a span of each shape that a mark distinguishes.
func finishedSpans(t testing.TB) map[string]*jaeger.Span {
	spans := map[string]*jaeger.Span{}
	for name, options := range map[string][]jaeger.TracerOption{
		"":             nil,
		"128 bits, ":   {jaeger.TracerOptions.Gen128Bit(true)},
		"shared IDs, ": {jaeger.TracerOptions.ZipkinSharedRPCSpan(true)},
		"pooled, ":     {jaeger.TracerOptions.PoolSpans(true)},
	} {
		tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), jaeger.NewNullReporter(), options...)
		t.Cleanup(func() { closer.Close() })
		finished := func(operation string, opts ...opentracing.StartSpanOption) *jaeger.Span {
			span := tr.StartSpan(operation, opts...).(*jaeger.Span)
			span.Retain() // or the tracer may reuse it
			span.SetBaggageItem("user", "7")
			span.LogKV("event", "x")
			span.Finish()
			spans[name+operation] = span
			return span
		}
		root := finished("root")
		child := opentracing.ChildOf(root.Context())
		for _, kind := range []ext.SpanKindEnum{"server", "client", "producer", "consumer", "internal", "other"} {
			finished(string(kind), child, opentracing.Tag{Key: "span.kind", Value: kind})
		}
		call := finished("call", child, ext.SpanKindRPCClient, opentracing.Tags{
			"component": "net/http", "http.status_code": 200, "error": false, "wait.joined_us": int64(5),
		})
		finished("call wait", child, opentracing.FollowsFrom(call.Context()), ext.SpanKindRPCClient)
		finished("failed", opentracing.Tag{Key: "error", Value: true})
		finished("tag as int", opentracing.Tag{Key: "wait.joined_us", Value: 5})
		finished("two traces", opentracing.FollowsFrom(root.Context()), opentracing.FollowsFrom(finished("b").Context()))
		finished("SelfRef", jaeger.SelfRef(jaeger.NewSpanContext(root.SpanContext().TraceID(), 7, 6, true, nil)))
		finished("old", opentracing.StartTime(time.Unix(0, 1)))
		finished("debug", child, opentracing.Tag{Key: "sampling.priority", Value: uint16(1)})
		written := finished("written later", child, opentracing.Tag{Key: "error", Value: true})
		written.SetTag("span.kind", "server").SetTag("error", false).SetTag("wait.joined_us", nil)
		written.SetOperationName("renamed")
		many := []opentracing.StartSpanOption{}
		for range 10 * mark.MaxReferences {
			many = append(many, opentracing.FollowsFrom(call.Context()))
		}
		finished("many references", many...)
	}
	return spans
}

// The reader of private fields must work with jaeger-client-go's last release, and read what the
// accessors return.
func TestSpanFieldsEqualAccessors(t *testing.T) {
	fields := findSpanFields()
	if fields == nil {
		t.Fatal("not found")
	}
	kinds, failed, joined := map[gap.Kind]bool{}, false, false
	for name, span := range finishedSpans(t) {
		var fast, slow mark.Mark
		fast.References = fields.read(span, &fast, nil)
		slow.References = readSpan(span, &slow, nil)
		if !reflect.DeepEqual(fast, slow) || string(fast.Append(nil)) != string(slow.Append(nil)) {
			t.Errorf("%s:\n%+v\n%+v", name, fast, slow)
		}
		recorded := record(span)
		if m := slow.Span(nil); !reflect.DeepEqual(m.References, recorded.References) {
			t.Errorf("%s: references %v, the Recorder's %v", name, m.References, recorded.References)
		}
		kinds[fast.Kind], failed, joined = true, failed || fast.Error, joined || fast.JoinedUS != 0
	}
	if len(kinds) != 5 || !failed || !joined {
		t.Errorf("the spans have kinds %v, failed %v, joined %v", kinds, failed, joined)
	}
}

// A program may write to a span that it has finished, while the mark is written.
func TestSpanFieldsOfSpanInUse(t *testing.T) {
	fields := findSpanFields()
	span := finishedSpans(t)["root"]
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 1000 {
			span.SetTag("wait.joined_us", i).SetOperationName("renamed").SetBaggageItem("a", "b")
		}
	}()
	for last := int64(0); ; {
		var m mark.Mark
		m.References = fields.read(span, &m, nil)
		if m.JoinedUS < last {
			t.Errorf("%d after %d", m.JoinedUS, last)
		}
		last = m.JoinedUS
		select {
		case <-done:
			return
		default:
		}
	}
}

// structWith returns a struct with the fields that findFields looks for. A field in changed has
// another type, or is missing if that is nil.
func structWith(changed map[string]reflect.Type) reflect.Type {
	types := map[string]reflect.Type{
		"context":       reflect.TypeFor[jaeger.SpanContext](),
		"operationName": reflect.TypeFor[string](),
		"startTime":     reflect.TypeFor[time.Time](),
		"duration":      reflect.TypeFor[time.Duration](),
		"references":    reflect.TypeFor[[]jaeger.Reference](),
		"tags":          reflect.TypeFor[[]jaeger.Tag](),
		"logs":          reflect.TypeFor[[]opentracing.LogRecord](),
	}
	maps.Copy(types, changed)
	var fields []reflect.StructField
	for name, t := range types {
		if t != nil {
			fields = append(fields, reflect.StructField{Name: name, PkgPath: "jaeger", Type: t})
		}
	}
	return reflect.StructOf(fields)
}

func TestSpanFieldsUnknown(t *testing.T) {
	if findFields(structWith(nil)) == nil {
		t.Error("not found in a struct that has all fields")
	}
	for _, name := range []string{"context", "operationName", "startTime", "duration", "references", "tags", "logs"} {
		for _, other := range []reflect.Type{nil, reflect.TypeFor[int64](), reflect.TypeFor[*string]()} {
			if findFields(structWith(map[string]reflect.Type{name: other})) != nil {
				t.Errorf("found, with %s of type %v", name, other)
			}
		}
	}
	if findFields(structWith(map[string]reflect.Type{"tags": reflect.TypeFor[[]opentracing.Tag]()})) != nil {
		t.Error("found, with other tags")
	}
	if findFields(reflect.TypeFor[struct{ jaeger.Span }]()) != nil {
		t.Error("found in an embedded struct")
	}
}

func startTrace(t testing.TB) {
	if err := trace.Start(io.Discard); err != nil {
		t.Skipf("skipped: %v", err)
	}
	t.Cleanup(trace.Stop)
}

func TestNoOptionNoMarker(t *testing.T) {
	r := &reporter{}
	if got := new(options).withMarks(r, "shop"); got != r {
		t.Errorf("the reporter is %T", got)
	}
}

func TestMarkAllocations(t *testing.T) {
	span := finishedSpans(t)["call wait"]
	m := &marker{&reporter{}, "shop", findSpanFields()}
	report := func() { m.Report(span) }
	if n := testing.AllocsPerRun(100, report); n != 0 && !trace.IsEnabled() {
		t.Errorf("off: %v allocations", n)
	}
	startTrace(t)
	if n := testing.AllocsPerRun(100, report); n > 1 { // the message
		t.Errorf("on: %v allocations", n)
	}
}

func TestReferencesAreBounded(t *testing.T) {
	tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), jaeger.NewNullReporter())
	defer closer.Close()
	var opts []opentracing.StartSpanOption
	for range 10 * mark.MaxReferences {
		opts = append(opts, opentracing.FollowsFrom(tr.StartSpan("a").Context()))
	}
	span := tr.StartSpan("b", opts...).(*jaeger.Span)
	var m mark.Mark
	m.References = findSpanFields().read(span, &m, nil)
	parsed, err := mark.Parse(string(m.Append(nil)))
	if err != nil || len(parsed.References) != mark.MaxReferences || parsed.References[0].Type != gap.FollowsFrom {
		t.Errorf("%v, %+v", err, parsed)
	}
}

// BenchmarkMark marks the span of an HTTP call, as nethttp tags it.
func BenchmarkMark(b *testing.B) {
	tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), jaeger.NewNullReporter())
	defer closer.Close()
	span := tr.StartSpan("HTTP GET", opentracing.ChildOf(tr.StartSpan("GET /cart").Context()), ext.SpanKindRPCClient,
		opentracing.Tags{
			"component": "net/http", "http.method": "GET", "http.url": "http://stock/items", "http.status_code": 200,
		}).(*jaeger.Span)
	span.Retain()
	span.Finish()
	r := &reporter{}
	run := func(name string, r jaeger.Reporter, on bool) {
		b.Run(name, func(b *testing.B) {
			if on {
				startTrace(b)
			}
			b.ReportAllocs()
			for b.Loop() {
				r.Report(span)
			}
		})
	}
	run("without", r, false)
	run("off", &marker{r, "shop", findSpanFields()}, false)
	run("on", &marker{r, "shop", findSpanFields()}, true)
	run("on, by accessors", &marker{r, "shop", nil}, true)
}
