package tracer_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// The IDs that the tests of formats inject, as all formats write them.
const (
	shortTrace, longTrace = "0000000000000abc", "00000000000000010000000000000abc"
	spanID, parentID      = "0000000000000001", "00000000000000ff"
	noParent              = "0000000000000000"
)

// injectTests are contexts, and the headers that one format writes for them.
type injectTests map[string]struct {
	c    jaeger.SpanContext
	want map[string]string
}

// The contexts of the tests of formats.
var (
	rootContext       = jaeger.NewSpanContext(jaeger.TraceID{Low: 0xabc}, 1, 0, true, nil)
	deniedContext     = jaeger.NewSpanContext(jaeger.TraceID{High: 1, Low: 0xabc}, 1, 0xff, false, nil)
	debugContext      = contextOf("abc:1:ff:3")
	undebuggedContext = contextOf("abc:1:0:2") // the debug flag without the flag for sampled
)

func contextOf(uberTraceID string) jaeger.SpanContext {
	c, err := jaeger.ContextFromString(uberTraceID)
	if err != nil {
		panic(err)
	}
	return c
}

// run injects each context into all kinds of carriers. They have headers that another hop wrote, in
// all formats, which must be gone afterwards.
func (tests injectTests) run(t *testing.T, format tracer.Format) {
	stale := map[string]string{
		"uber-trace-id": "d:d:d:1", "x-b3-traceid": "d", "x-b3-spanid": "d", "x-b3-parentspanid": "d",
		"x-b3-sampled": "1", "x-b3-flags": "1", "b3": "0", "traceparent": "d", "tracestate": "d=d",
		"X-B3-SpanId": "d", "accept": "*/*",
	}
	notCanonical := []string{"X-B3-TraceId", "x-b3-traceid", "b3", "Uber-trace-id", "UBER-TRACE-ID", "TraceParent"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			setenv(t)
			tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(format))
			h, plain, m, md := http.Header{}, http.Header{}, opentracing.TextMapCarrier{}, mdCarrier{}
			for _, key := range notCanonical {
				h[key], plain[key] = []string{"d"}, []string{"d"}
			}
			for k, v := range stale {
				h.Add(k, v)
				plain.Add(k, v)
				m[k] = v
				md[strings.ToLower(k)] = []string{v, v}
			}
			md["accept"] = md["accept"][:1]
			inject(t, tr, test.c, opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(h))
			inject(t, tr, test.c, opentracing.HTTPHeaders, plain) // its Set makes it a carrier
			inject(t, tr, test.c, opentracing.HTTPHeaders, md)
			inject(t, tr, test.c, opentracing.TextMap, m)

			want := maps.Clone(test.want)
			want["accept"] = "*/*"
			for carrier, got := range map[string]map[string]string{
				"HTTPHeadersCarrier": byLowerKey(t, h), "http.Header": byLowerKey(t, plain), "metadata": byLowerKey(t, md),
				"TextMapCarrier": m,
			} {
				if !maps.Equal(got, want) {
					t.Errorf("%s: got  %v\nwant %v", carrier, got, want)
				}
			}
		})
	}
}

func inject(t *testing.T, tr opentracing.Tracer, c opentracing.SpanContext, format, carrier any) {
	t.Helper()
	if err := tr.Inject(c, format, carrier); err != nil {
		t.Fatal(err)
	}
}

// byLowerKey returns headers with keys in lower case and the values of each key joined. No two keys
// may differ in case only.
func byLowerKey(t *testing.T, headers map[string][]string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for k, v := range headers {
		got[strings.ToLower(k)] = strings.Join(v, "|")
	}
	if len(got) != len(headers) {
		t.Errorf("some keys differ in case only: %v", headers)
	}
	return got
}

func TestInjectJaeger(t *testing.T) {
	injectTests{
		"root":   {rootContext, map[string]string{"uber-trace-id": shortTrace + ":" + spanID + ":" + noParent + ":1"}},
		"denied": {deniedContext, map[string]string{"uber-trace-id": longTrace + ":" + spanID + ":" + parentID + ":0"}},
		"debug":  {debugContext, map[string]string{"uber-trace-id": shortTrace + ":" + spanID + ":" + parentID + ":3"}},
		"not sampled": {
			undebuggedContext,
			map[string]string{"uber-trace-id": shortTrace + ":" + spanID + ":" + noParent + ":0"},
		},
	}.run(t, tracer.Jaeger)
}

