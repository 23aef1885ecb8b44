package interop_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	gapotlp "github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/gaptrace/gaptrace/tracer/otlp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
)

// finishSpans finishes spans with every kind of reference, tag and log. Their times do not depend
// on the machine.
func finishSpans(tr opentracing.Tracer, start time.Time) (failed opentracing.Span) {
	at := func(us int) time.Time { return start.Add(time.Duration(us) * time.Microsecond) }
	span := func(name string, from, to int, opts ...opentracing.StartSpanOption) opentracing.Span {
		s := tr.StartSpan(name, append(opts, opentracing.StartTime(at(from)))...)
		s.SetTag("text", "naïve \xff").SetTag("number", -42).SetTag("large", uint64(1<<62)).SetTag("share", 0.25)
		s.SetTag("yes", true).SetTag("bytes", []byte{0, 255}).SetTag("twice", 1).SetTag("twice", 2)
		s.SetTag("other", struct{ A int }{7}).SetTag("statement", strings.Repeat("x", 5000))
		s.FinishWithOptions(opentracing.FinishOptions{FinishTime: at(to), LogRecords: []opentracing.LogRecord{
			{Timestamp: at(from), Fields: []log.Field{
				log.String("event", "retry"), log.Int("attempt", 2), log.Bool("last", false), log.Float64("share", 0.5),
			}},
			{Timestamp: at(to), Fields: []log.Field{log.String("message", "no event")}},
		}})
		return s
	}
	other := span("other trace", 0, 10)
	root := span("GET /books", 0, 10_000, ext.SpanKindRPCServer)
	query := span("sql query", 1_000, 2_000, ext.SpanKindRPCClient, opentracing.ChildOf(root.Context()))
	span("sql query wait", 3_000, 4_000, ext.SpanKindRPCClient, opentracing.ChildOf(root.Context()),
		opentracing.FollowsFrom(query.Context()))
	failed = span("redis get", 5_000, 6_000, ext.SpanKindRPCClient, opentracing.ChildOf(root.Context()),
		opentracing.Tag{Key: "error", Value: true})
	span("cleanup", 7_000, 12_000, opentracing.FollowsFrom(root.Context()))
	span("join", 8_000, 9_000, opentracing.FollowsFrom(other.Context()), opentracing.ChildOf(root.Context()),
		ext.SpanKindProducer)
	span("deliver", 8_500, 9_500, ext.SpanKindConsumer, opentracing.ChildOf(failed.Context()),
		opentracing.Tag{Key: "error", Value: false})
	return failed
}

// rootID returns the trace of the spans' request.
func rootID(t *testing.T, r *tracer.Recorder) gap.TraceID {
	t.Helper()
	for _, spans := range r.Traces() {
		if slices.ContainsFunc(spans, func(s gap.Span) bool { return s.Operation == "GET /books" }) {
			return spans[0].TraceID
		}
	}
	t.Fatal("not recorded")
	return gap.TraceID{}
}

// describeSpans describes the tree that analysis builds, and all that the spans have, except tags
// with these keys.
func describeSpans(spans []gap.Span, except ...string) string {
	var b strings.Builder
	trace, warnings := gap.Build(spans)
	for _, w := range warnings {
		fmt.Fprintln(&b, w)
	}
	except = append(except, "client-uuid") // of each tracer
	fields := func(all []gap.Field) string {
		var texts []string
		for _, f := range all {
			if !slices.Contains(except, f.Key) {
				text := string([]rune(fmt.Sprint(f.Value))) // as in JSON
				texts = append(texts, fmt.Sprintf("%s=%T:%.60q", f.Key, f.Value, text))
			}
		}
		slices.Sort(texts)
		return strings.Join(slices.Compact(texts), " ")
	}
	names := map[gap.SpanID]string{}
	for _, s := range spans {
		names[s.SpanID] = s.Operation
	}
	for n := range trace.Nodes() {
		s := n.Span()
		fmt.Fprintf(&b, "%*s%s %v %v +%v self %v failed %v\n", 4*n.Depth(), "", s.Operation, n.Kind(),
			s.Start.UnixMicro(), s.Duration.Microseconds(), n.SelfTime(), n.Failed())
		for i := range s.References { // gap/otlp leaves out the span's own trace
			s.References[i].TraceID = cmp.Or(s.References[i].TraceID, s.TraceID)
		}
		refs := slices.SortedFunc(slices.Values(s.References), func(a, b gap.Reference) int { // Jaeger changes the order
			return cmp.Or(cmp.Compare(a.Type, b.Type), a.TraceID.Compare(b.TraceID), cmp.Compare(a.SpanID, b.SpanID))
		})
		for _, ref := range refs {
			fmt.Fprintf(&b, "  %v %s\n", ref.Type, cmp.Or(names[ref.SpanID], "other trace"))
		}
		fmt.Fprintf(&b, "  tags %s\n", fields(s.Tags))
		for _, l := range s.Logs {
			fmt.Fprintf(&b, "  log %v %s\n", l.Time.UnixMicro(), fields(l.Fields))
		}
		fmt.Fprintf(&b, "  process %s %s\n", s.Process.Service, fields(s.Process.Tags))
	}
	return b.String()
}

