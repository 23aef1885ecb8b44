package tracer_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

func TestDeferredTraceGetsOneDecision(t *testing.T) {
	setenv(t, "JAEGER_SAMPLER_TYPE=ratelimiting", "JAEGER_SAMPLER_PARAM=1")
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
	for i := range 3 { // the limit allows one trace
		c := extract(t, tr, "x-b3-traceid: abc\nx-b3-spanid: 1")
		for range 3 {
			span := tr.StartSpan("a", opentracing.FollowsFrom(c))
			if got := span.Context().(jaeger.SpanContext); got.IsSampled() != (i == 0) || got.ParentID() != 1 ||
				got.TraceID().Low != 0xabc {
				t.Errorf("trace %d: %v", i, got)
			}
			if got := c.(interface{ IsSampled() bool }).IsSampled(); got != (i == 0) {
				t.Errorf("trace %d: the context says %v", i, got)
			}
			if got := headers(t, tr, c).Get("x-b3-sampled"); got != map[bool]string{true: "1", false: "0"}[i == 0] {
				t.Errorf("trace %d: injected as %s", i, got)
			}
		}
	}
}

func TestDeferredTraceIsRateLimitedOnce(t *testing.T) {
	setenv(t, "JAEGER_SAMPLER_TYPE=ratelimiting", "JAEGER_SAMPLER_PARAM=3")
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
	for i := range 3 {
		c := extract(t, tr, "x-b3-traceid: abc\nx-b3-spanid: 1")
		for range 3 {
			if got := tr.StartSpan("a", opentracing.ChildOf(c)).Context().(jaeger.SpanContext); !got.IsSampled() {
				t.Errorf("trace %d: %v", i, got)
			}
		}
	}
}

func TestDeferredTraceHasSamplerTags(t *testing.T) {
	tr, r := recording(t)
	tr.StartSpan("a", opentracing.ChildOf(extract(t, tr, "b3: abc-1"))).Finish()
	tags := map[string]any{}
	for _, f := range r.Traces()[0][0].Tags {
		tags[f.Key] = f.Value
	}
	if tags["sampler.type"] != "const" || tags["sampler.param"] != true || len(tags) != 2 {
		t.Errorf("tags %v", tags)
	}
}

// The sampler with rates for operations only answers for the first span of a trace in a process.
func TestDeferredTraceUsesRateOfOperation(t *testing.T) {
	tr := sampledByOperation(t)
	sampled := func(operation string) bool {
		span := tr.StartSpan(operation, opentracing.ChildOf(extract(t, tr, "b3: abc-1")))
		return span.Context().(jaeger.SpanContext).IsSampled()
	}
	if sampled("other"); sampled("other") { // the sampler always accepts the first one
		t.Error("an operation at rate 0 was sampled")
	}
	if !sampled("wanted") {
		t.Error("an operation at rate 1 was not")
	}
}

func TestDecisionIsFinal(t *testing.T) {
	tr := sampledByOperation(t)
	tr.StartSpan("other").Finish() // the sampler always accepts the first one
	for _, in := range []string{"b3: abc-1", "b3: abc-1-0", "x-b3-sampled: 0", "uber-trace-id: abc:1:0:0"} {
		c := extract(t, tr, in)
		first := tr.StartSpan("other", opentracing.ChildOf(c))
		first.SetOperationName("wanted") // if the decision were not final, this would ask the sampler again
		for _, span := range []opentracing.Span{
			first,
			tr.StartSpan("wanted", opentracing.ChildOf(c)),
			tr.StartSpan("wanted", opentracing.FollowsFrom(c)),
			tr.StartSpan("wanted", opentracing.ChildOf(first.Context())),
		} {
			if sc := span.Context().(jaeger.SpanContext); sc.IsSampled() || !sc.IsSamplingFinalized() {
				t.Errorf("%s: %v, final %v", in, sc, sc.IsSamplingFinalized())
			}
		}
	}
}

// sampledByOperation returns a tracer whose sampling server has answered: rate 1 for "wanted", 0
// for all other operations. It answers only once, since after an update the sampler again accepts
// the first span of each other operation.
func sampledByOperation(t *testing.T) opentracing.Tracer {
	var asked atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Swap(true) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"strategyType": "PROBABILISTIC",
			"operationSampling": map[string]any{
				"defaultSamplingProbability": 0.0, "defaultLowerBoundTracesPerSecond": 0.0,
				"perOperationStrategies": []any{map[string]any{
					"operation":             "wanted",
					"probabilisticSampling": map[string]any{"samplingRate": 1.0},
				}},
			},
		})
	}))
	t.Cleanup(server.Close)
	setenv(t, "JAEGER_SAMPLING_ENDPOINT="+server.URL, "JAEGER_SAMPLER_PARAM=0", "JAEGER_SAMPLER_REFRESH_INTERVAL=5ms")
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
	for n := 0; !tr.StartSpan("wanted").Context().(jaeger.SpanContext).IsSampled(); n++ {
		if n == 400 {
			t.Fatal("nothing sampled")
		}
		time.Sleep(5 * time.Millisecond)
	}
	return tr
}

