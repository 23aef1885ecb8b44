package tracer_test

import (
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

// roundTrip extracts from lines, starts a span, and injects it in all formats. Nothing may panic,
// the extracted context must be usable, and each injected format must be well-formed, with the same
// trace and decision.
func roundTrip(t *testing.T, tr opentracing.Tracer, format any, lines string) {
	h := http.Header{}
	for line := range strings.SplitSeq(lines, "\n") {
		k, v, _ := strings.Cut(line, ": ")
		h[k] = append(h[k], v)
	}
	c, err := tr.Extract(format, opentracing.HTTPHeadersCarrier(h))
	if err == opentracing.ErrSpanContextNotFound {
		if c != nil {
			t.Fatalf("%v, %v", c, err)
		}
		return
	}
	if err != nil && (len(err.Error()) > 1000 || !strings.HasPrefix(err.Error(),
		opentracing.ErrSpanContextCorrupted.Error())) {
		t.Fatal(err)
	}
	c.(interface{ IsSampled() bool }).IsSampled()
	span := tr.StartSpan("server", ext.RPCServerOption(c))
	child := tr.StartSpan("client", opentracing.ChildOf(span.Context()))
	child.SetTag("k", "v").SetBaggageItem("more", "x")
	from := child.Context().(jaeger.SpanContext)
	out := headers(t, tr, from)
	child.Finish()
	span.Finish()
	for k, v := range out {
		if textproto.CanonicalMIMEHeaderKey(k) != k || len(v) != 1 ||
			strings.ContainsFunc(v[0], func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q: %q", k, v)
		}
	}
	for _, only := range []string{"Uber-Trace-Id", "X-B3-Traceid", "B3", "Traceparent"} {
		one := http.Header{}
		for k, v := range out {
			mine := k == only || strings.HasPrefix(only, "X-B3-") && strings.HasPrefix(k, "X-B3-")
			if mine || k == "Tracestate" || strings.HasPrefix(k, "Uberctx-") {
				one[k] = v
			}
		}
		back, err := tr.Extract(opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(one))
		if err != nil {
			t.Fatalf("%s: %v, from %q", only, err, one)
		}
		to, ok := back.(jaeger.SpanContext)
		if !ok || to.TraceID() != from.TraceID() || to.SpanID() != from.SpanID() || to.IsSampled() != from.IsSampled() {
			t.Errorf("%s: %v became %v", only, from, back)
		}
		if only != "Traceparent" && to.IsDebug() != from.IsDebug() {
			t.Errorf("%s: %v became %v", only, from, back)
		}
	}
}

func allFormats(tb testing.TB) opentracing.Tracer {
	tr, _, err := tracer.New("shop", tracer.WithRecorder(tracer.NewRecorder(10)),
		tracer.WithPropagation(tracer.Jaeger, tracer.B3, tracer.B3Single, tracer.W3C))
	if err != nil {
		tb.Fatal(err)
	}
	return tr
}

// FuzzExtract makes a round trip with any headers.
func FuzzExtract(f *testing.F) {
	for _, s := range []string{
		"uber-trace-id: abc:1:0:1", "uber-trace-id: abc:1:0:b\nuberctx-k: v", "uber-trace-id: ::::::",
		"uber-trace-id: 0:0:0:0",
		"x-b3-traceid: abc\nx-b3-spanid: 1\nx-b3-sampled: d\nx-b3-parentspanid: -", "x-b3-flags: 1",
		"b3: d\nuberctx-k: v",
		"jaeger-debug-id: x", "jaeger-baggage: a=b,c=d,%,=", "jaeger-baggage: a=%2C==,B%3D=%zz",
		"jaeger-baggage: a%3Db%2Cc", "uberctx-: x\nuberctx-a b: %zz", "b3: 0\ntraceparent: 00-0-0-00",
		"uber-trace-id: abc%3a1%3a0%3a1\nuber-trace-id: x", "X-B3-TRACEID: \nx-b3-spanid: ", "b3: abc-1",
		"b3: abc-1-1-1",
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\ntracestate: a=b,c=d\ntracestate: e=f",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	tr := allFormats(f)
	f.Fuzz(func(t *testing.T, lines string, isHTTP bool) {
		format := opentracing.TextMap
		if isHTTP {
			format = opentracing.HTTPHeaders
		}
		roundTrip(t, tr, format, lines)
	})
}

// fuzzHeaders fuzzes the values of the headers that one format reads.
func fuzzHeaders(f *testing.F, names []string, seeds ...[5]string) {
	for _, s := range seeds {
		f.Add(s[0], s[1], s[2], s[3], s[4])
	}
	tr := allFormats(f)
	f.Fuzz(func(t *testing.T, a, b, c, d, e string) {
		lines := new(strings.Builder)
		for i, v := range []string{a, b, c, d, e}[:len(names)] {
			if v != "" {
				lines.WriteString(names[i] + ": " + strings.ReplaceAll(v, "\n", "\n"+names[i]+": ") + "\n")
			}
		}
		roundTrip(t, tr, opentracing.HTTPHeaders, strings.TrimSuffix(lines.String(), "\n"))
	})
}

func FuzzJaeger(f *testing.F) {
	fuzzHeaders(f, []string{"Uber-Trace-Id", "Uberctx-K"},
		[5]string{"abc:1:0:1", "v"}, [5]string{"abc:1::b", "%zz"}, [5]string{"abc%3A1%3A0%3A3", "+"},
		[5]string{"0000000000000000000000000000000ab:1:2:f"})
}

func FuzzB3(f *testing.F) {
	fuzzHeaders(f, []string{"X-B3-Traceid", "X-B3-Spanid", "X-B3-Parentspanid", "X-B3-Sampled", "X-B3-Flags"},
		[5]string{"463ac35c9f6413ad48485a3953bb6124", "a2fb4a1d1a96d312", "1", "1", ""},
		[5]string{"abc", "1", "-", "true", "1"},
		[5]string{"", "", "", "0", ""}, [5]string{"", "", "", "", "1"}, [5]string{"0", "0\n1", "", "d", "2"})
}

func FuzzB3Single(f *testing.F) {
	fuzzHeaders(f, []string{"B3"},
		[5]string{"463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-1-0020000000000001"}, [5]string{"abc-1-d"},
		[5]string{"abc-1"},
		[5]string{"0"}, [5]string{"1"}, [5]string{"d"}, [5]string{"abc-1-0020000000000001"}, [5]string{"----"})
}

func FuzzW3C(f *testing.F) {
	fuzzHeaders(f, []string{"Traceparent", "Tracestate"},
		[5]string{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=b,c=d\n, e@f=g h"},
		[5]string{"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-x", "=,"}, [5]string{"ff-0-0-0", "a"})
}
