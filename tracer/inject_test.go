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

// mdCarrier is what a carrier for gRPC's metadata looks like: several values for a key, in lower case.
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

func TestEachFormatIsWrittenAsItsSpecificationSays(t *testing.T) {
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
		"jaeger, root":        {tracer.Jaeger, root, map[string]string{"uber-trace-id": short + ":" + one + ":" + strings.Repeat("0", 16) + ":1"}},
		"jaeger, denied":      {tracer.Jaeger, denied, map[string]string{"uber-trace-id": long + ":" + one + ":" + ff + ":0"}},
		"jaeger, debug":       {tracer.Jaeger, debug, map[string]string{"uber-trace-id": short + ":" + one + ":" + ff + ":3"}},
		"jaeger, not sampled": {tracer.Jaeger, undebugged, map[string]string{"uber-trace-id": short + ":" + one + ":" + strings.Repeat("0", 16) + ":0"}},
		"b3, root":            {tracer.B3, root, map[string]string{"x-b3-traceid": short, "x-b3-spanid": one, "x-b3-sampled": "1"}},
		"b3, denied":          {tracer.B3, denied, map[string]string{"x-b3-traceid": long, "x-b3-spanid": one, "x-b3-parentspanid": ff, "x-b3-sampled": "0"}},
		"b3, debug":           {tracer.B3, debug, map[string]string{"x-b3-traceid": short, "x-b3-spanid": one, "x-b3-parentspanid": ff, "x-b3-flags": "1"}},
		"single, root":        {tracer.B3Single, root, map[string]string{"b3": short + "-" + one + "-1"}},
		"single, denied":      {tracer.B3Single, denied, map[string]string{"b3": long + "-" + one + "-0-" + ff}},
		"single, debug":       {tracer.B3Single, debug, map[string]string{"b3": short + "-" + one + "-d-" + ff}},
		"w3c, root":           {tracer.W3C, root, map[string]string{"traceparent": "00-0000000000000000" + short + "-" + one + "-01"}},
		"w3c, denied":         {tracer.W3C, denied, map[string]string{"traceparent": "00-" + long + "-" + one + "-00"}},
		"w3c, debug":          {tracer.W3C, debug, map[string]string{"traceparent": "00-0000000000000000" + short + "-" + one + "-01"}},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t)
			tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithPropagation(test.format))
			// What another hop wrote is there in all formats, and must not be there behind this.
			stale := map[string]string{
				"uber-trace-id": "d:d:d:1", "x-b3-traceid": "d", "x-b3-spanid": "d", "x-b3-parentspanid": "d", "x-b3-sampled": "1", "x-b3-flags": "1",
				"b3": "0", "traceparent": "d", "tracestate": "d=d", "X-B3-SpanId": "d", "accept": "*/*",
			}
			test.want["accept"] = "*/*"
			h, m, md := http.Header{}, opentracing.TextMapCarrier{}, mdCarrier{}
			plain := http.Header{}
			for _, key := range []string{"X-B3-TraceId", "x-b3-traceid", "b3", "Uber-trace-id", "UBER-TRACE-ID", "TraceParent"} { // not canonical
				h[key], plain[key] = []string{"d"}, []string{"d"}
			}
			for k, v := range stale {
				h.Add(k, v)
				plain.Add(k, v)
				m[k] = v
				md[strings.ToLower(k)] = []string{v, v}
			}
			for format, carrier := range map[opentracing.BuiltinFormat]any{opentracing.TextMap: m, opentracing.HTTPHeaders: opentracing.HTTPHeadersCarrier(h)} {
				if err := tr.Inject(test.c, format, carrier); err != nil {
					t.Fatal(err)
				}
			}
			if err := tr.Inject(test.c, opentracing.HTTPHeaders, md); err != nil {
				t.Fatal(err)
			}
			if err := tr.Inject(test.c, opentracing.HTTPHeaders, plain); err != nil { // which has Set, and so is a carrier
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

func TestJaegersHeaderAndB3AreWrittenUnlessSomethingElseIsChosen(t *testing.T) {
	const jaegers, b3, single, w3c = "uber-trace-id", "x-b3-traceid", "b3", "traceparent"
	for name, test := range map[string]struct {
		env  string
		opts []tracer.Option
		want string
	}{
		"default":                      {"", nil, jaegers + " " + b3},
		"environment":                  {"JAEGER_PROPAGATION=w3c,b3-single", nil, single + " " + w3c},
		"Java's":                       {"JAEGER_PROPAGATION=B3", nil, b3},
		"all":                          {"JAEGER_PROPAGATION=jaeger,b3,b3-single,w3c", nil, strings.Join([]string{jaegers, b3, single, w3c}, " ")},
		"option wins over environment": {"JAEGER_PROPAGATION=w3c", []tracer.Option{tracer.WithPropagation(tracer.B3)}, b3},
		"the last option wins":         {"", []tracer.Option{tracer.WithPropagation(tracer.B3), tracer.WithPropagation(tracer.W3C, tracer.Jaeger)}, jaegers + " " + w3c},
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

func TestWhatIsChosenFirstIsBelievedFirst(t *testing.T) {
	const all = "uber-trace-id: a1:1:0:1\nx-b3-traceid: a2\nx-b3-spanid: 2\nx-b3-sampled: 1\n" +
		"traceparent: 00-000000000000000000000000000000a4-0000000000000004-01"
	for choice, want := range map[string]string{
		"jaeger": "a1 1", "b3": "a2 2", "b3-single": "a2 2", "w3c": "a4 4", "w3c,b3": "a4 4", "jaeger,b3": "a1 1", "b3,w3c": "a2 2",
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

func TestACarrierThatCannotTakeHeadersIsAnError(t *testing.T) {
	tr, _ := recording(t)
	c := tr.StartSpan("a").Context()
	for _, carrier := range []any{nil, 1, opentracing.HTTPHeadersCarrier(nil), opentracing.TextMapCarrier(nil), http.Header(nil)} {
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

func TestTracestateIsSentOnWithItsTraceOnly(t *testing.T) {
	const parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n"
	var members []string
	for i := range 33 {
		members = append(members, fmt.Sprintf("k%d=v", i))
	}
	long := "k=" + strings.Repeat("v", 256)
	for name, test := range map[string]struct{ headers, want string }{
		"one":                     {parent + "tracestate: congo=t61rcWkgMzE", "congo=t61rcWkgMzE"},
		"several":                 {parent + "tracestate: a=1, b@c/d*=2\ntracestate: \ntracestate: ,c_-=3 3 ,", "a=1,b@c/d*=2,c_-=3 3"},
		"32 members":              {parent + "tracestate: " + strings.Join(members[:32], ","), strings.Join(members[:32], ",")},
		"33 members":              {parent + "tracestate: " + strings.Join(members, ","), ""},
		"33 headers":              {parent + "tracestate: " + strings.Join(members, "\ntracestate: "), ""},
		"33 headers, in one":      {parent + "tracestate: k32=v\ntracestate: " + strings.Join(members[:32], ","), ""},
		"40 headers, most empty":  {parent + strings.Repeat("tracestate: \ntracestate:  ,\t,\n", 20) + "tracestate: a=1\ntracestate: b=2", "a=1,b=2"},
		"too many behind empty":   {parent + strings.Repeat("tracestate: \n", 5) + "tracestate: " + strings.Join(members, "\ntracestate: "), ""},
		"512 bytes":               {parent + "tracestate: " + long + "\ntracestate: a" + long, long + ",a" + long},
		"a megabyte":              {parent + "tracestate: " + strings.Repeat("k=v,", 1<<18), ""},
		"a member too long":       {parent + "tracestate: " + long + "v", ""},
		"no value":                {parent + "tracestate: k=", ""},
		"no key":                  {parent + "tracestate: =v", ""},
		"no equals":               {parent + "tracestate: k", ""},
		"two equals":              {parent + "tracestate: k=v=w", ""},
		"upper case":              {parent + "tracestate: K=v", ""},
		"what breaks a request":   {parent + "tracestate: k=\xff", ""},
		"without traceparent":     {"tracestate: k=v", ""},
		"with malformed parent":   {"traceparent: 00-x\ntracestate: k=v", ""},
		"with two parents":        {parent + parent + "tracestate: k=v", ""},
		"of another trace":        {parent + "tracestate: k=v\nb3: abc-1-1", ""},
		"of the same trace":       {parent + "tracestate: k=v\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-1-1", "k=v"},
		"of the same, deferred":   {parent + "tracestate: k=v\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-1", "k=v"},
		"not sampled":             {strings.Replace(parent, "-01", "-00", 1) + "tracestate: k=v", "k=v"},
		"debug, and with baggage": {parent + "tracestate: k=v\nuberctx-a: b\nb3: 4bf92f3577b34da6a3ce929d0e0e4736-1-d", "k=v"},
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

func TestAProxyMayInjectWhatItExtracted(t *testing.T) {
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

func TestCopiedBaggageAndDebugIDsStay(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a").SetBaggageItem("k", "new")
	for _, carrier := range []any{
		http.Header{"Uberctx-K": {"old", "older"}, "Uberctx-Other": {"v"}, "Jaeger-Debug-Id": {"me"}, "Jaeger-Baggage": {"l=v"}},
		opentracing.TextMapCarrier{"uberctx-k": "old", "uberctx-other": "v", "jaeger-debug-id": "me", "jaeger-baggage": "l=v"},
	} {
		if err := tr.Inject(span.Context(), opentracing.TextMap, carrier); err != nil {
			t.Fatal(err)
		}
		if h, ok := carrier.(http.Header); ok {
			carrier = opentracing.HTTPHeadersCarrier(h)
		}
		c, err := tr.Extract(opentracing.TextMap, carrier)
		if err != nil {
			t.Fatal(err)
		}
		child, sc := tr.StartSpan("b", opentracing.ChildOf(c)), span.Context().(jaeger.SpanContext)
		if got := child.BaggageItem("k") + child.BaggageItem("other") + child.BaggageItem("l"); got != "newvv" {
			t.Errorf("%v: baggage %s", carrier, got)
		}
		if got := child.Context().(jaeger.SpanContext); got.TraceID() != sc.TraceID() || got.IsDebug() {
			t.Errorf("%v: a child of %v is %v", carrier, sc, got)
		}
	}
}

// What others wrote past http.Header's methods, and the keys of a map, may have any case.
func TestBaggageReplacesWhatIsThereUnderItsNameInAnyCase(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a").SetBaggageItem("user", "new").SetBaggageItem("Zone", "new")
	for _, format := range []opentracing.BuiltinFormat{opentracing.HTTPHeaders, opentracing.TextMap} {
		h := http.Header{"uberctx-user": {"old"}, "UBERCTX-USER": {"old"}, "Uberctx-User": {"old", "old"}, "uberCtx-zone": {"old"}, "uberctx-other": {"kept"}}
		m := opentracing.TextMapCarrier{}
		for key := range h {
			m[key] = h[key][0]
		}
		for _, carrier := range []any{h.Clone(), opentracing.HTTPHeadersCarrier(h.Clone()), m} {
			if err := tr.Inject(span.Context(), format, carrier); err != nil {
				t.Fatal(err)
			}
			if s := fmt.Sprint(carrier); strings.Contains(s, "old") || strings.Count(s, "new") != 2 || !strings.Contains(s, "kept") {
				t.Errorf("%T, %v: %v", carrier, format, s)
			}
		}
	}
}

// What is left out does not take the old one's place.
func TestBaggageThatIsNotWrittenRemovesNothing(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a")
	for _, key := range []string{"a", "b", "c", "d", "e"} { // of which the bound lets four through
		span.SetBaggageItem(key, strings.Repeat("x", 2000))
	}
	m := opentracing.TextMapCarrier{"Uberctx-A": "old", "Uberctx-E": "old"}
	if err := tr.Inject(span.Context(), opentracing.TextMap, m); err != nil {
		t.Fatal(err)
	}
	_, written := m["uberctx-e"]
	if m["Uberctx-A"] != "" || len(m["uberctx-a"]) != 2000 || m["Uberctx-E"] != "old" || written {
		t.Errorf("%v", slices.Sorted(maps.Keys(m)))
	}
}

func TestADecisionThatNobodyMadeIsNotWritten(t *testing.T) {
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
		c := extract(t, from, "b3: 4bf92f3577b34da6a3ce929d0e0e4736-1\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\ntracestate: a=b\nuberctx-k: v")
		stale := http.Header{"Uber-Trace-Id": {"d"}, "Traceparent": {"d"}, "Tracestate": {"d=d"}, "X-B3-Sampled": {"1"}}
		if err := tr.Inject(c, opentracing.HTTPHeaders, stale); err != nil {
			t.Fatal(err)
		}
		if stale.Get("uberctx-k") != "v" {
			t.Errorf("%s: %v", choice, stale)
		}
		stale.Del("uberctx-k")
		if got := strings.ToLower(strings.Join(slices.Sorted(maps.Keys(stale)), ",")); got != want || strings.Count(stale.Get("b3"), "-") > 1 {
			t.Errorf("%s: got %v, want %s", choice, stale, want)
		}
		// Now it is made.
		tr.StartSpan("a", opentracing.ChildOf(c))
		h := headers(t, tr, c)
		if strings.Contains(choice, "jaeger") && !strings.HasSuffix(h.Get("uber-trace-id"), ":1") ||
			strings.Contains(choice, "w3c") && (!strings.HasSuffix(h.Get("traceparent"), "-01") || h.Get("tracestate") != "a=b") {
			t.Errorf("%s: %v", choice, h)
		}
	}
}

func TestOfBaggageWhoseKeysDifferInCaseOneIsWritten(t *testing.T) {
	tr, _ := recording(t)
	for range 20 { // it was chance
		span := tr.StartSpan("a")
		for _, key := range []string{"USER", "uSER", "User", "user", "Id", "ID", "iD"} {
			span.SetBaggageItem(key, key)
		}
		h := headers(t, tr, span.Context())
		if user, id := h.Values("uberctx-user"), h.Values("uberctx-id"); len(user) != 1 || user[0] != "user" || len(id) != 1 || id[0] != "iD" {
			t.Fatalf("%v", h)
		}
	}
	// What is not written counts for nothing.
	span := tr.StartSpan("a")
	for _, key := range []string{"k", "K", "l", "L", "m", "M", "z"} {
		span.SetBaggageItem(key, strings.Repeat("x", 2000))
	}
	if h := headers(t, tr, span.Context()); len(h.Get("uberctx-m")) != 2000 || len(h.Get("uberctx-z")) != 2000 {
		t.Errorf("%d and %d bytes", len(h.Get("uberctx-m")), len(h.Get("uberctx-z")))
	}
}