func TestAcceptedWithoutIDsFirstSpanIsRoot(t *testing.T) {
	for _, in := range []string{"b3: 1", "b3: d", "x-b3-sampled: 1", "x-b3-flags: 1"} {
		setenv(t, "JAEGER_TRACEID_128BIT=true", "JAEGER_SAMPLER_PARAM=0")
		tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
		c := extract(t, tr, in)
		first := tr.StartSpan("first", ext.RPCServerOption(c)).Context().(jaeger.SpanContext)
		second := tr.StartSpan("second", ext.RPCServerOption(c)).Context().(jaeger.SpanContext)
		if first.ParentID() != 0 || second.ParentID() != first.SpanID() || second.TraceID() != first.TraceID() ||
			first.TraceID().High == 0 {
			t.Errorf("%s: %v, then %v", in, first, second)
		}
		if !first.IsSampled() || !second.IsSampled() || first.IsDebug() != (in == "b3: d" || in == "x-b3-flags: 1") ||
			second.IsDebug() != first.IsDebug() {
			t.Errorf("%s: %v, then %v", in, first, second)
		}
	}
}

func TestAcceptedWithoutIDsIsNotRateLimited(t *testing.T) {
	for _, in := range []string{"b3: 1", "b3: d"} {
		setenv(t, "JAEGER_SAMPLER_TYPE=ratelimiting", "JAEGER_SAMPLER_PARAM=1")
		tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
		for range 5 {
			tr.StartSpan("a", opentracing.ChildOf(extract(t, tr, in)))
		}
		if sc := tr.StartSpan("a").Context().(jaeger.SpanContext); !sc.IsSampled() {
			t.Errorf("%s: the first trace that begins here is %v", in, sc)
		}
	}
}

func TestReferencesOnlyParentIsDecided(t *testing.T) {
	for refs, asks := range map[string]bool{ // whether the sampler decides about the open context
		"child of decided, follows open":   false,
		"follows open, child of decided":   false,
		"child of decided, child of open":  false,
		"follows open, follows decided":    false,
		"follows decided, child of open":   true,
		"follows decided, follows open":    true,
		"child of an empty, child of open": true,
		"follows open, follows an empty":   true,
		"child of nil, child of open":      true,
	} {
		t.Run(refs, func(t *testing.T) {
			setenv(t, "JAEGER_SAMPLER_TYPE=ratelimiting", "JAEGER_SAMPLER_PARAM=1")
			r := tracer.NewRecorder(0)
			tr, _ := open(t, tracer.WithRecorder(r))
			undecided := extract(t, tr, "b3: abc-1")
			contexts := map[string]opentracing.SpanContext{
				"open": undecided, "decided": extract(t, tr, "b3: def-2-1"), "an empty": jaeger.SpanContext{},
				"nil": nil,
			}
			var opts []opentracing.StartSpanOption
			for ref := range strings.SplitSeq(refs, ", ") {
				if name, ok := strings.CutPrefix(ref, "child of "); ok {
					opts = append(opts, opentracing.ChildOf(contexts[name]))
				} else {
					opts = append(opts, opentracing.FollowsFrom(contexts[strings.TrimPrefix(ref, "follows ")]))
				}
			}
			span := tr.StartSpan("a", opts...)
			span.Finish()
			sc := span.Context().(jaeger.SpanContext)
			if joined := sc.TraceID().Low == 0xabc; joined != asks || !sc.IsSampled() {
				t.Errorf("the span is %v", sc)
			}
			if decision := headers(t, tr, undecided).Get("x-b3-sampled"); (decision != "") != asks {
				t.Errorf("the open trace is sent on as %q", decision)
			}
			linked := false
			for _, ref := range r.Trace(gap.TraceID(sc.TraceID()))[0].References {
				linked = linked || ref.TraceID.Low == 0xabc && ref.SpanID == 1
			}
			if !linked {
				t.Error("the link was lost")
			}
			// The limit allows one trace.
			if sc := tr.StartSpan("b").Context().(jaeger.SpanContext); sc.IsSampled() == asks {
				t.Errorf("the first trace that begins here is %v", sc)
			}
		})
	}
}

