package otlp

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
	tracepb "go.opentelemetry.io/proto/slim/otlp/trace/v1"
)

// send sends the spans that use finishes, and returns them as a collector gets them.
func send(t *testing.T, use func(tr opentracing.Tracer), opts ...Option) *receiver {
	t.Helper()
	r := new(receiver)
	server := httptest.NewServer(r)
	defer server.Close()
	tr, closer, err := New("shop", append(opts, WithEndpoint(server.URL))...)
	if err != nil {
		t.Fatal(err)
	}
	use(tr)
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

// describe describes a span without its IDs.
func describe(s *tracepb.Span) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %q %s", s.GetName(), strings.TrimPrefix(s.GetKind().String(), "SPAN_KIND_"),
		strings.TrimPrefix(s.GetStatus().GetCode().String(), "STATUS_CODE_"), s.GetStatus().GetMessage(),
		text(s.GetAttributes()))
	for _, e := range s.GetEvents() {
		fmt.Fprintf(&b, "\n  %s %s", e.GetName(), text(e.GetAttributes()))
	}
	for _, l := range s.GetLinks() {
		fmt.Fprintf(&b, "\n  link %s", text(l.GetAttributes()))
	}
	return b.String()
}

func TestSpan(t *testing.T) {
	setenv(t, "JAEGER_SAMPLER_TYPE=const")
	start := time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.UTC)
	var root, other, child opentracing.Span
	r := send(t, func(tr opentracing.Tracer) {
		root, other = tr.StartSpan("root"), tr.StartSpan("other")
		child = tr.StartSpan("child", opentracing.FollowsFrom(other.Context()), opentracing.ChildOf(root.Context()),
			ext.SpanKindRPCClient, opentracing.StartTime(start))
		child.SetTag("s", "a\xff\xfe").SetTag("i", uint16(7)).SetTag("f", float32(0.5)).SetTag("b", false)
		child.SetTag("raw", []byte{1, 0xff}).SetTag("big", uint64(1<<63)).SetTag("v", []int{1}).SetTag("nil", nil)
		child.SetTag("twice", "first").SetTag("twice", "second").SetTag("long", strings.Repeat("é", 3000))
		ext.Error.Set(child, true)
		child.FinishWithOptions(opentracing.FinishOptions{
			FinishTime: start.Add(1500 * time.Nanosecond),
			LogRecords: []opentracing.LogRecord{
				{Timestamp: start.Add(3), Fields: []log.Field{log.Event("retry"), log.Int("n", 1), log.Int("n", 2)}},
				{Timestamp: start.Add(4), Fields: []log.Field{log.String("message", "\xff"), log.Float64("f", 1)}},
			},
		})
	})
	s := r.spans()[0]
	long := strings.Repeat("é", 2048)
	want := `child CLIENT ERROR "" b=false big="9223372036854775808" f=0.50 i=7 long="` + long +
		`" nil="<nil>" raw=01ff s="a` + "\ufffd\ufffd" + `" twice="second" v="[1]"
  retry n=2
   message="` + "\ufffd" + `" f=1.00
  link opentracing.ref_type="follows_from"`
	if got := describe(s); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	ids := func(s opentracing.Span) (trace, span string) {
		c := s.Context().(jaeger.SpanContext)
		return fmt.Sprintf("%016x%016x", c.TraceID().High, c.TraceID().Low), fmt.Sprintf("%016x", uint64(c.SpanID()))
	}
	trace, id := ids(child)
	_, parent := ids(root)
	otherTrace, otherID := ids(other)
	link := s.GetLinks()[0]
	got := fmt.Sprintf("%x %x %x %x %x %d", s.GetTraceId(), s.GetSpanId(), s.GetParentSpanId(), link.GetTraceId(),
		link.GetSpanId(), s.GetFlags())
	if want := strings.Join([]string{trace, id, parent, otherTrace, otherID, "1"}, " "); got != want {
		t.Errorf("ids %s, want %s", got, want)
	}
	begin := uint64(start.UnixNano())
	if s.GetStartTimeUnixNano() != begin || s.GetEndTimeUnixNano() != begin+1500 ||
		s.GetEvents()[1].GetTimeUnixNano() != begin+4 {
		t.Errorf("from %d to %d", s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano())
	}
}

// Values of span.kind and error that OTLP does not have stay tags.
func TestKindAndError(t *testing.T) {
	setenv(t)
	for want, tags := range map[string]opentracing.Tags{
		`a PRODUCER UNSET "" `:                        {"span.kind": ext.SpanKindProducerEnum},
		`a UNSPECIFIED UNSET "" span.kind="mixed"`:    {"span.kind": "mixed"},
		`a UNSPECIFIED ERROR "" `:                     {"error": "true"},
		`a UNSPECIFIED UNSET "" error=false`:          {"error": false},
		`a UNSPECIFIED UNSET "" error="disk full"`:    {"error": "disk full"},
		`a UNSPECIFIED UNSET "" error=1 span.kind=ff`: {"error": 1, "span.kind": []byte{0xff}},
	} {
		r := send(t, func(tr opentracing.Tracer) {
			tr.StartSpan("parent")
			tr.StartSpan("a", opentracing.ChildOf(tr.StartSpan("parent").Context()), tags).Finish()
		})
		if got := describe(r.spans()[0]); got != want {
			t.Errorf("%v: got  %s\nwant %s", tags, got, want)
		}
	}
}