func TestInjectB3(t *testing.T) {
	injectTests{
		"root": {rootContext, map[string]string{
			"x-b3-traceid": shortTrace, "x-b3-spanid": spanID, "x-b3-sampled": "1",
		}},
		"denied": {deniedContext, map[string]string{
			"x-b3-traceid": longTrace, "x-b3-spanid": spanID, "x-b3-parentspanid": parentID, "x-b3-sampled": "0",
		}},
		"debug": {debugContext, map[string]string{
			"x-b3-traceid": shortTrace, "x-b3-spanid": spanID, "x-b3-parentspanid": parentID, "x-b3-flags": "1",
		}},
	}.run(t, tracer.B3)
}

func TestInjectB3Single(t *testing.T) {
	injectTests{
		"root":   {rootContext, map[string]string{"b3": shortTrace + "-" + spanID + "-1"}},
		"denied": {deniedContext, map[string]string{"b3": longTrace + "-" + spanID + "-0-" + parentID}},
		"debug":  {debugContext, map[string]string{"b3": shortTrace + "-" + spanID + "-d-" + parentID}},
	}.run(t, tracer.B3Single)
}

func TestInjectW3C(t *testing.T) {
	injectTests{
		"root":   {rootContext, map[string]string{"traceparent": "00-0000000000000000" + shortTrace + "-" + spanID + "-01"}},
		"denied": {deniedContext, map[string]string{"traceparent": "00-" + longTrace + "-" + spanID + "-00"}},
		"debug":  {debugContext, map[string]string{"traceparent": "00-0000000000000000" + shortTrace + "-" + spanID + "-01"}},
	}.run(t, tracer.W3C)
}

func TestInjectChosenFormats(t *testing.T) {
	const (
		jaegers, b3, single, w3c = "uber-trace-id", "x-b3-traceid", "b3", "traceparent"
		all                      = jaegers + " " + b3 + " " + single + " " + w3c
	)
	for name, test := range map[string]struct {
		env    string
		chosen [][]tracer.Format // of each WithPropagation
		want   string
	}{
		"default":                      {"", nil, jaegers + " " + b3},
		"environment":                  {"JAEGER_PROPAGATION=w3c,b3-single", nil, single + " " + w3c},
		"Java's":                       {"JAEGER_PROPAGATION=B3", nil, b3},
		"all":                          {"JAEGER_PROPAGATION=jaeger,b3,b3-single,w3c", nil, all},
		"option wins over environment": {"JAEGER_PROPAGATION=w3c", [][]tracer.Format{{tracer.B3}}, b3},
		"the last option wins": {
			"",
			[][]tracer.Format{{tracer.B3}, {tracer.W3C, tracer.Jaeger}},
			jaegers + " " + w3c,
		},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, strings.Fields(test.env)...)
			opts := []tracer.Option{tracer.WithRecorder(tracer.NewRecorder(0))}
			for _, formats := range test.chosen {
				opts = append(opts, tracer.WithPropagation(formats...))
			}
			tr, _ := open(t, opts...)
			h := headers(t, tr, tr.StartSpan("a").Context())
			var written []string
			for _, k := range []string{jaegers, b3, single, w3c} {
				if h.Get(k) != "" {
					written = append(written, k)
				}
			}
			if got := strings.Join(written, " "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestInjectDefaultFormats(t *testing.T) {
	tr, _ := recording(t)
	for name, test := range map[string]struct {
		c    jaeger.SpanContext
		want map[string]string
	}{
		"short ids are padded, a root has no parent": {
			jaeger.NewSpanContext(jaeger.TraceID{Low: 0xabc}, 0x1, 0, true, nil),
			map[string]string{
				"uber-trace-id": "0000000000000abc:0000000000000001:0000000000000000:1",
				"x-b3-traceid":  "0000000000000abc", "x-b3-spanid": "0000000000000001", "x-b3-sampled": "1",
			},
		},
		"128 bits, not sampled": {
			jaeger.NewSpanContext(jaeger.TraceID{High: 1, Low: 0xabc}, 0xff, 0xee, false, nil),
			map[string]string{
				"uber-trace-id": "00000000000000010000000000000abc:00000000000000ff:00000000000000ee:0",
				"x-b3-traceid":  "00000000000000010000000000000abc", "x-b3-spanid": "00000000000000ff",
				"x-b3-parentspanid": "00000000000000ee", "x-b3-sampled": "0",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := opentracing.TextMapCarrier{"x-b3-traceid": "old"}
			if err := tr.Inject(test.c, opentracing.TextMap, got); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("got  %v\nwant %v", got, test.want)
			}
			h := headers(t, tr, test.c)
			for k, v := range test.want {
				if values := h.Values(k); len(values) != 1 || values[0] != v {
					t.Errorf("%s: %q, want %q", k, values, v)
				}
			}
			if len(h) != len(test.want) {
				t.Errorf("more than was wanted: %v", h)
			}
		})
	}
}

func TestInjectExtractedContext(t *testing.T) {
	setenv(t)
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(tracer.B3Single))
	for in, want := range map[string]string{
		"b3: abc-1-1": "0000000000000abc-0000000000000001-1",
		"b3: abc-1-d": "0000000000000abc-0000000000000001-d",
		"b3: abc-1-0": "0000000000000abc-0000000000000001-0",
		"b3: abc-1":   "0000000000000abc-0000000000000001",
	} {
		c, err := tr.Extract(opentracing.HTTPHeaders, carried(in))
		if err != nil {
			t.Fatal(err)
		}
		if got := headers(t, tr, c).Get("b3"); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"b3: 0": "-0", "b3: 1": "-1", "b3: d": "-d"} {
		c, err := tr.Extract(opentracing.HTTPHeaders, carried(in))
		if err != nil {
			t.Fatal(err)
		}
		if got := headers(t, tr, c).Get("b3"); !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %s", in, got)
		}
	}
}