func TestReferencesBaggageWithoutTrace(t *testing.T) {
	tr, _ := recording(t)
	c := extract(t, tr, "b3: abc-1")
	span := tr.StartSpan("a", opentracing.ChildOf(extract(t, tr, "uberctx-k: v")), opentracing.ChildOf(c))
	sc := span.Context().(jaeger.SpanContext)
	if sc.ParentID() != 0 || span.BaggageItem("k") != "v" || c.(interface{ IsSampled() bool }).IsSampled() {
		t.Errorf("the span is %v, the other's trace sampled: %v", sc, c.(interface{ IsSampled() bool }).IsSampled())
	}
}

func TestReferencesSelfRefDecidesNothing(t *testing.T) {
	tr, _ := recording(t)
	c := extract(t, tr, "b3: abc-1")
	given := jaeger.NewSpanContext(jaeger.TraceID{Low: 0xdef}, 7, 0, true, nil)
	sc := tr.StartSpan("a", jaeger.SelfRef(given), opentracing.ChildOf(c)).Context().(jaeger.SpanContext)
	if sc.TraceID().Low != 0xdef || sc.SpanID() != 7 || c.(interface{ IsSampled() bool }).IsSampled() {
		t.Errorf("the span is %v, its parent's trace sampled: %v", sc, c.(interface{ IsSampled() bool }).IsSampled())
	}
}

func TestReferencesLinkBeginsNoTrace(t *testing.T) {
	tr, _ := recording(t)
	c := extract(t, tr, "b3: 1")
	linked := tr.StartSpan("a", opentracing.ChildOf(extract(t, tr, "b3: abc-1-1")),
		opentracing.FollowsFrom(c)).Context().(jaeger.SpanContext)
	root := tr.StartSpan("b", opentracing.ChildOf(c)).Context().(jaeger.SpanContext)
	if linked.TraceID().Low != 0xabc || linked.ParentID() != 1 || root.ParentID() != 0 ||
		root.TraceID() == linked.TraceID() {
		t.Errorf("%v, then %v", linked, root)
	}
}

func TestReferencesLinkKeepsSamplerTagsAndReason(t *testing.T) {
	tr, r := recording(t)
	bad := func() opentracing.SpanContext {
		c, _ := tr.Extract(opentracing.HTTPHeaders, carried("b3: rubbish"))
		return c
	}
	tags := func(s gap.Span) (names string) {
		for _, f := range s.Tags {
			names += f.Key + " "
		}
		return names
	}
	decided := extract(t, tr, "b3: def-2")
	tr.StartSpan("first", opentracing.ChildOf(decided))
	for _, link := range []opentracing.SpanContext{decided, extract(t, tr, "b3: fff-3")} {
		open := extract(t, tr, "b3: abc-1")
		tr.StartSpan("a", opentracing.ChildOf(open), opentracing.FollowsFrom(link),
			opentracing.FollowsFrom(bad())).Finish()
		spans := r.Trace(gap.TraceID{Low: 0xabc})
		last := spans[len(spans)-1]
		if got := tags(last); got != "sampler.param sampler.type " || len(last.Logs) != 1 {
			t.Errorf("tags %s, logs %v", got, last.Logs)
		}
		for _, refs := range [][]opentracing.StartSpanOption{
			{opentracing.ChildOf(bad()), opentracing.FollowsFrom(link)},
			{opentracing.FollowsFrom(link), opentracing.ChildOf(bad())},
		} {
			span := tr.StartSpan("b", refs...)
			span.Finish()
			spans := r.Trace(gap.TraceID(span.Context().(jaeger.SpanContext).TraceID()))
			if last := spans[len(spans)-1]; len(last.Logs) != 1 || last.Logs[0].Fields[0].Value != "malformed context" {
				t.Errorf("logs %v", last.Logs)
			}
		}
	}
}

func TestReferencesOfProgramAreUnchanged(t *testing.T) {
	tr, _ := recording(t)
	shared := opentracing.StartSpanOptions{References: []opentracing.SpanReference{opentracing.ChildOf(extract(t, tr,
		"b3: abc-1"))}}
	for range 2 {
		tr.StartSpan("a", allOptions{&shared})
	}
	if _, changed := shared.References[0].ReferencedContext.(jaeger.SpanContext); changed {
		t.Error("the program's references were changed")
	}
}

type allOptions struct{ *opentracing.StartSpanOptions }

func (a allOptions) Apply(o *opentracing.StartSpanOptions) { *o = *a.StartSpanOptions }

