package tracer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func TestExtractReadOrder(t *testing.T) {
	extractTests{
		"malformed b3 denies jaeger's IDs": {
			"x-b3-traceid: xyz\nx-b3-sampled: 0\nuber-trace-id: abc:1:0:1",
			"abc 1, not sampled",
		},
		"malformed single denies jaeger's IDs": {
			"b3: xyz-1-0\nuber-trace-id: abc:1:0:1",
			"abc 1, not sampled",
		},
		"single before multi":             {multi + "x-b3-sampled: 1\nb3: def-2-0", "def 2, not sampled"},
		"single denies multi's IDs":       {multi + "x-b3-sampled: 1\nb3: 0", "abc 1, not sampled"},
		"b3 denies jaeger's IDs":          {"x-b3-sampled: 0\nuber-trace-id: abc:1:0:1", "abc 1, not sampled"},
		"single denies, jaeger malformed": {"b3: 0\nuber-trace-id: rubbish", "new trace, not sampled"},
		"single accepts, multi malformed": {
			"b3: 1\nx-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 0\nuber-trace-id: abc:1:0:0",
			"abc 1, sampled",
		},
		"b3 before jaeger": {
			multi + "x-b3-sampled: 1\nuber-trace-id: abc:2:0:1",
			"abc 1, sampled",
		},
		"jaeger before w3c": {w3c + "01\nuber-trace-id: abc:1:0:1", "abc 1, sampled"},
		"b3 malformed, then jaeger": {
			"x-b3-traceid: xyz\nx-b3-spanid: 1\nuber-trace-id: abc:1:0:1",
			"abc 1, sampled",
		},
		"single malformed, then multi": {multi + "x-b3-sampled: 1\nb3: rubbish", "abc 1, sampled"},
		"all malformed": {
			"b3: x\nx-b3-traceid: y\nuber-trace-id: z\ntraceparent: w",
			badB3("x"),
		},
	}.run(t)
}

func TestExtractOrderIsConfigurable(t *testing.T) {
	const all = "uber-trace-id: a1:1:0:1\nx-b3-traceid: a2\nx-b3-spanid: 2\nx-b3-sampled: 1\n" +
		"traceparent: 00-000000000000000000000000000000a4-0000000000000004-01"
	for choice, want := range map[string]string{
		"jaeger": "a1 1", "b3": "a2 2", "b3-single": "a2 2", "w3c": "a4 4", "w3c,b3": "a4 4", "jaeger,b3": "a1 1",
		"b3,w3c": "a2 2",
	} {
		setenv(t, "JAEGER_PROPAGATION="+choice)
		believed := func(lines string) string {
			r := tracer.NewRecorder(0)
			tr, _ := open(t, tracer.WithRecorder(r))
			return serve(t, tr, r, lines)
		}
		if got := believed(all); got != want+", sampled" {
			t.Errorf("%s: got %s", choice, got)
		}
		if got := believed(all + "\nb3: a3-3-1"); strings.Contains(want, "a2") && got != "a3 3, sampled" {
			t.Errorf("%s: got %s, though single b3 goes before b3", choice, got)
		}
	}
}

func TestExtractRepeatedHeaders(t *testing.T) {
	const (
		one   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	)
	setenv(t)
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(tracer.W3C))
	for name, test := range map[string]struct {
		carrier      any
		trace, state string // "" if a new trace begins
	}{
		"one traceparent": {
			opentracing.HTTPHeadersCarrier{"Traceparent": {one}, "Tracestate": {"a=1"}},
			"4bf92f3577b34da6a3ce929d0e0e4736", "a=1",
		},
		"two traceparents": {opentracing.HTTPHeadersCarrier{
			"Traceparent": {one, other},
			"Tracestate":  {"a=1"},
		}, "", ""},
		"the same twice": {
			opentracing.HTTPHeadersCarrier{"Traceparent": {one, one}, "Tracestate": {"a=1"}},
			"", "",
		},
		"in upper and lower case": {
			opentracing.HTTPHeadersCarrier{"Traceparent": {one}, "traceparent": {other}},
			"",
			"",
		},
		"in a map":      {opentracing.TextMapCarrier{"traceparent": one, "Traceparent": other}, "", ""},
		"other carrier": {mdCarrier{"traceparent": {one, other}}, "", ""},
		"three":         {opentracing.HTTPHeadersCarrier{"Traceparent": {one, other, one}}, "", ""},
		"tracestates are one list": {opentracing.HTTPHeadersCarrier{
			"Traceparent": {one},
			"Tracestate":  {"a=1,b=2", "c=3"},
		}, "4bf92f3577b34da6a3ce929d0e0e4736", "a=1,b=2,c=3"},
		"tracestates of another carrier": {
			mdCarrier{"traceparent": {one}, "tracestate": {"a=1,b=2", "", "c=3"}},
			"4bf92f3577b34da6a3ce929d0e0e4736", "a=1,b=2,c=3",
		},
		"one tracestate malformed": {
			opentracing.HTTPHeadersCarrier{"Traceparent": {one}, "Tracestate": {"a=1", "B"}},
			"4bf92f3577b34da6a3ce929d0e0e4736", "",
		},
	} {
		c, err := tr.Extract(opentracing.HTTPHeaders, test.carrier)
		if (err == nil) != (test.trace != "") || err != nil && !errors.Is(err, opentracing.ErrSpanContextCorrupted) {
			t.Errorf("%s: %v", name, err)
		}
		h := headers(t, tr, tr.StartSpan("a", opentracing.ChildOf(c)).Context())
		trace, state := h.Get("traceparent")[3:35], h.Get("tracestate")
		if trace != one[3:35] && trace != other[3:35] {
			trace = ""
		}
		if trace != test.trace || state != test.state {
			t.Errorf("%s: sent on as %q, %q", name, trace, state)
		}
	}
}
