package tracer_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

// serve acts like the server in OpenTracing's examples: it extracts, ignores the error, and starts
// a span and its child. It describes what became of the peer's trace: its ID and the span's parent,
// or "new trace"; whether it is sampled; its baggage; and what was logged.
func serve(t *testing.T, tr opentracing.Tracer, r *tracer.Recorder, lines string) string {
	t.Helper()
	c, err := tr.Extract(opentracing.HTTPHeaders, carried(lines))
	if err != nil && !errors.Is(err, opentracing.ErrSpanContextNotFound) &&
		!errors.Is(err, opentracing.ErrSpanContextCorrupted) {
		t.Errorf("Extract: %v", err)
	}
	span := tr.StartSpan("server", ext.RPCServerOption(c))
	child := tr.StartSpan("child", opentracing.ChildOf(span.Context()))
	sc, of := span.Context().(jaeger.SpanContext), child.Context().(jaeger.SpanContext)
	if of.Flags() != sc.Flags() || of.TraceID() != sc.TraceID() || of.ParentID() != sc.SpanID() {
		t.Errorf("the span is %v, its child %v", sc, of)
	}
	child.Finish()
	span.Finish()
	recorded := r.Trace(gap.TraceID(sc.TraceID()))

	trace := strings.TrimLeft(sc.TraceID().String(), "0")
	s := "new trace, "
	if strings.Contains(strings.ToLower(lines), trace) {
		s = trace + " " + strings.TrimLeft(sc.ParentID().String(), "0") + ", "
	}
	switch {
	case sc.IsSampled() && sc.IsDebug():
		s += "debug"
	case sc.IsSampled():
		s += "sampled"
	default:
		s += "not sampled"
	}
	if sc.IsSampled() != (len(recorded) == 2) {
		t.Errorf("%s, but %d spans were recorded", s, len(recorded))
	}
	if strings.HasPrefix(s, "new trace") && sc.IsSampled() && sc.ParentID() != 0 {
		t.Errorf("a new trace begins with a child of %v", sc.ParentID())
	}
	var items []string
	sc.ForeachBaggageItem(func(k, v string) bool {
		items = append(items, " "+k+"="+v)
		return true
	})
	slices.Sort(items)
	s += strings.Join(items, "")
	for _, l := range recorded {
		for _, l := range l.Logs {
			for _, f := range l.Fields {
				if f.Key == "message" {
					s += "; " + strings.TrimPrefix(fmt.Sprint(f.Value),
						"opentracing: SpanContext data corrupted in Extract carrier: ")
				}
			}
		}
	}
	return s
}

const (
	multi  = "x-b3-traceid: abc\nx-b3-spanid: 1\n"
	ids    = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
	w3c    = "traceparent: 00-" + ids + "-"
	joined = "4bf92f3577b34da6a3ce929d0e0e4736 f067aa0ba902b7, "
)

// bad returns the result of a test whose header is malformed.
func bad(header, value, want string) string {
	return fmt.Sprintf("new trace, sampled; %s: %q: want %s", header, value, want)
}

func badUber(value string) string {
	return bad("uber-trace-id", value, "trace:span:parent:flags in hex digits")
}

func badTrace(value string) string {
	return bad("x-b3-traceid", value, "1 to 32 hex digits that are not all 0")
}

func badSpan(value string) string {
	return bad("x-b3-spanid", value, "1 to 16 hex digits that are not all 0")
}

func badB3(value string) string {
	return bad("b3", value,
		"trace-span-state-parent, trace-span-state, trace-span or a state alone, where a state is 0, 1 or d")
}

func badW3C(value string) string {
	return bad("traceparent", value, "one header, version-trace-parent-flags, such as 00-"+ids+"-01")
}

// extractTests are headers, and what becomes of the peer's trace, as serve describes it.
type extractTests map[string]struct{ headers, want string }

