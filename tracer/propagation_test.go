package tracer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"github.com/uber/jaeger-client-go"
)

func headers(t *testing.T, tr opentracing.Tracer, c opentracing.SpanContext) http.Header {
	t.Helper()
	h := http.Header{}
	if err := tr.Inject(c, opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(h)); err != nil {
		t.Fatal(err)
	}
	return h
}

func recording(t *testing.T) (opentracing.Tracer, *tracer.Recorder) {
	setenv(t)
	r := tracer.NewRecorder(0)
	tr, _ := open(t, tracer.WithRecorder(r))
	return tr, r
}

func TestInjectWritesJaegersHeaderAndB3(t *testing.T) {
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

func TestADebugIDForcesATraceThatCarriesIt(t *testing.T) {
	setenv(t, "JAEGER_SAMPLER_PARAM=0")
	r := tracer.NewRecorder(0)
	tr, _ := open(t, tracer.WithRecorder(r))
	c, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{"Jaeger-Debug-Id": {"find me"}})
	if err != nil {
		t.Fatal(err)
	}
	tr.StartSpan("a", opentracing.ChildOf(c)).Finish()
	if traces := r.Traces(); len(traces) != 1 || traces[0][0].Tags[0].Value != "find me" {
		t.Errorf("got %v", traces)
	}
}

func TestAContextWithoutIDsMayBeAsked(t *testing.T) {
	tr, _ := recording(t)
	for _, key := range []string{"Jaeger-Debug-Id", "Uberctx-K"} {
		c, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier{key: {"v"}})
		if err != nil {
			t.Fatal(err)
		}
		// With jaeger-client-go's own codec each of these panics.
		j := c.(jaeger.SpanContext)
		if j.IsSampled() || j.IsDebug() || j.Flags() != 0 {
			t.Errorf("%s: %v", key, j)
		}
	}
}