// inJaeger returns the spans that Jaeger's query service has of a trace.
func inJaeger(t *testing.T, jaeger servers.JaegerServer, id gap.TraceID, count int) (spans []gap.Span) {
	t.Helper()
	spantest.Await(t, "the trace in Jaeger", func() bool {
		answer := spantest.Must(http.Get(fmt.Sprintf("%s/api/traces/%v", jaeger.QueryURL, id)))(t)
		defer answer.Body.Close()
		spans = nil
		for batch, err := range jaegerjson.Read(answer.Body, read.WithEverything()) {
			if err == nil {
				spans = append(spans, batch...)
			}
		}
		return len(spans) >= count
	})
	return spans
}

// TestOTLPInJaeger sends the same spans to Jaeger's own port and to its port for OTLP.
func TestOTLPInJaeger(t *testing.T) {
	start := time.Now().Add(-time.Minute).Truncate(time.Microsecond)
	var trees [2]string
	// Jaeger shows []byte from OTLP as text, and adds tags about the format.
	except := []string{
		"bytes", "twice", "internal.span.format", "otel.library.name", "otel.status_code",
	}
	for i, open := range []func(servers.JaegerServer, tracer.Option) (opentracing.Tracer, io.Closer, error){
		func(j servers.JaegerServer, r tracer.Option) (opentracing.Tracer, io.Closer, error) {
			return tracer.New("shop", tracer.WithCollector(j.CollectorURL), r, tracer.WithTag("zone", "eu"))
		},
		func(j servers.JaegerServer, r tracer.Option) (opentracing.Tracer, io.Closer, error) {
			return otlp.New("shop", otlp.WithEndpoint(j.OTLPURL), r, tracer.WithTag("zone", "eu"))
		},
	} {
		jaeger := servers.Jaeger(t)
		recorder := tracer.NewRecorder(10)
		tr, closer, err := open(jaeger, tracer.WithRecorder(recorder))
		if err != nil {
			t.Fatal(err)
		}
		finishSpans(tr, start)
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
		trees[i] = describeSpans(inJaeger(t, jaeger, rootID(t, recorder), 7), except...)
	}
	if trees[0] != trees[1] {
		t.Errorf("by Jaeger's port\n%s\nby OTLP\n%s", trees[0], trees[1])
	}
}

// received is what a server got by OTLP.
func received(t *testing.T) (url string, spans func() []gap.Span) {
	t.Helper()
	var bodies bytes.Buffer
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if _, err := bodies.ReadFrom(req.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() (spans []gap.Span) {
		for batch, err := range gapotlp.Read(&bodies, read.WithEverything()) {
			spans = append(spans, batch...)
			if err != nil {
				t.Error(err)
			}
		}
		return spans
	}
}

// TestOTLPReadsBack compares what package gap/otlp reads with what a Recorder has.
func TestOTLPReadsBack(t *testing.T) {
	url, spans := received(t)
	recorder := tracer.NewRecorder(10)
	tr, closer, err := otlp.New("shop", otlp.WithEndpoint(url), tracer.WithRecorder(recorder))
	if err != nil {
		t.Fatal(err)
	}
	failed := finishSpans(tr, time.Now())
	unfinished := tr.StartSpan("unfinished", opentracing.ChildOf(failed.Context()))
	tr.StartSpan("of two parents", opentracing.ChildOf(failed.Context()), opentracing.ChildOf(unfinished.Context())).Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	id := rootID(t, recorder)
	got := slices.DeleteFunc(spans(), func(s gap.Span) bool { return s.TraceID != id })
	except := []string{"otel.scope.name", "otel.status_code"}
	if got, want := describeSpans(got, except...), describeSpans(recorder.Trace(id)); got != want {
		t.Errorf("read\n%s\nrecorded\n%s", got, want)
	}
}
