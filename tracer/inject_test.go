package tracer_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"github.com/uber/jaeger-client-go"
)

// mdCarrier is like a carrier for gRPC metadata: keys in lower case, each with several values.
type mdCarrier map[string][]string

func (c mdCarrier) Set(key, value string) { c[key] = []string{value} }

func (c mdCarrier) Del(key string) { delete(c, key) }

func (c mdCarrier) ForeachKey(handle func(key, value string) error) error {
	for key, values := range c {
		for _, value := range values {
			if err := handle(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

var _ tracer.Deleter = mdCarrier(nil)

func TestInjectFormats(t *testing.T) {
	const (
		short, long = "0000000000000abc", "00000000000000010000000000000abc"
		one, ff     = "0000000000000001", "00000000000000ff"
	)
	debug, err := jaeger.ContextFromString("abc:1:ff:3")
	if err != nil {
		t.Fatal(err)
	}
	undebugged, err := jaeger.ContextFromString("abc:1:0:2")
	if err != nil {
		t.Fatal(err)
	}
	root := jaeger.NewSpanContext(jaeger.TraceID{Low: 0xabc}, 0x1, 0, true, nil)
	denied := jaeger.NewSpanContext(jaeger.TraceID{High: 1, Low: 0xabc}, 0x1, 0xff, false, nil)
	for name, test := range map[string]struct {
		format tracer.Format
		c      jaeger.SpanContext
		want   map[string]string
	}{
		"jaeger, root": {
			tracer.Jaeger, root,
			map[string]string{"uber-trace-id": short + ":" + one + ":" + strings.Repeat("0", 16) + ":1"},
		},
		"jaeger, denied": {
			tracer.Jaeger, denied,
			map[string]string{"uber-trace-id": long + ":" + one + ":" + ff + ":0"},
		},
		"jaeger, debug": {
			tracer.Jaeger, debug,
			map[string]string{"uber-trace-id": short + ":" + one + ":" + ff + ":3"},
		},
		"jaeger, not sampled": {
			tracer.Jaeger, undebugged,
			map[string]string{"uber-trace-id": short + ":" + one + ":" + strings.Repeat("0", 16) + ":0"},
		},
		"b3, root": {tracer.B3, root, map[string]string{
			"x-b3-traceid": short, "x-b3-spanid": one,
			"x-b3-sampled": "1",
		}},
		"b3, denied": {
			tracer.B3, denied,
			map[string]string{"x-b3-traceid": long, "x-b3-spanid": one, "x-b3-parentspanid": ff, "x-b3-sampled": "0"},
		},
		"b3, debug": {tracer.B3, debug, map[string]string{
			"x-b3-traceid": short, "x-b3-spanid": one,
			"x-b3-parentspanid": ff, "x-b3-flags": "1",
		}},
		"single, root":   {tracer.B3Single, root, map[string]string{"b3": short + "-" + one + "-1"}},
		"single, denied": {tracer.B3Single, denied, map[string]string{"b3": long + "-" + one + "-0-" + ff}},
		"single, debug":  {tracer.B3Single, debug, map[string]string{"b3": short + "-" + one + "-d-" + ff}},
		"w3c, root": {tracer.W3C, root, map[string]string{"traceparent": "00-0000000000000000" + short + "-" +
			one + "-01"}},
		"w3c, denied": {tracer.W3C, denied, map[string]string{"traceparent": "00-" + long + "-" + one + "-00"}},
		"w3c, debug": {
			tracer.W3C, debug,
			map[string]string{"traceparent": "00-0000000000000000" + short + "-" + one + "-01"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t)
			tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(test.format))
			// Headers that another hop wrote, in all formats, must be gone afterwards.
			stale := map[string]string{
				"uber-trace-id": "d:d:d:1", "x-b3-traceid": "d", "x-b3-spanid": "d", "x-b3-parentspanid": "d",
				"x-b3-sampled": "1", "x-b3-flags": "1",
				"b3": "0", "traceparent": "d", "tracestate": "d=d", "X-B3-SpanId": "d", "accept": "*/*",
			}
			test.want["accept"] = "*/*"
			h, m, md := http.Header{}, opentracing.TextMapCarrier{}, mdCarrier{}
			plain := http.Header{}
			for _, key := range []string{
				"X-B3-TraceId", "x-b3-traceid", "b3", "Uber-trace-id", "UBER-TRACE-ID",
				"TraceParent",
			} { // not canonical
				h[key], plain[key] = []string{"d"}, []string{"d"}
			}
			for k, v := range stale {
				h.Add(k, v)
				plain.Add(k, v)
				m[k] = v
				md[strings.ToLower(k)] = []string{v, v}
			}
			for format, carrier := range map[opentracing.BuiltinFormat]any{
				opentracing.TextMap:     m,
				opentracing.HTTPHeaders: opentracing.HTTPHeadersCarrier(h),
			} {
				if err := tr.Inject(test.c, format, carrier); err != nil {
					t.Fatal(err)
				}
			}
			if err := tr.Inject(test.c, opentracing.HTTPHeaders, md); err != nil {
				t.Fatal(err)
			}
			if err := tr.Inject(test.c, opentracing.HTTPHeaders,
				plain); err != nil { // its Set makes it a carrier
				t.Fatal(err)
			}
			md["accept"] = md["accept"][:1]
			for _, h := range []http.Header{h, plain} {
				got := map[string]string{}
				for k, v := range h {
					got[strings.ToLower(k)] = strings.Join(v, "|")
				}
				if !maps.Equal(got, test.want) || len(h) != len(got) {
					t.Errorf("http: got  %v\nwant %v", h, test.want)
				}
			}
			if !maps.Equal(m, test.want) {
				t.Errorf("map: got  %v\nwant %v", m, test.want)
			}
			if len(md) != len(test.want) {
				t.Errorf("metadata: got  %v\nwant %v", md, test.want)
			}
			for k, v := range md {
				if len(v) != 1 || v[0] != test.want[k] {
					t.Errorf("metadata: %s: got %q, want %q", k, v, test.want[k])
				}
			}
		})
	}
}

func TestInjectChosenFormats(t *testing.T) {
	const jaegers, b3, single, w3c = "uber-trace-id", "x-b3-traceid", "b3", "traceparent"
	for name, test := range map[string]struct {
		env  string
		opts []tracer.Option
		want string
	}{
		"default":     {"", nil, jaegers + " " + b3},
		"environment": {"JAEGER_PROPAGATION=w3c,b3-single", nil, single + " " + w3c},
		"Java's":      {"JAEGER_PROPAGATION=B3", nil, b3},
		"all": {
			"JAEGER_PROPAGATION=jaeger,b3,b3-single,w3c", nil,
			strings.Join([]string{jaegers, b3, single, w3c}, " "),
		},
		"option wins over environment": {
			"JAEGER_PROPAGATION=w3c",
			[]tracer.Option{tracer.WithPropagation(tracer.B3)},
			b3,
		},
		"the last option wins": {"", []tracer.Option{
			tracer.WithPropagation(tracer.B3),
			tracer.WithPropagation(tracer.W3C, tracer.Jaeger),
		}, jaegers + " " + w3c},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, strings.Fields(test.env)...)
			tr, _ := open(t, append(test.opts, tracer.WithRecorder(tracer.NewRecorder(0)))...)
			h := headers(t, tr, tr.StartSpan("a").Context())
			var written []string
			for _, k := range []string{"uber-trace-id", "x-b3-traceid", "b3", "traceparent"} {
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

func TestInjectTracestate(t *testing.T) {
	const parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n"
	var members []string
	for i := range 33 {
		members = append(members, fmt.Sprintf("k%d=v", i))
	}
	long := "k=" + strings.Repeat("v", 256)
	for name, test := range map[string]struct{ headers, want string }{
		"one": {parent + "tracestate: congo=t61rcWkgMzE", "congo=t61rcWkgMzE"},
		"several": {
			parent + "tracestate: a=1, b@c/d*=2\ntracestate: \ntracestate: ,c_-=3 3 ,",
			"a=1,b@c/d*=2,c_-=3 3",
		},
		"32 members": {
			parent + "tracestate: " + strings.Join(members[:32], ","),
			strings.Join(members[:32], ","),
		},
		"33 members":         {parent + "tracestate: " + strings.Join(members, ","), ""},
		"33 headers":         {parent + "tracestate: " + strings.Join(members, "\ntracestate: "), ""},
		"33 headers, in one": {parent + "tracestate: k32=v\ntracestate: " + strings.Join(members[:32], ","), ""},
		"40 headers, most empty": {parent + strings.Repeat("tracestate: \ntracestate:  ,\t,\n", 20) +
			"tracestate: a=1\ntracestate: b=2", "a=1,b=2"},
		"too many after empty ones": {parent + strings.Repeat("tracestate: \n", 5) + "tracestate: " +
			strings.Join(members, "\ntracestate: "), ""},
		"512 bytes":             {parent + "tracestate: " + long + "\ntracestate: a" + long, long + ",a" + long},
		"a megabyte":            {parent + "tracestate: " + strings.Repeat("k=v,", 1<<18), ""},
		"a member too long":     {parent + "tracestate: " + long + "v", ""},
		"no value":              {parent + "tracestate: k=", ""},
		"no key":                {parent + "tracestate: =v", ""},
		"no equals":             {parent + "tracestate: k", ""},
		"two equals":            {parent + "tracestate: k=v=w", ""},
		"upper case":            {parent + "tracestate: K=v", ""},
		"not ASCII":             {parent + "tracestate: k=\xff", ""},
		"without traceparent":   {"tracestate: k=v", ""},
		"with malformed parent": {"traceparent: 00-x\ntracestate: k=v", ""},
		"with two parents":      {parent + parent + "tracestate: k=v", ""},
		"of another trace":      {parent + "tracestate: k=v\nb3: abc-1-1", ""},
		"of the same trace":     {parent + "tracestate: k=v\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-1-1", "k=v"},
		"of the same, deferred": {parent + "tracestate: k=v\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-1", "k=v"},
		"not sampled":           {strings.Replace(parent, "-01", "-00", 1) + "tracestate: k=v", "k=v"},
		"debug, and with baggage": {
			parent + "tracestate: k=v\nuberctx-a: b\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-1-d",
			"k=v",
		},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t)
			tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(tracer.B3, tracer.W3C))
			c, _ := tr.Extract(opentracing.HTTPHeaders, carried(test.headers))
			span := tr.StartSpan("server", opentracing.ChildOf(c))
			child := tr.StartSpan("child", opentracing.ChildOf(span.Context()))
			if got := headers(t, tr, child.Context()).Get("tracestate"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
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

func TestInjectForeignContext(t *testing.T) {
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
			if err := tr.Inject(c, format, carrier); !errors.Is(err, opentracing.ErrInvalidSpanContext) ||
				len(carrier) != 0 {
				t.Errorf("%s: %v, %v", name, err, carrier)
			}
		}
	}
}

func TestInjectNilCarrier(t *testing.T) {
	tr, _ := recording(t)
	c := tr.StartSpan("a").Context()
	for _, carrier := range []any{
		nil, 1, opentracing.HTTPHeadersCarrier(nil), opentracing.TextMapCarrier(nil),
		http.Header(nil),
	} {
		if err := tr.Inject(c, opentracing.HTTPHeaders, carrier); err != opentracing.ErrInvalidCarrier {
			t.Errorf("%T: %v", carrier, err)
		}
	}
	for _, carrier := range []any{opentracing.HTTPHeadersCarrier(nil), opentracing.TextMapCarrier(nil)} {
		if _, err := tr.Extract(opentracing.HTTPHeaders, carrier); err != opentracing.ErrSpanContextNotFound {
			t.Errorf("%T: %v", carrier, err)
		}
	}
}

func TestUnknownCarrier(t *testing.T) {
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
	if err := tr.Inject(tr.StartSpan("a").Context(), opentracing.Binary, buf); !errors.Is(err,
		opentracing.ErrUnsupportedFormat) {
		t.Error(err)
	}
	if _, err := tr.Extract(opentracing.Binary, buf); !errors.Is(err, opentracing.ErrUnsupportedFormat) {
		t.Error(err)
	}
}
