package tracer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/textproto"
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

const (
	notFound  = "opentracing: SpanContext not found in Extract carrier"
	corrupted = "opentracing: SpanContext data corrupted in Extract carrier"
)

func TestExtractReadsWhatPeersSend(t *testing.T) {
	tr, _ := recording(t)
	const b3 = "x-b3-traceid: abc\nx-b3-spanid: 1\n"
	for name, test := range map[string]struct{ headers, want string }{
		"nothing":                     {"accept: */*", notFound},
		"jaeger":                      {"uber-trace-id: abc:1:0:1", "abc:1 sampled"},
		"jaeger, 128 bits":            {"Uber-Trace-Id: 10000000000000abc:1:0:0", "10000000000000abc:1 not sampled"},
		"jaeger, encoded":             {"uber-trace-id: abc%3A1%3A0%3A1", "abc:1 sampled"},
		"jaeger, debug":               {"uber-trace-id: abc:1:0:3", "abc:1 sampled debug"},
		"jaeger, flags in hex":        {"uber-trace-id: abc:1:0:b", "abc:1 sampled debug"},
		"jaeger, two digits of flags": {"uber-trace-id: abc:1:0:01", "abc:1 sampled"},
		"jaeger, no parent":           {"uber-trace-id: abc:1::1", "abc:1 sampled"},
		"jaeger, first value":         {"uber-trace-id: abc:1:0:1\nuber-trace-id: def:1:0:1", "abc:1 sampled"},
		"jaeger, three parts":         {"uber-trace-id: abc:1:1", corrupted},
		"jaeger, five parts":          {"uber-trace-id: abc:1:0:1:1", corrupted},
		"jaeger, no trace":            {"uber-trace-id: 0:1:0:1", corrupted},
		"jaeger, no span":             {"uber-trace-id: abc:0:0:1", corrupted},
		"jaeger, large flags":         {"uber-trace-id: abc:1:0:100", corrupted},
		"jaeger, 33 digits":           {"uber-trace-id: " + strings.Repeat("1", 33) + ":1:0:1", corrupted},
		"jaeger, empty":               {"uber-trace-id: ", corrupted},
		"b3":                          {b3 + "x-b3-sampled: 1", "abc:1 sampled"},
		"b3, true":                    {b3 + "X-B3-Sampled: True", "abc:1 sampled"},
		"b3, debug":                   {b3 + "x-b3-flags: 1", "abc:1 sampled debug"},
		"b3, other flags":             {b3 + "x-b3-flags: 2", "abc:1 not sampled"},
		"b3, denied":                  {b3 + "x-b3-sampled: 0", "abc:1 not sampled"},
		"b3, upper case":              {"x-b3-traceid: ABC\nx-b3-spanid: F", "abc:f not sampled"},
		"b3, full length": {
			"x-b3-traceid: 463ac35c9f6413ad48485a3953bb6124\nx-b3-spanid: a2fb4a1d1a96d312\nx-b3-parentspanid: 0020000000000001\nx-b3-sampled: 1",
			"463ac35c9f6413ad48485a3953bb6124:a2fb4a1d1a96d312 sampled",
		},
		"b3, first value":            {b3 + "x-b3-sampled: 1\nx-b3-traceid: def\nx-b3-sampled: 0", "abc:1 sampled"},
		"b3, parent is rubbish":      {b3 + "x-b3-parentspanid: -", "abc:1 not sampled"},
		"b3, no span":                {"x-b3-traceid: abc", corrupted},
		"b3, no trace":               {"x-b3-spanid: 1", corrupted},
		"b3, span 0":                 {"x-b3-traceid: abc\nx-b3-spanid: 0", corrupted},
		"b3, trace 0":                {"x-b3-traceid: 00000000000000000000000000000000\nx-b3-spanid: 1", corrupted},
		"b3, not hex":                {"x-b3-traceid: xyz\nx-b3-spanid: 1", corrupted},
		"b3, joined":                 {"x-b3-traceid: abc,def\nx-b3-spanid: 1", corrupted},
		"b3, 17 digits of span":      {"x-b3-traceid: abc\nx-b3-spanid: 00000000000000001", corrupted},
		"b3, -":                      {"x-b3-traceid: -\nx-b3-spanid: -", corrupted},
		"both: jaeger wins":          {b3 + "uber-trace-id: def:2:0:1", "def:2 sampled"},
		"both, jaeger malformed: b3": {b3 + "uber-trace-id: def", "abc:1 not sampled"},
		"baggage only":               {"uberctx-k: v%20w", "no ids k=v w"},
		"list of baggage":            {"jaeger-baggage: K=v, rubbish, =x, l =w", "no ids k=v l=w"},
		"malformed, with baggage":    {"uberctx-k: v\nuber-trace-id: x", "no ids k=v"},
		"debug id":                   {"jaeger-debug-id: me", "no ids"},
		"b3 with jaeger's baggage":   {b3 + "uberctx-K: %zz", "abc:1 not sampled k=%zz"},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			for line := range strings.SplitSeq(test.headers, "\n") {
				k, v, _ := strings.Cut(line, ": ")
				h.Add(k, v)
			}
			c, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(h))
			if got := describe(c, err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func describe(c opentracing.SpanContext, err error) string {
	if err != nil {
		return err.Error()
	}
	s := "no ids"
	if c := c.(jaeger.SpanContext); c.IsValid() {
		s = strings.TrimLeft(c.TraceID().String(), "0") + ":" + strings.TrimLeft(c.SpanID().String(), "0") + " not sampled"
		if c.IsSampled() {
			s = strings.Replace(s, "not sampled", "sampled", 1)
		}
		if c.IsDebug() {
			s += " debug"
		}
	}
	var items []string
	c.ForeachBaggageItem(func(k, v string) bool {
		items = append(items, k+"="+v)
		return true
	})
	if len(items) == 2 && items[0] > items[1] {
		items[0], items[1] = items[1], items[0]
	}
	return strings.Join(append([]string{s}, items...), " ")
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
	for _, key := range []string{"a b", "a:b", "é", "a\nb", "", "a/b", "a\x00", "a~b"} {
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
		if len(values) != 1 {
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

// FuzzExtract: whatever headers come, nothing panics, a context that comes out of them can be used, and what is then
// sent on is well-formed and in the same trace.
func FuzzExtract(f *testing.F) {
	for _, s := range []string{
		"uber-trace-id: abc:1:0:1", "uber-trace-id: abc:1:0:b\nuberctx-k: v", "uber-trace-id: ::::::", "uber-trace-id: 0:0:0:0",
		"x-b3-traceid: abc\nx-b3-spanid: 1\nx-b3-sampled: d\nx-b3-parentspanid: -",
		"jaeger-debug-id: x", "jaeger-baggage: a=b,c=d,%,=", "uberctx-: x\nuberctx-a b: %zz", "b3: 0\ntraceparent: 00-0-0-00",
		"uber-trace-id: abc%3a1%3a0%3a1\nuber-trace-id: x", "X-B3-TRACEID: \nx-b3-spanid: ",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	r := tracer.NewRecorder(10)
	tr, _, err := tracer.New("shop", tracer.WithRecorder(r))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, lines string, isHTTP bool) {
		var format any = opentracing.TextMap
		h := http.Header{}
		for line := range strings.SplitSeq(lines, "\n") {
			k, v, _ := strings.Cut(line, ": ")
			h[k] = append(h[k], v)
		}
		if isHTTP {
			format = opentracing.HTTPHeaders
		}
		c, err := tr.Extract(format, opentracing.HTTPHeadersCarrier(h))
		if err != nil {
			if c != nil || err != opentracing.ErrSpanContextCorrupted && err != opentracing.ErrSpanContextNotFound {
				t.Fatalf("%v, %v", c, err)
			}
			return
		}
		from := c.(jaeger.SpanContext)
		from.IsSampled()
		from.IsDebug()
		span := tr.StartSpan("server", opentracing.ChildOf(c))
		span.SetTag("k", "v").SetBaggageItem("more", "x")
		out := headers(t, tr, span.Context())
		span.Finish()
		for k, v := range out {
			if textproto.CanonicalMIMEHeaderKey(k) != k || len(v) != 1 || strings.ContainsFunc(v[0], func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%q: %q", k, v)
			}
		}
		back, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(out))
		if err != nil {
			t.Fatalf("%v, from %q", err, out)
		}
		to := back.(jaeger.SpanContext)
		if from.IsValid() && (to.TraceID() != from.TraceID() || to.ParentID() != from.SpanID() || to.IsSampled() != from.IsSampled()) {
			t.Errorf("%v became %v", from, to)
		}
	})
}