func (tests extractTests) run(t *testing.T) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tr, r := recording(t)
			if got := serve(t, tr, r, test.headers); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestExtractJaeger(t *testing.T) {
	extractTests{
		"sampled":               {"uber-trace-id: abc:1:0:1", "abc 1, sampled"},
		"denied":                {"uber-trace-id: abc:1:0:0", "abc 1, not sampled"},
		"128 bits":              {"Uber-Trace-Id: 10000000000000abc:1:0:0", "10000000000000abc 1, not sampled"},
		"encoded":               {"uber-trace-id: abc%3A1%3a0%3A1", "abc 1, sampled"},
		"debug":                 {"uber-trace-id: abc:1:0:3", "abc 1, debug"},
		"flags in hex":          {"uber-trace-id: abc:1:0:b", "abc 1, debug"},
		"firehose":              {"uber-trace-id: abc:1:0:9", "abc 1, sampled"},
		"debug but not sampled": {"uber-trace-id: abc:1:0:2", "abc 1, not sampled"},
		"two digits of flags":   {"uber-trace-id: abc:1:0:01", "abc 1, sampled"},
		"no parent":             {"uber-trace-id: abc:1::1", "abc 1, sampled"},
		"upper case":            {"uber-trace-id: ABC:F:0:1", "abc f, sampled"},
		"first value":           {"uber-trace-id: abc:1:0:1\nuber-trace-id: def:1:0:1", "abc 1, sampled"},
		"three parts":           {"uber-trace-id: abc:1:1", badUber("abc:1:1")},
		"five parts":            {"uber-trace-id: abc:1:0:1:1", badUber("abc:1:0:1:1")},
		"no trace":              {"uber-trace-id: 0:1:0:1", badUber("0:1:0:1")},
		"no span":               {"uber-trace-id: def:0:0:1", badUber("def:0:0:1")},
		"large flags":           {"uber-trace-id: def:1:0:100", badUber("def:1:0:100")},
		"33 digits": {
			"uber-trace-id: " + strings.Repeat("1", 33) + ":1:0:1",
			badUber(strings.Repeat("1", 33) + ":1:0:1"),
		},
		"empty": {"uber-trace-id: ", badUber("")},
		"a megabyte": {
			"uber-trace-id: " + strings.Repeat("z", 1<<20),
			badUber(strings.Repeat("z", 100) + "…"),
		},
	}.run(t)
}

func TestExtractB3(t *testing.T) {
	extractTests{
		"sampled":                   {multi + "x-b3-sampled: 1", "abc 1, sampled"},
		"true":                      {multi + "X-B3-Sampled: True", "abc 1, sampled"},
		"false":                     {multi + "X-B3-Sampled: false", "abc 1, not sampled"},
		"denied":                    {multi + "x-b3-sampled: 0", "abc 1, not sampled"},
		"debug":                     {multi + "x-b3-flags: 1", "abc 1, debug"},
		"debug though denied":       {multi + "x-b3-flags: 1\nx-b3-sampled: 0", "abc 1, debug"},
		"deferred":                  {multi, "abc 1, sampled"},
		"other flags":               {multi + "x-b3-flags: 2", "abc 1, sampled"},
		"unknown state is deferred": {multi + "x-b3-sampled: maybe", "abc 1, sampled"},
	}.run(t)
}

func TestExtractB3IDs(t *testing.T) {
	extractTests{
		"upper case": {"x-b3-traceid: ABC\nx-b3-spanid: F\nx-b3-sampled: 1", "abc f, sampled"},
		"15 digits": {
			"x-b3-traceid: a65132fe08bfaea\nx-b3-spanid: a65132fe08bfaea\nx-b3-sampled: 1",
			"a65132fe08bfaea a65132fe08bfaea, sampled",
		},
		"31 digits": {
			"x-b3-traceid: 63ac35c9f6413ad48485a3953bb6124\nx-b3-spanid: 1",
			"63ac35c9f6413ad48485a3953bb6124 1, sampled",
		},
		"full length": {
			"x-b3-traceid: 463ac35c9f6413ad48485a3953bb6124\nx-b3-spanid: a2fb4a1d1a96d312\n" +
				"x-b3-parentspanid: 0020000000000001\nx-b3-sampled: 1",
			"463ac35c9f6413ad48485a3953bb6124 a2fb4a1d1a96d312, sampled",
		},
		"first value": {
			multi + "x-b3-sampled: 1\nx-b3-traceid: def\nx-b3-sampled: 0",
			"abc 1, sampled",
		},
		"parent malformed": {multi + "x-b3-parentspanid: -", "abc 1, sampled"},
		"no span": {
			"x-b3-traceid: def",
			"new trace, sampled; no x-b3-spanid: want 1 to 16 hex digits that are not all 0",
		},
		"no trace": {
			"x-b3-spanid: 1",
			"new trace, sampled; no x-b3-traceid: want 1 to 32 hex digits that are not all 0",
		},
		"span 0": {"x-b3-traceid: def\nx-b3-spanid: 0", badSpan("0")},
		"trace 0": {
			"x-b3-traceid: 00000000000000000000000000000000\nx-b3-spanid: 1",
			badTrace(strings.Repeat("0", 32)),
		},
		"not hex":    {"x-b3-traceid: xyz\nx-b3-spanid: 1", badTrace("xyz")},
		"0x":         {"x-b3-traceid: 0xdef\nx-b3-spanid: 1", badTrace("0xdef")},
		"underscore": {"x-b3-traceid: d_ef\nx-b3-spanid: 1", badTrace("d_ef")},
		"joined":     {"x-b3-traceid: abc,def\nx-b3-spanid: 1", badTrace("abc,def")},
		"17 digits of span": {
			"x-b3-traceid: def\nx-b3-spanid: 00000000000000001",
			badSpan("00000000000000001"),
		},
		"-": {"x-b3-traceid: -\nx-b3-spanid: -", badTrace("-")},
	}.run(t)
}

