package tracer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

func TestExtractDeferred(t *testing.T) {
	const deferred = "x-b3-traceid: abc\nx-b3-spanid: 1"
	for name, test := range map[string]struct {
		env, headers string
		opts         []tracer.Option
		want         string
	}{
		"const 1":         {"", deferred, nil, "abc 1, sampled"},
		"const 0":         {"JAEGER_SAMPLER_PARAM=0", deferred, nil, "abc 1, not sampled"},
		"const 0, single": {"JAEGER_SAMPLER_PARAM=0", "b3: abc-1", nil, "abc 1, not sampled"},
		"option: deferred as denied": {
			"", deferred,
			[]tracer.Option{tracer.WithDeferredAsDenied()},
			"abc 1, not sampled",
		},
		"option: accepted is still sampled": {
			"", "b3: abc-1-1",
			[]tracer.Option{tracer.WithDeferredAsDenied()},
			"abc 1, sampled",
		},
		"accepted without IDs": {"JAEGER_SAMPLER_PARAM=0", "b3: 1", nil, "new trace, sampled"},
		"debug without IDs":    {"JAEGER_SAMPLER_PARAM=0", "b3: d", nil, "new trace, debug"},
		"malformed":            {"JAEGER_SAMPLER_PARAM=0", "b3: rubbish", nil, "new trace, not sampled"},
		// With malformed IDs only a denial counts.
		"accepted, malformed": {
			"JAEGER_SAMPLER_PARAM=0", "x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 1",
			nil, "new trace, not sampled",
		},
		"accepted, malformed span": {
			"JAEGER_SAMPLER_PARAM=0", "x-b3-traceid: abc\nx-b3-spanid: x\nx-b3-sampled: 1",
			nil, "new trace, not sampled",
		},
		"debug, malformed": {
			"JAEGER_SAMPLER_PARAM=0", "x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-flags: 1",
			nil, "new trace, not sampled",
		},
		"accepted, malformed, single": {"JAEGER_SAMPLER_PARAM=0", "b3: xyz-1-1", nil, "new trace, not sampled"},
		"debug, malformed, single":    {"JAEGER_SAMPLER_PARAM=0", "b3: abc-1-d-xyz", nil, "new trace, not sampled"},
		"debug, malformed, then ids":  {"", "b3: xyz-1-d\nuber-trace-id: abc:1:0:0", nil, "abc 1, not sampled"},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, strings.Fields(test.env)...)
			r := tracer.NewRecorder(0)
			tr, _ := open(t, append(test.opts, tracer.WithRecorder(r))...)
			if got := serve(t, tr, r, test.headers); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestExtractMalformed(t *testing.T) {
	tr, r := recording(t)
	c, err := tr.Extract(opentracing.HTTPHeaders, carried("b3: rubbish"))
	if !errors.Is(err, opentracing.ErrSpanContextCorrupted) ||
		!strings.Contains(err.Error(), `b3: "rubbish": want trace-span-state`) {
		t.Errorf("got %v", err)
	}
	span := tr.StartSpan("a", opentracing.ChildOf(c))
	span.Finish()
	got := r.Trace(gap.TraceID(span.Context().(jaeger.SpanContext).TraceID()))
	if len(got) != 1 || len(got[0].References) != 0 || len(got[0].Logs) != 1 ||
		got[0].Logs[0].Fields[0].Value != "malformed context" {
		t.Errorf("got %v", got)
	}
}

func TestExtractMalformedDenialKeepsReason(t *testing.T) {
	tr, r := recording(t)
	c := extract(t, tr, "b3: rubbish-1-0")
	tr.StartSpan("denied", opentracing.ChildOf(c)).Finish()
	if n := len(r.Traces()); n != 0 {
		t.Errorf("%d traces", n)
	}
	tr.StartSpan("forced", opentracing.ChildOf(c), opentracing.Tag{Key: "sampling.priority", Value: 1}).Finish()
	if got := r.Traces(); len(got) != 1 || len(got[0][0].Logs) != 1 ||
		got[0][0].Logs[0].Fields[0].Value != "malformed context" {
		t.Errorf("got %v", got)
	}
}

func TestExtractMalformedDenialCounts(t *testing.T) {
	tr, _ := recording(t)
	a := func(n int) string { return strings.Repeat("a", n) }
	for _, in := range []string{
		"b3: " + a(33) + "-1-0", "b3: " + a(64) + "-" + a(16) + "-0", "b3: abc-" + a(60) + "-0", "b3: abc-1-0-" + a(64),
		"b3: " + a(32) + "-" + a(16) + "-0-" + a(17), "b3: " + a(1<<20) + "-1-0",
		"x-b3-traceid: " + a(64) + "\nx-b3-spanid: 1\nx-b3-sampled: 0", "x-b3-traceid: abc\nx-b3-spanid: " + a(64) +
			"\nx-b3-sampled: 0",
	} {
		if sc := tr.StartSpan("a",
			opentracing.ChildOf(extract(t, tr, in))).Context().(jaeger.SpanContext); sc.IsSampled() {
			t.Errorf("%.100s: %v", in, sc)
		}
	}
}