func TestAForeignOrEmptyContextIsNotInjected(t *testing.T) {
	tr, _ := recording(t)
	baggage, err := tr.Extract(opentracing.TextMap, opentracing.TextMapCarrier{"uberctx-k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]opentracing.SpanContext{
		"nil":          nil,
		"noop":         opentracing.NoopTracer{}.StartSpan("a").Context(),
		"mocktracer":   mocktracer.New().StartSpan("a").Context(),
		"zero":         jaeger.SpanContext{},
		"pointer":      &jaeger.SpanContext{},
		"baggage only": baggage,
	} {
		for _, format := range []opentracing.BuiltinFormat{opentracing.HTTPHeaders, opentracing.TextMap} {
			carrier := opentracing.TextMapCarrier{}
			if err := tr.Inject(c, format, carrier); !errors.Is(err, opentracing.ErrInvalidSpanContext) || len(carrier) != 0 {
				t.Errorf("%s: %v, %v", name, err, carrier)
			}
		}
	}
}

func TestACarrierOfAnotherKindIsAnError(t *testing.T) {
	tr, _ := recording(t)
	c := tr.StartSpan("a").Context()
	if err := tr.Inject(c, opentracing.HTTPHeaders, 1); !errors.Is(err, opentracing.ErrInvalidCarrier) {
		t.Error(err)
	}
	if _, err := tr.Extract(opentracing.HTTPHeaders, 1); !errors.Is(err, opentracing.ErrInvalidCarrier) {
		t.Error(err)
	}
	if _, err := tr.Extract(opentracing.TextMap, brokenCarrier{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

type brokenCarrier struct{}

func (brokenCarrier) ForeachKey(func(key, value string) error) error { return io.ErrUnexpectedEOF }

func TestBinaryIsNotSupported(t *testing.T) {
	tr, _ := recording(t)
	buf := new(bytes.Buffer)
	if err := tr.Inject(tr.StartSpan("a").Context(), opentracing.Binary, buf); !errors.Is(err, opentracing.ErrUnsupportedFormat) {
		t.Error(err)
	}
	if _, err := tr.Extract(opentracing.Binary, buf); !errors.Is(err, opentracing.ErrUnsupportedFormat) {
		t.Error(err)
	}
}

func TestBaggageCannotBreakARequest(t *testing.T) {
	tr, _ := recording(t)
	got := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(r.Header))
		if err != nil {
			got <- err.Error()
			return
		}
		child := tr.StartSpan("server", opentracing.ChildOf(c))
		got <- fmt.Sprintf("%q %q", child.BaggageItem("user"), child.BaggageItem("a.b_c-1"))
	}))
	defer server.Close()

	span := tr.StartSpan("client")
	span.SetBaggageItem("User", "é\nx: y")
	span.SetBaggageItem("a.b_c-1", "1 + 1 = 2%")
	for _, key := range []string{"a b", "a:b", "é", "a\nb", "", "a/b", "a\x00", "a~b", "data-bin", "data-BIN"} {
		span.SetBaggageItem(key, "v")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = headers(t, tr, span.Context())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if s, want := <-got, `"é\nx: y" "1 + 1 = 2%"`; s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	for key, values := range req.Header {
		if len(values) != 1 || strings.HasSuffix(strings.ToLower(key), "-bin") {
			t.Errorf("%s was written %d times", key, len(values))
		}
	}
}

func TestBaggageInATextMapIsWrittenAsItIs(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a")
	span.SetBaggageItem("a b", "é ü")
	carrier := opentracing.TextMapCarrier{}
	if err := tr.Inject(span.Context(), opentracing.TextMap, carrier); err != nil {
		t.Fatal(err)
	}
	c, err := tr.Extract(opentracing.TextMap, carrier)
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.StartSpan("b", opentracing.ChildOf(c)).BaggageItem("a b"); got != "é ü" {
		t.Errorf("%q from %v", got, carrier)
	}
}

func TestBaggageListIsSplitBeforeItIsDecoded(t *testing.T) {
	tr, _ := recording(t)
	for list, want := range map[string]map[string]string{
		"user=7, tier=gold":               {"user": "7", "tier": "gold"},
		"token=YWJjZA==":                  {"token": "YWJjZA=="},
		"token=YWJjZA%3D%3D":              {"token": "YWJjZA=="},
		"token=YWJjZA%3D%3D, user=7":      {"token": "YWJjZA==", "user": "7"},
		"list=a%2Cb, user=7":              {"list": "a,b", "user": "7"},
		"%6Bey%20one=v%20w":               {"key one": "v w"},
		"sum=1+1, other=1%2B1":            {"sum": "1 1", "other": "1+1"},
		"off=50%, user=7":                 {"off": "50%", "user": "7"},
		"a=%2541":                         {"a": "%41"},
		"a=b=c":                           {"a": "b=c"},
		"a=,=b,,c, K%3Dx=y":               {"a": "", "k=x": "y"},
		"a=1,A=2":                         {"a": "1"},
		" key = v ":                       {"key": " v"},
		"a=%20v%20":                       {"a": " v "},
		"user%3D7%2C%20tier%3Dgold":       {"user": "7", "tier": "gold"},
		"a%3D%2541":                       {"a": "%41"},
		"a=" + strings.Repeat("%41", 100): {"a": strings.Repeat("A", 100)},
	} {
		for _, format := range []opentracing.BuiltinFormat{opentracing.HTTPHeaders, opentracing.TextMap} {
			var carrier any = opentracing.HTTPHeadersCarrier{"Uber-Trace-Id": {"1:2:0:1"}, "Jaeger-Baggage": {list}}
			if format == opentracing.TextMap {
				carrier = opentracing.TextMapCarrier{"uber-trace-id": "1:2:0:1", "jaeger-baggage": list}
			}
			c, err := tr.Extract(format, carrier)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			c.ForeachBaggageItem(func(k, v string) bool { got[k] = v; return true })
			if !maps.Equal(got, want) {
				t.Errorf("%q: %q, want %q", list, got, want)
			}
		}
	}
}

func TestOnlySoMuchBaggageIsTakenFromAPeer(t *testing.T) {
	tr, _ := recording(t)
	many, list, long := http.Header{}, new(strings.Builder), strings.Repeat("x", 10_000)
	for i := range 10_000 {
		many.Set(fmt.Sprintf("uberctx-k%d", i), "v")
		fmt.Fprintf(list, "l%d=v,", i)
	}
	for name, h := range map[string]http.Header{
		"many": many,
		"list": {"Jaeger-Baggage": {list.String()}},
		"long": {"Uberctx-Long": {long}, "Uberctx-Short": {"v"}},
	} {
		h.Set("uber-trace-id", "abc:1:0:1")
		c, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(h))
		if err != nil {
			t.Fatal(err)
		}
		items, size := 0, 0
		c.ForeachBaggageItem(func(k, v string) bool {
			items, size = items+1, size+len(k)+len(v)
			return true
		})
		if items == 0 || items > 64 || size > 8192 {
			t.Errorf("%s: %d items, %d bytes", name, items, size)
		}
	}
}