func TestInjectOpenDecision(t *testing.T) {
	for choice, want := range map[string]string{
		"jaeger":                  "",
		"w3c":                     "",
		"jaeger,w3c":              "",
		"b3":                      "x-b3-spanid,x-b3-traceid",
		"b3-single":               "b3",
		"jaeger,b3,b3-single,w3c": "b3,x-b3-spanid,x-b3-traceid",
	} {
		setenv(t, "JAEGER_PROPAGATION="+choice)
		from, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(tracer.B3, tracer.W3C))
		tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)))
		c := extract(t, from,
			"b3: 4bf92f3577b34da6a3ce929d0e0e4736-1\ntraceparent: 00-"+ids+"-00\ntracestate: a=b\nuberctx-k: v")
		stale := http.Header{"Uber-Trace-Id": {"d"}, "Traceparent": {"d"}, "Tracestate": {"d=d"}, "X-B3-Sampled": {"1"}}
		if err := tr.Inject(c, opentracing.HTTPHeaders, stale); err != nil {
			t.Fatal(err)
		}
		if stale.Get("uberctx-k") != "v" {
			t.Errorf("%s: %v", choice, stale)
		}
		stale.Del("uberctx-k")
		if got := strings.ToLower(strings.Join(slices.Sorted(maps.Keys(stale)), ",")); got != want ||
			strings.Count(stale.Get("b3"), "-") > 1 {
			t.Errorf("%s: got %v, want %s", choice, stale, want)
		}
		// Now the sampler decides.
		tr.StartSpan("a", opentracing.ChildOf(c))
		h := headers(t, tr, c)
		if strings.Contains(choice, "jaeger") && !strings.HasSuffix(h.Get("uber-trace-id"), ":1") ||
			strings.Contains(choice, "w3c") && (!strings.HasSuffix(h.Get("traceparent"), "-01") ||
				h.Get("tracestate") != "a=b") {
			t.Errorf("%s: %v", choice, h)
		}
	}
}

func TestInjectDeniedTrace(t *testing.T) {
	setenv(t)
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)),
		tracer.WithPropagation(tracer.Jaeger, tracer.B3, tracer.B3Single, tracer.W3C))
	for _, in := range []string{"b3: 0", "x-b3-sampled: 0", "b3: abc-1-0", "uber-trace-id: abc:1:0:0"} {
		span := tr.StartSpan("a", opentracing.ChildOf(extract(t, tr, in)))
		h := headers(t, tr, tr.StartSpan("b", opentracing.ChildOf(span.Context())).Context())
		if !strings.HasSuffix(h.Get("uber-trace-id"), ":0") || h.Get("x-b3-sampled") != "0" ||
			h.Get("x-b3-flags") != "" ||
			!strings.Contains(h.Get("b3"), "-0-") || !strings.HasSuffix(h.Get("traceparent"), "-00") {
			t.Errorf("%s: %v", in, h)
		}
	}
}
