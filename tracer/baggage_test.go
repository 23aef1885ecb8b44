package tracer_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

func TestBaggageCannotBreakRequest(t *testing.T) {
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

func TestBaggageInTextMapIsUnchanged(t *testing.T) {
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

func TestBaggageListIsSplitThenDecoded(t *testing.T) {
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

func TestBaggageLimitsOfExtract(t *testing.T) {
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

func TestBaggageLimitsOfInject(t *testing.T) {
	tr, _ := recording(t)
	for name, test := range map[string]struct{ items, size, want int }{
		"64 items":       {64, 1, 64},
		"100 items":      {100, 1, 64},
		"8000 bytes":     {4, 1998, 4},
		"too many bytes": {10, 1998, 4}, // with two for the key; 8192 bytes hold four items
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
				if written != (i < test.want) { // the first ones by key, not a random choice
					t.Errorf("%s: item %d is written: %v", name, i, written)
				}
			}
		}
	}
}

// URL-encoding may turn one character into nine bytes.
func TestBaggageLimitCountsEncodedBytes(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a")
	for _, key := range []string{"k", "l", "m"} {
		span.SetBaggageItem(key, strings.Repeat("€", 600))
	}
	if h := headers(t, tr, span.Context()); len(h.Get("uberctx-k")) != 5400 || h.Get("uberctx-l") != "" {
		t.Errorf("%d and %d bytes", len(h.Get("uberctx-k")), len(h.Get("uberctx-l")))
	}
}

func TestBaggageCopiedByProgramStays(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a").SetBaggageItem("k", "new")
	for _, carrier := range []any{
		http.Header{
			"Uberctx-K": {"old", "older"}, "Uberctx-Other": {"v"}, "Jaeger-Debug-Id": {"me"},
			"Jaeger-Baggage": {"l=v"},
		},
		opentracing.TextMapCarrier{
			"uberctx-k": "old", "uberctx-other": "v", "jaeger-debug-id": "me",
			"jaeger-baggage": "l=v",
		},
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

// Keys that were set without http.Header's methods, and the keys of a map, may have any case.
func TestBaggageReplacesOldValueInAnyCase(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a").SetBaggageItem("user", "new").SetBaggageItem("Zone", "new")
	for _, format := range []opentracing.BuiltinFormat{opentracing.HTTPHeaders, opentracing.TextMap} {
		h := http.Header{
			"uberctx-user": {"old"}, "UBERCTX-USER": {"old"}, "Uberctx-User": {"old", "old"},
			"uberCtx-zone": {"old"}, "uberctx-other": {"kept"},
		}
		m := opentracing.TextMapCarrier{}
		for key := range h {
			m[key] = h[key][0]
		}
		for _, carrier := range []any{h.Clone(), opentracing.HTTPHeadersCarrier(h.Clone()), m} {
			if err := tr.Inject(span.Context(), format, carrier); err != nil {
				t.Fatal(err)
			}
			if s := fmt.Sprint(carrier); strings.Contains(s, "old") || strings.Count(s, "new") != 2 ||
				!strings.Contains(s, "kept") {
				t.Errorf("%T, %v: %v", carrier, format, s)
			}
		}
	}
}

func TestBaggageOverLimitRemovesNothing(t *testing.T) {
	tr, _ := recording(t)
	span := tr.StartSpan("a")
	for _, key := range []string{"a", "b", "c", "d", "e"} { // the limit allows four
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

func TestBaggageKeysThatDifferInCase(t *testing.T) {
	tr, _ := recording(t)
	for range 20 { // the choice must not be random
		span := tr.StartSpan("a")
		for _, key := range []string{"USER", "uSER", "User", "user", "Id", "ID", "iD"} {
			span.SetBaggageItem(key, key)
		}
		h := headers(t, tr, span.Context())
		if user, id := h.Values("uberctx-user"), h.Values("uberctx-id"); len(user) != 1 || user[0] != "user" ||
			len(id) != 1 || id[0] != "iD" {
			t.Fatalf("%v", h)
		}
	}
	// What is not written does not count towards the limit.
	span := tr.StartSpan("a")
	for _, key := range []string{"k", "K", "l", "L", "m", "M", "z"} {
		span.SetBaggageItem(key, strings.Repeat("x", 2000))
	}
	if h := headers(t, tr, span.Context()); len(h.Get("uberctx-m")) != 2000 || len(h.Get("uberctx-z")) != 2000 {
		t.Errorf("%d and %d bytes", len(h.Get("uberctx-m")), len(h.Get("uberctx-z")))
	}
}