func TestExtractB3DecisionWithoutTrace(t *testing.T) {
	extractTests{
		"denied without ids":   {"x-b3-sampled: 0", "new trace, not sampled"},
		"accepted without ids": {"x-b3-sampled: 1", "new trace, sampled"},
		"debug without ids":    {"x-b3-flags: 1", "new trace, debug"},
		"malformed and denied": {
			"x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 0",
			"new trace, not sampled",
		},
		"span malformed and denied": {
			"x-b3-traceid: def\nx-b3-spanid: xyz\nx-b3-sampled: false",
			"new trace, not sampled",
		},
		"malformed, denied, and a debug id": {
			"x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 0\njaeger-debug-id: me",
			"new trace, debug; x-b3-traceid: \"xyz\": want 1 to 32 hex digits that are not all 0",
		},
		"malformed, denied, with baggage": {
			"x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 0\nuberctx-k: v",
			"new trace, not sampled k=v",
		},
		"malformed and accepted": {
			"x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 1",
			badTrace("xyz"),
		},
	}.run(t)
}

func TestExtractB3Single(t *testing.T) {
	extractTests{
		"malformed and denied":        {"b3: xyz-1-0", "new trace, not sampled"},
		"parent malformed and denied": {"b3: def-1-0-xyz", "new trace, not sampled"},
		"malformed and accepted":      {"b3: xyz-1-1", badB3("xyz-1-1")},
		"sampled":                     {"b3: abc-1-1", "abc 1, sampled"},
		"with a parent": {
			"B3: 463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-1-0020000000000001",
			"463ac35c9f6413ad48485a3953bb6124 a2fb4a1d1a96d312, sampled",
		},
		"parent 0":              {"b3: abc-1-1-0000000000000000", "abc 1, sampled"},
		"denied":                {"b3: abc-1-0", "abc 1, not sampled"},
		"debug":                 {"b3: abc-1-d", "abc 1, debug"},
		"deferred":              {"b3: abc-1", "abc 1, sampled"},
		"upper case":            {"b3: ABC-F-1", "abc f, sampled"},
		"denied without ids":    {"b3: 0", "new trace, not sampled"},
		"accepted without ids":  {"b3: 1", "new trace, sampled"},
		"debug without ids":     {"b3: d", "new trace, debug"},
		"first value":           {"b3: abc-1-0\nb3: def-1-1", "abc 1, not sampled"},
		"a parent but no state": {"b3: def-1-0020000000000001", badB3("def-1-0020000000000001")},
		"another state":         {"b3: def-1-x", badB3("def-1-x")},
		"another word":          {"b3: true", badB3("true")},
		"empty":                 {"b3: ", badB3("")},
		"five parts":            {"b3: def-1-1-1-1", badB3("def-1-1-1-1")},
		"trace 0":               {"b3: 0-1-1", badB3("0-1-1")},
	}.run(t)
}

func TestExtractW3C(t *testing.T) {
	extractTests{
		"sampled":    {w3c + "01", joined + "sampled"},
		"denied":     {w3c + "00", joined + "not sampled"},
		"random bit": {w3c + "03", joined + "sampled"},
		"64 bits": {
			"traceparent: 00-0000000000000000a3ce929d0e0e4736-00f067aa0ba902b7-01",
			"a3ce929d0e0e4736 f067aa0ba902b7, sampled",
		},
		"a later version":        {"traceparent: cc-" + ids + "-01-more", joined + "sampled"},
		"a later version, glued": {"traceparent: cc-" + ids + "-01more", badW3C("cc-" + ids + "-01more")},
		"version 00 with more":   {w3c + "01-more", badW3C("00-" + ids + "-01-more")},
		"version ff":             {"traceparent: ff-" + ids + "-01", badW3C("ff-" + ids + "-01")},
		"upper case": {
			"traceparent: 00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			badW3C("00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
		},
		"trace 0": {
			"traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01",
			badW3C("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
		},
		"span 0": {
			"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
			badW3C("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
		},
		"short": {"traceparent: 00-abc-1-01", badW3C("00-abc-1-01")},
		"twice": {w3c + "01\n" + w3c + "01", badW3C("several")},
	}.run(t)
}

func TestExtractJoinsTrace(t *testing.T) {
	tr, r := recording(t)
	for _, h := range []map[string]string{
		{"uber-trace-id": "abc:1:0:1"},
		{"X-B3-TraceId": "abc", "X-B3-SpanId": "1", "X-B3-Sampled": "1"},
	} {
		c, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier(h))
		if err != nil {
			t.Fatal(err)
		}
		tr.StartSpan("server", opentracing.ChildOf(c)).Finish()
	}
	traces := r.Traces()
	if len(traces) != 1 || len(traces[0]) != 2 || traces[0][1].TraceID.Low != 0xabc ||
		traces[0][1].References[0].SpanID != 1 {
		t.Errorf("got %v", traces)
	}
}