func TestSpanTracer(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a")
	own := span.Tracer()
	h := opentracing.HTTPHeadersCarrier{}
	if err := own.Inject(span.Context(), opentracing.HTTPHeaders, h); err != nil || len(h) != 4 {
		t.Errorf("%v, %v", err, h)
	}
	for in, want := range map[string]bool{
		"b3: abc-1-1": true, "b3: abc-1-0": false, "b3: abc-1": false,
		"b3: d": true,
	} {
		c, err := own.Extract(opentracing.HTTPHeaders, carried(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := own.StartSpan("b", opentracing.ChildOf(c)).Context().(jaeger.SpanContext); got.IsSampled() != want {
			t.Errorf("%s: %v", in, got)
		}
	}
	sc := own.StartSpan("b", opentracing.ChildOf(extract(t, tr, "b3: abc-1"))).Context().(jaeger.SpanContext)
	if sc.TraceID().Low == 0xabc || sc.ParentID() != 0 || !sc.IsSampled() {
		t.Errorf("of a context that is open, which it does not know, it makes %v", sc)
	}
	if c, err := own.Extract(opentracing.HTTPHeaders, carried("b3: rubbish")); c != nil ||
		!errors.Is(err, opentracing.ErrSpanContextCorrupted) {
		t.Errorf("%v, %v", c, err)
	}
}

// contexts are one of each kind that a peer can send, with whether the trace is sampled here.
var contexts = map[string]bool{
	"uber-trace-id: abc:1:0:1":  true,
	"uber-trace-id: abc:1:0:0":  false,
	"uber-trace-id: abc:1:0:3":  true,
	"uber-trace-id: abc:1:0:9":  true,
	"b3: abc-1-1\nuberctx-k: v": true,
	"b3: abc-1-d\nuberctx-k: v": true,
	"b3: abc-1":                 true,
	"b3: 0":                     false,
	"b3: 1":                     true,
	"b3: d":                     true,
	"x-b3-sampled: 0":           false,
	"jaeger-debug-id: me":       true,
	"uberctx-k: v":              true,
	"uberctx-k: v\nb3: rubbish": true,
	"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\ntracestate: a=b": true,
	"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\ntracestate: a=b": false,
}

// This test is for the race detector.
func TestConcurrentSpansFromOneContext(t *testing.T) {
	setenv(t)
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)),
		tracer.WithPropagation(tracer.Jaeger, tracer.B3, tracer.B3Single, tracer.W3C))
	for in, sampled := range contexts {
		c := extract(t, tr, in)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					span := tr.StartSpan("server", opentracing.ChildOf(c))
					child := tr.StartSpan("child", opentracing.ChildOf(span.Context()))
					child.SetTag("k", "v")
					sc := child.Context().(jaeger.SpanContext)
					if err := tr.Inject(sc, opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{}); err != nil ||
						sc.IsSampled() != sampled {
						t.Errorf("%s: %v, %v", in, sc, err)
					}
					child.Finish()
					span.Finish()
				}
			})
		}
		wg.Wait()
	}
}

// This test is for the race detector.
func TestConcurrentUseOfOpenContext(t *testing.T) {
	tr, _ := recording(t)
	for range 20 {
		c := extract(t, tr, "b3: abc-1")
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _ = c.(interface{ IsSampled() bool }).IsSampled() })
			wg.Go(func() {
				if err := tr.Inject(c, opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{}); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() { tr.StartSpan("a", opentracing.ChildOf(c)) })
		}
		wg.Wait()
		if !c.(interface{ IsSampled() bool }).IsSampled() {
			t.Error("the trace has begun, and is not sampled")
		}
	}
}

func TestContextWorksWithAnotherTracer(t *testing.T) {
	for in, sampled := range contexts {
		setenv(t)
		one, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(tracer.W3C))
		r := tracer.NewRecorder(0)
		other, _ := open(t, tracer.WithRecorder(r), tracer.WithPropagation(tracer.W3C, tracer.B3))
		c := extract(t, one, in)
		span := other.StartSpan("a", opentracing.ChildOf(c))
		sc := span.Context().(jaeger.SpanContext)
		h := headers(t, other, sc)
		if strings.Contains(in, "abc") && sc.TraceID().Low != 0xabc || sc.IsSampled() != sampled {
			t.Errorf("%s: %v", in, sc)
		}
		if state := h.Get("tracestate"); state != "" != strings.Contains(in, "tracestate") {
			t.Errorf("%s: tracestate %q", in, state)
		}
		span.Finish()
		if got := len(r.Traces()); got != map[bool]int{true: 1, false: 0}[sampled] {
			t.Errorf("%s: %d traces", in, got)
		}
	}
}