func TestReferences(t *testing.T) {
	here, there := gap.TraceID{Low: 1}, gap.TraceID{Low: 2}
	for name, test := range map[string]struct {
		refs   []gap.Reference
		parent gap.SpanID
		links  string
	}{
		"none":         {nil, 0, ""},
		"a parent":     {[]gap.Reference{{TraceID: here, SpanID: 7}}, 7, ""},
		"follows only": {[]gap.Reference{{TraceID: here, SpanID: 7, Type: gap.FollowsFrom}}, 7, "1:7 follows_from"},
		"ChildOf wins": {
			[]gap.Reference{{TraceID: here, SpanID: 7, Type: gap.FollowsFrom}, {TraceID: here, SpanID: 8}},
			8,
			"1:7 follows_from",
		},
		"two parents":    {[]gap.Reference{{TraceID: here, SpanID: 7}, {TraceID: here, SpanID: 8}}, 7, "1:8 child_of"},
		"other traces":   {[]gap.Reference{{TraceID: there, SpanID: 7}, {TraceID: here, SpanID: 8}}, 8, "2:7 child_of"},
		"no own trace":   {[]gap.Reference{{TraceID: there, SpanID: 7, Type: gap.FollowsFrom}}, 0, "2:7 follows_from"},
		"without a span": {[]gap.Reference{{TraceID: here}, {TraceID: here, SpanID: 8}}, 8, ""},
	} {
		made := encodeSpan(&gap.Span{TraceID: here, SpanID: 1, References: test.refs})
		var links []string
		for _, l := range made.GetLinks() {
			links = append(links, fmt.Sprintf("%d:%d %s", l.GetTraceId()[15], l.GetSpanId()[7],
				l.GetAttributes()[0].GetValue().GetStringValue()))
		}
		var parent []byte
		if test.parent != 0 {
			parent = spanID(test.parent)
		}
		if !slices.Equal(made.GetParentSpanId(), parent) || strings.Join(links, ", ") != test.links {
			t.Errorf("%s: parent %x, links %v", name, made.GetParentSpanId(), links)
		}
	}
}

func TestTimesBeyondOTLP(t *testing.T) {
	setenv(t)
	for at, want := range map[time.Time]uint64{
		{}: 0,
		time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC): 0,
		time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC):   1<<63 - 1,
	} {
		if got := nanos(at); got != want {
			t.Errorf("%v: %d, want %d", at, got, want)
		}
	}
}

func TestResource(t *testing.T) {
	setenv(t, "JAEGER_TAGS=zone=eu,team=blue,rack=1,service.name=a tag",
		"OTEL_RESOURCE_ATTRIBUTES=team=green%2C%20x, rack = 2 ,service.name=unused,")
	r := send(t, func(tr opentracing.Tracer) { tr.StartSpan("a").Finish() }, tracer.WithTag("rack", 3))
	resource := text(r.accepted[0].GetResource().GetAttributes())
	for _, want := range []string{
		`service.name="shop" `, `jaeger.version="Go-2.30.0"`, ` zone="eu"`, ` team="green, x"`, ` rack=3`, ` hostname="`,
	} {
		if !strings.Contains(resource, want) || strings.Count(resource, "service.name=") != 1 {
			t.Errorf("no %s in %s", want, resource)
		}
	}
	if scope := r.accepted[0].GetScopeSpans()[0].GetScope().GetName(); scope != scopeName {
		t.Errorf("scope %q", scope)
	}
}

// TestMoreThanARecorderKeeps sends spans that have more than a Recorder keeps.
func TestMoreThanARecorderKeeps(t *testing.T) {
	setenv(t)
	r := send(t, func(tr opentracing.Tracer) {
		s := tr.StartSpan("a")
		for range 2000 {
			s.LogKV("event", strings.Repeat("x", 100))
		}
		s.LogKV("body", strings.Repeat("x", 100<<10))
		s.Finish()
	})
	events := r.spans()[0].GetEvents()
	last := events[len(events)-1].GetAttributes()[0].GetValue().GetStringValue()
	if n := len(last); len(events) != 2001 || n != 100<<10 {
		t.Errorf("%d events, %d bytes", len(events), n)
	}
}

// FuzzEncode encodes any text, which Protobuf must accept.
func FuzzEncode(f *testing.F) {
	f.Add("sql query", "db.statement", "SELECT 1", int64(1))
	f.Add("/pkg.Service/Method wait", "component", "gRPC", int64(-1))
	f.Add("HTTP GET", "http.url", "http://[::1]:80/%zz?a=b", int64(1<<62))
	f.Add("\xff", "peer.address", "a\xff:b:1", int64(0))
	for key := range names {
		f.Add("GET", key, "\xc3\x28", int64(404))
	}
	f.Fuzz(func(t *testing.T, operation, key, value string, number int64) {
		for _, kind := range []string{"server", "client"} {
			s := span(operation, key, value, number, kind)
			for _, e := range []*encoder{{}, {rename: true, gzip: true}} {
				if _, err := e.encode(s); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// span returns a span that has a tag twice, with text and with a number, and the log of an error.
func span(operation, key, value string, number int64, kind string) []gap.Span {
	tags := []gap.Field{
		{Key: "span.kind", Value: kind},
		{Key: "error", Value: true},
		{Key: key, Value: value},
		{Key: key + "'", Value: number},
		{Key: value, Value: []byte(key)},
	}
	return []gap.Span{{
		Operation: operation, TraceID: gap.TraceID{Low: 1}, SpanID: gap.SpanID(number), Tags: tags,
		References: []gap.Reference{{SpanID: gap.SpanID(number)}, {Type: gap.FollowsFrom, SpanID: 1}},
		Start:      time.Unix(0, number), Duration: time.Duration(number),
		Logs:    []gap.Log{{Fields: append([]gap.Field{{Key: "event", Value: "error"}}, tags...)}},
		Process: &gap.Process{Service: value, Tags: tags},
	}}
}