func TestAChildJoinsTheTraceOfEitherFormat(t *testing.T) {
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
	if len(traces) != 1 || len(traces[0]) != 2 || traces[0][1].TraceID.Low != 0xabc || traces[0][1].References[0].SpanID != 1 {
		t.Errorf("got %v", traces)
	}
}

func TestOnlySoMuchBaggageIsWritten(t *testing.T) {
	tr, _ := recording(t)
	for name, test := range map[string]struct{ items, size, want int }{
		"64 items":       {64, 1, 64},
		"100 items":      {100, 1, 64},
		"8000 bytes":     {4, 1998, 4},
		"too many bytes": {10, 1998, 4}, // two of a key, of which 8192 hold four
	} {
		span := tr.StartSpan("a")
		for i := range test.items {
			span.SetBaggageItem(fmt.Sprintf("%02d", i), strings.Repeat("x", test.size))
		}
		for _, format := range []opentracing.BuiltinFormat{opentracing.HTTPHeaders, opentracing.TextMap} {
			h := opentracing.TextMapCarrier{}
			if err := tr.Inject(span.Context(), format, h); err != nil {
				t.Fatal(err)
			}
			for i := range test.items {
				_, written := h[fmt.Sprintf("uberctx-%02d", i)]
				if written != (i < test.want) { // the first by their keys, and not those that chance brings
					t.Errorf("%s: item %d is written: %v", name, i, written)
				}
			}
		}
	}
}

// What counts is how baggage is written: one character may become nine bytes.
func TestTheBoundOfBaggageIsForWhatIsWritten(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a")
	for _, key := range []string{"k", "l", "m"} {
		span.SetBaggageItem(key, strings.Repeat("€", 600))
	}
	if h := headers(t, tr, span.Context()); len(h.Get("uberctx-k")) != 5400 || h.Get("uberctx-l") != "" {
		t.Errorf("%d and %d bytes", len(h.Get("uberctx-k")), len(h.Get("uberctx-l")))
	}
}

func TestALongDebugIDIsCut(t *testing.T) {
	for id, want := range map[string]int{strings.Repeat("x", 5000): 4096, strings.Repeat("%78", 5000): 4096 / 3, strings.Repeat("x", 4096): 4096} {
		setenv(t, "JAEGER_SAMPLER_PARAM=0")
		r := tracer.NewRecorder(0)
		tr, _ := open(t, tracer.WithRecorder(r))
		tr.StartSpan("a", opentracing.ChildOf(extract(t, tr, "jaeger-debug-id: "+id))).Finish()
		if got := r.Traces()[0][0].Tags[0].Value; got != strings.Repeat("x", want) {
			t.Errorf("of %.6s… is kept %q", id, got)
		}
	}
}

func TestOfSeveralValuesOfOneHeader(t *testing.T) {
	const (
		one   = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	)
	setenv(t)
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(tracer.W3C))
	for name, test := range map[string]struct {
		carrier      any
		trace, state string // "" where a new trace begins
	}{
		"one traceparent":           {opentracing.HTTPHeadersCarrier{"Traceparent": {one}, "Tracestate": {"a=1"}}, "4bf92f3577b34da6a3ce929d0e0e4736", "a=1"},
		"two":                       {opentracing.HTTPHeadersCarrier{"Traceparent": {one, other}, "Tracestate": {"a=1"}}, "", ""},
		"the same twice":            {opentracing.HTTPHeadersCarrier{"Traceparent": {one, one}, "Tracestate": {"a=1"}}, "", ""},
		"in two cases":              {opentracing.HTTPHeadersCarrier{"Traceparent": {one}, "traceparent": {other}}, "", ""},
		"in a map":                  {opentracing.TextMapCarrier{"traceparent": one, "Traceparent": other}, "", ""},
		"of a carrier":              {mdCarrier{"traceparent": {one, other}}, "", ""},
		"three":                     {opentracing.HTTPHeadersCarrier{"Traceparent": {one, other, one}}, "", ""},
		"tracestates are one list":  {opentracing.HTTPHeadersCarrier{"Traceparent": {one}, "Tracestate": {"a=1,b=2", "c=3"}}, "4bf92f3577b34da6a3ce929d0e0e4736", "a=1,b=2,c=3"},
		"of a carrier, too":         {mdCarrier{"traceparent": {one}, "tracestate": {"a=1,b=2", "", "c=3"}}, "4bf92f3577b34da6a3ce929d0e0e4736", "a=1,b=2,c=3"},
		"one malformed spoils them": {opentracing.HTTPHeadersCarrier{"Traceparent": {one}, "Tracestate": {"a=1", "B"}}, "4bf92f3577b34da6a3ce929d0e0e4736", ""},
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
