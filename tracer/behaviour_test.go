package tracer_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

// carried reads headers, a line each.
func carried(lines string) opentracing.HTTPHeadersCarrier {
	h := http.Header{}
	for line := range strings.SplitSeq(lines, "\n") {
		if k, v, ok := strings.Cut(line, ": "); ok {
			h.Add(k, v)
		}
	}
	return opentracing.HTTPHeadersCarrier(h)
}

// serve is a server as OpenTracing's own examples write it: it extracts, does not mind an error, and starts a span, and
// a child of that. It tells what became of the peer's trace: its id and the span's parent there, or that it is a new one.
func serve(t *testing.T, tr opentracing.Tracer, r *tracer.Recorder, lines string) string {
	t.Helper()
	c, err := tr.Extract(opentracing.HTTPHeaders, carried(lines))
	if err != nil && !errors.Is(err, opentracing.ErrSpanContextNotFound) && !errors.Is(err, opentracing.ErrSpanContextCorrupted) {
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
					s += "; " + strings.TrimPrefix(fmt.Sprint(f.Value), "opentracing: SpanContext data corrupted in Extract carrier: ")
				}
			}
		}
	}
	return s
}

func TestAServerJoinsWhateverItsPeersSend(t *testing.T) {
	const (
		multi    = "x-b3-traceid: abc\nx-b3-spanid: 1\n"
		w3c      = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
		joined   = "4bf92f3577b34da6a3ce929d0e0e4736 f067aa0ba902b7, "
		badUber  = "new trace, sampled; uber-trace-id: %q: want trace:span:parent:flags in hex digits"
		badTrace = "new trace, sampled; x-b3-traceid: %q: want 1 to 32 hex digits that are not all 0"
		badSpan  = "new trace, sampled; x-b3-spanid: %q: want 1 to 16 hex digits that are not all 0"
		badB3    = "new trace, sampled; b3: %q: want trace-span-state-parent, trace-span-state, trace-span or a state alone, where a state is 0, 1 or d"
		badW3C   = "new trace, sampled; traceparent: %q: want one header, version-trace-parent-flags, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	)
	for name, test := range map[string]struct{ headers, want string }{
		"nothing": {"accept: */*", "new trace, sampled"},

		"jaeger":                        {"uber-trace-id: abc:1:0:1", "abc 1, sampled"},
		"jaeger, denied":                {"uber-trace-id: abc:1:0:0", "abc 1, not sampled"},
		"jaeger, 128 bits":              {"Uber-Trace-Id: 10000000000000abc:1:0:0", "10000000000000abc 1, not sampled"},
		"jaeger, encoded":               {"uber-trace-id: abc%3A1%3a0%3A1", "abc 1, sampled"},
		"jaeger, debug":                 {"uber-trace-id: abc:1:0:3", "abc 1, debug"},
		"jaeger, flags in hex":          {"uber-trace-id: abc:1:0:b", "abc 1, debug"},
		"jaeger, firehose":              {"uber-trace-id: abc:1:0:9", "abc 1, sampled"},
		"jaeger, debug but not sampled": {"uber-trace-id: abc:1:0:2", "abc 1, not sampled"},
		"jaeger, two digits of flags":   {"uber-trace-id: abc:1:0:01", "abc 1, sampled"},
		"jaeger, no parent":             {"uber-trace-id: abc:1::1", "abc 1, sampled"},
		"jaeger, upper case":            {"uber-trace-id: ABC:F:0:1", "abc f, sampled"},
		"jaeger, first value":           {"uber-trace-id: abc:1:0:1\nuber-trace-id: def:1:0:1", "abc 1, sampled"},
		"jaeger, three parts":           {"uber-trace-id: abc:1:1", fmt.Sprintf(badUber, "abc:1:1")},
		"jaeger, five parts":            {"uber-trace-id: abc:1:0:1:1", fmt.Sprintf(badUber, "abc:1:0:1:1")},
		"jaeger, no trace":              {"uber-trace-id: 0:1:0:1", fmt.Sprintf(badUber, "0:1:0:1")},
		"jaeger, no span":               {"uber-trace-id: def:0:0:1", fmt.Sprintf(badUber, "def:0:0:1")},
		"jaeger, large flags":           {"uber-trace-id: def:1:0:100", fmt.Sprintf(badUber, "def:1:0:100")},
		"jaeger, 33 digits":             {"uber-trace-id: " + strings.Repeat("1", 33) + ":1:0:1", fmt.Sprintf(badUber, strings.Repeat("1", 33)+":1:0:1")},
		"jaeger, empty":                 {"uber-trace-id: ", fmt.Sprintf(badUber, "")},
		"jaeger, a megabyte":            {"uber-trace-id: " + strings.Repeat("z", 1<<20), fmt.Sprintf(badUber, strings.Repeat("z", 100)+"…")},

		"b3":                          {multi + "x-b3-sampled: 1", "abc 1, sampled"},
		"b3, true":                    {multi + "X-B3-Sampled: True", "abc 1, sampled"},
		"b3, false":                   {multi + "X-B3-Sampled: false", "abc 1, not sampled"},
		"b3, denied":                  {multi + "x-b3-sampled: 0", "abc 1, not sampled"},
		"b3, debug":                   {multi + "x-b3-flags: 1", "abc 1, debug"},
		"b3, debug though denied":     {multi + "x-b3-flags: 1\nx-b3-sampled: 0", "abc 1, debug"},
		"b3, deferred":                {multi, "abc 1, sampled"},
		"b3, other flags":             {multi + "x-b3-flags: 2", "abc 1, sampled"},
		"b3, rubbish decides nothing": {multi + "x-b3-sampled: maybe", "abc 1, sampled"},
		"b3, upper case":              {"x-b3-traceid: ABC\nx-b3-spanid: F\nx-b3-sampled: 1", "abc f, sampled"},
		"b3, 15 digits":               {"x-b3-traceid: a65132fe08bfaea\nx-b3-spanid: a65132fe08bfaea\nx-b3-sampled: 1", "a65132fe08bfaea a65132fe08bfaea, sampled"},
		"b3, 31 digits":               {"x-b3-traceid: 63ac35c9f6413ad48485a3953bb6124\nx-b3-spanid: 1", "63ac35c9f6413ad48485a3953bb6124 1, sampled"},
		"b3, full length":             {"x-b3-traceid: 463ac35c9f6413ad48485a3953bb6124\nx-b3-spanid: a2fb4a1d1a96d312\nx-b3-parentspanid: 0020000000000001\nx-b3-sampled: 1", "463ac35c9f6413ad48485a3953bb6124 a2fb4a1d1a96d312, sampled"},
		"b3, first value":             {multi + "x-b3-sampled: 1\nx-b3-traceid: def\nx-b3-sampled: 0", "abc 1, sampled"},
		"b3, parent is rubbish":       {multi + "x-b3-parentspanid: -", "abc 1, sampled"},
		"b3, no span":                 {"x-b3-traceid: def", "new trace, sampled; no x-b3-spanid: want 1 to 16 hex digits that are not all 0"},
		"b3, no trace":                {"x-b3-spanid: 1", "new trace, sampled; no x-b3-traceid: want 1 to 32 hex digits that are not all 0"},
		"b3, span 0":                  {"x-b3-traceid: def\nx-b3-spanid: 0", fmt.Sprintf(badSpan, "0")},
		"b3, trace 0":                 {"x-b3-traceid: 00000000000000000000000000000000\nx-b3-spanid: 1", fmt.Sprintf(badTrace, strings.Repeat("0", 32))},
		"b3, not hex":                 {"x-b3-traceid: xyz\nx-b3-spanid: 1", fmt.Sprintf(badTrace, "xyz")},
		"b3, 0x":                      {"x-b3-traceid: 0xdef\nx-b3-spanid: 1", fmt.Sprintf(badTrace, "0xdef")},
		"b3, underscore":              {"x-b3-traceid: d_ef\nx-b3-spanid: 1", fmt.Sprintf(badTrace, "d_ef")},
		"b3, joined":                  {"x-b3-traceid: abc,def\nx-b3-spanid: 1", fmt.Sprintf(badTrace, "abc,def")},
		"b3, 17 digits of span":       {"x-b3-traceid: def\nx-b3-spanid: 00000000000000001", fmt.Sprintf(badSpan, "00000000000000001")},
		"b3, -":                       {"x-b3-traceid: -\nx-b3-spanid: -", fmt.Sprintf(badTrace, "-")},
		"b3, denied without ids":      {"x-b3-sampled: 0", "new trace, not sampled"},
		"b3, accepted without ids":    {"x-b3-sampled: 1", "new trace, sampled"},
		"b3, debug without ids":       {"x-b3-flags: 1", "new trace, debug"},
		"b3, malformed and denied":    {"x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 0", "new trace, not sampled"},

		"b3, span malformed and denied":                     {"x-b3-traceid: def\nx-b3-spanid: xyz\nx-b3-sampled: false", "new trace, not sampled"},
		"b3, malformed, denied, and a debug id":             {"x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 0\njaeger-debug-id: me", "new trace, debug; x-b3-traceid: \"xyz\": want 1 to 32 hex digits that are not all 0"},
		"b3, malformed, denied, with baggage":               {"x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 0\nuberctx-k: v", "new trace, not sampled k=v"},
		"b3, malformed and accepted":                        {"x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 1", fmt.Sprintf(badTrace, "xyz")},
		"b3's deny holds over jaeger, malformed or not":     {"x-b3-traceid: xyz\nx-b3-sampled: 0\nuber-trace-id: abc:1:0:1", "abc 1, not sampled"},
		"single's deny holds over jaeger, malformed or not": {"b3: xyz-1-0\nuber-trace-id: abc:1:0:1", "abc 1, not sampled"},
		"single, malformed and denied":                      {"b3: xyz-1-0", "new trace, not sampled"},
		"single, parent malformed and denied":               {"b3: def-1-0-xyz", "new trace, not sampled"},
		"single, malformed and accepted":                    {"b3: xyz-1-1", fmt.Sprintf(badB3, "xyz-1-1")},

		"single":                        {"b3: abc-1-1", "abc 1, sampled"},
		"single, with a parent":         {"B3: 463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-1-0020000000000001", "463ac35c9f6413ad48485a3953bb6124 a2fb4a1d1a96d312, sampled"},
		"single, parent 0":              {"b3: abc-1-1-0000000000000000", "abc 1, sampled"},
		"single, denied":                {"b3: abc-1-0", "abc 1, not sampled"},
		"single, debug":                 {"b3: abc-1-d", "abc 1, debug"},
		"single, deferred":              {"b3: abc-1", "abc 1, sampled"},
		"single, upper case":            {"b3: ABC-F-1", "abc f, sampled"},
		"single, denied without ids":    {"b3: 0", "new trace, not sampled"},
		"single, accepted without ids":  {"b3: 1", "new trace, sampled"},
		"single, debug without ids":     {"b3: d", "new trace, debug"},
		"single, first value":           {"b3: abc-1-0\nb3: def-1-1", "abc 1, not sampled"},
		"single, a parent but no state": {"b3: def-1-0020000000000001", fmt.Sprintf(badB3, "def-1-0020000000000001")},
		"single, another state":         {"b3: def-1-x", fmt.Sprintf(badB3, "def-1-x")},
		"single, another word":          {"b3: true", fmt.Sprintf(badB3, "true")},
		"single, empty":                 {"b3: ", fmt.Sprintf(badB3, "")},
		"single, five parts":            {"b3: def-1-1-1-1", fmt.Sprintf(badB3, "def-1-1-1-1")},
		"single, trace 0":               {"b3: 0-1-1", fmt.Sprintf(badB3, "0-1-1")},

		"w3c":                         {w3c + "01", joined + "sampled"},
		"w3c, denied":                 {w3c + "00", joined + "not sampled"},
		"w3c, random bit":             {w3c + "03", joined + "sampled"},
		"w3c, 64 bits":                {"traceparent: 00-0000000000000000a3ce929d0e0e4736-00f067aa0ba902b7-01", "a3ce929d0e0e4736 f067aa0ba902b7, sampled"},
		"w3c, a later version":        {"traceparent: cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", joined + "sampled"},
		"w3c, a later version, glued": {"traceparent: cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more", fmt.Sprintf(badW3C, "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more")},
		"w3c, version 00 with more":   {w3c + "01-more", fmt.Sprintf(badW3C, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more")},
		"w3c, version ff":             {"traceparent: ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", fmt.Sprintf(badW3C, "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
		"w3c, upper case":             {"traceparent: 00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", fmt.Sprintf(badW3C, "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
		"w3c, trace 0":                {"traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01", fmt.Sprintf(badW3C, "00-00000000000000000000000000000000-00f067aa0ba902b7-01")},
		"w3c, span 0":                 {"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", fmt.Sprintf(badW3C, "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")},
		"w3c, short":                  {"traceparent: 00-abc-1-01", fmt.Sprintf(badW3C, "00-abc-1-01")},
		"w3c, twice":                  {w3c + "01\n" + w3c + "01", fmt.Sprintf(badW3C, "several")},

		"single before multi":             {multi + "x-b3-sampled: 1\nb3: def-2-0", "def 2, not sampled"},
		"single's deny holds over multi":  {multi + "x-b3-sampled: 1\nb3: 0", "abc 1, not sampled"},
		"b3's deny holds over jaeger":     {"x-b3-sampled: 0\nuber-trace-id: abc:1:0:1", "abc 1, not sampled"},
		"single's deny, jaeger malformed": {"b3: 0\nuber-trace-id: rubbish", "new trace, not sampled"},
		"single's say, multi malformed":   {"b3: 1\nx-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 0\nuber-trace-id: abc:1:0:0", "abc 1, sampled"},

		"b3, which proxies rewrite, before jaeger": {multi + "x-b3-sampled: 1\nuber-trace-id: abc:2:0:1", "abc 1, sampled"},
		"jaeger before w3c":                        {w3c + "01\nuber-trace-id: abc:1:0:1", "abc 1, sampled"},
		"b3 malformed: jaeger":                     {"x-b3-traceid: xyz\nx-b3-spanid: 1\nuber-trace-id: abc:1:0:1", "abc 1, sampled"},
		"single malformed: multi":                  {multi + "x-b3-sampled: 1\nb3: rubbish", "abc 1, sampled"},
		"all malformed":                            {"b3: x\nx-b3-traceid: y\nuber-trace-id: z\ntraceparent: w", fmt.Sprintf(badB3, "x")},
		"baggage only":                             {"uberctx-k: v%20w", "new trace, sampled k=v w"},
		"list of baggage":                          {"jaeger-baggage: K=v, rubbish, =x, l =w", "new trace, sampled k=v l=w"},
		"malformed, with baggage":                  {"uberctx-k: v\nuber-trace-id: x", "new trace, sampled k=v; uber-trace-id: \"x\": want trace:span:parent:flags in hex digits"},
		"denied without ids, with baggage":         {"uberctx-k: v\nb3: 0", "new trace, not sampled k=v"},
		"accepted without ids, with baggage":       {"uberctx-k: v\nb3: 1", "new trace, sampled k=v"},
		"deferred, with baggage":                   {multi + "uberctx-k: v", "abc 1, sampled k=v"},
		"debug, with baggage":                      {multi + "x-b3-flags: 1\nuberctx-k: v", "abc 1, debug k=v"},
		"debug id":                                 {"jaeger-debug-id: me", "new trace, debug"},
		"debug id, denied without ids":             {"jaeger-debug-id: me\nb3: 0", "new trace, debug"},
		"debug id, with ids":                       {"jaeger-debug-id: me\n" + multi + "x-b3-sampled: 0", "abc 1, not sampled"},
		"b3 with jaeger's baggage":                 {multi + "x-b3-sampled: 1\nuberctx-K: %zz", "abc 1, sampled k=%zz"},
	} {
		t.Run(name, func(t *testing.T) {
			tr, r := recording(t)
			if got := serve(t, tr, r, test.headers); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestTheSamplerDecidesWhatAPeerDeferred(t *testing.T) {
	const deferred = "x-b3-traceid: abc\nx-b3-spanid: 1"
	for name, test := range map[string]struct {
		env, headers string
		opts         []tracer.Option
		want         string
	}{
		"const 1":                    {"", deferred, nil, "abc 1, sampled"},
		"const 0":                    {"JAEGER_SAMPLER_PARAM=0", deferred, nil, "abc 1, not sampled"},
		"const 0, single":            {"JAEGER_SAMPLER_PARAM=0", "b3: abc-1", nil, "abc 1, not sampled"},
		"absent means denied":        {"", deferred, []tracer.Option{tracer.WithDeferredAsDenied()}, "abc 1, not sampled"},
		"that is not for b3: 1":      {"", "b3: abc-1-1", []tracer.Option{tracer.WithDeferredAsDenied()}, "abc 1, sampled"},
		"accepted is not asked":      {"JAEGER_SAMPLER_PARAM=0", "b3: 1", nil, "new trace, sampled"},
		"debug is not asked":         {"JAEGER_SAMPLER_PARAM=0", "b3: d", nil, "new trace, debug"},
		"malformed is a new trace's": {"JAEGER_SAMPLER_PARAM=0", "b3: rubbish", nil, "new trace, not sampled"},
		// Beside ids that are malformed only a denial counts.
		"accepted, malformed":         {"JAEGER_SAMPLER_PARAM=0", "x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-sampled: 1", nil, "new trace, not sampled"},
		"accepted, malformed span":    {"JAEGER_SAMPLER_PARAM=0", "x-b3-traceid: abc\nx-b3-spanid: x\nx-b3-sampled: 1", nil, "new trace, not sampled"},
		"debug, malformed":            {"JAEGER_SAMPLER_PARAM=0", "x-b3-traceid: xyz\nx-b3-spanid: 1\nx-b3-flags: 1", nil, "new trace, not sampled"},
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
