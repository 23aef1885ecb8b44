package jaegerjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/log"
)

// recorded returns a trace from a Recorder that was also sent to a real Jaeger.
func recorded(t *testing.T) (spans []gap.Span, jaeger servers.JaegerServer) {
	t.Helper()
	jaeger = servers.Jaeger(t)
	recorder := tracer.NewRecorder(10)
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(recorder), tracer.WithCollector(jaeger.CollectorURL))
	if err != nil {
		t.Fatal(err)
	}
	root := tr.StartSpan("GET <\"/\">", ext.SpanKindRPCServer, opentracing.Tag{Key: "number", Value: 1.5},
		opentracing.Tag{Key: "ok", Value: true})
	call := tr.StartSpan("sql query", ext.SpanKindRPCClient, opentracing.ChildOf(root.Context()))
	call.LogFields(log.Event("retry"), log.Int("attempt", 2))
	call.Finish()
	wait := tr.StartSpan("sql query wait", opentracing.ChildOf(root.Context()), opentracing.FollowsFrom(call.Context()))
	wait.SetTag("rows", int64(1)<<60)
	wait.Finish()
	root.Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	traces := recorder.Traces()
	if len(traces) != 1 || len(traces[0]) != 3 {
		t.Fatalf("recorded %v", traces)
	}
	return traces[0], jaeger
}

func TestJaegerReturnsWhatWasRecorded(t *testing.T) {
	spans, jaeger := recorded(t)
	c := &jaegerjson.Client{URL: jaeger.QueryURL}
	var found [][]gap.Span
	for deadline := time.Now().Add(30 * time.Second); len(found) == 0; time.Sleep(50 * time.Millisecond) {
		for trace, err := range c.Traces(t.Context(), []gap.TraceID{spans[0].TraceID}, read.WithEverything()) {
			if e, notYet := errors.AsType[*jaegerjson.QueryError](err); notYet && e.Code == 404 &&
				time.Now().Before(deadline) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(trace) == len(spans) { // otherwise some are not stored yet
				found = append(found, trace)
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("not in Jaeger")
		}
	}
	queries := jaegerjson.Query{Service: "shop", Operation: "sql query", Lookback: time.Hour}
	for trace, err := range c.Find(t.Context(), queries, read.WithEverything()) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, trace)
	}
	if services, err := c.Services(t.Context()); err != nil || !slices.Contains(services, "shop") {
		t.Errorf("services %q, %v", services, err)
	}
	written := rewrite(t, [][]gap.Span{spans}) // with Jaeger's microseconds
	for _, trace := range found {
		a, b := essence(trace), essence(written[0])
		if !reflect.DeepEqual(a, b) {
			t.Errorf("Jaeger has\n%v\nthe recorder\n%v", a, b)
		}
		for _, s := range trace { // the tracer rounds durations down, and Write rounds ends down
			i := slices.IndexFunc(written[0], func(w gap.Span) bool { return w.SpanID == s.SpanID })
			if d := written[0][i].Duration - s.Duration; d != 0 && d != time.Microsecond {
				t.Errorf("%s: Jaeger has %v, the recorder %v", s.Operation, s.Duration, written[0][i].Duration)
			}
		}
	}
	if len(found) != 2 {
		t.Errorf("%d traces", len(found))
	}
}

// essence returns by id what a round trip must keep of spans.
func essence(spans []gap.Span) map[gap.SpanID]string {
	all := map[gap.SpanID]string{}
	for _, s := range spans {
		tags := map[string]any{}
		for _, tag := range s.Tags {
			if tag.Key != "internal.span.format" { // which Jaeger adds
				tags[tag.Key] = tag.Value
			}
		}
		byType := func(a, b gap.Reference) int { return int(a.Type) - int(b.Type) }
		refs := slices.SortedFunc(slices.Values(s.References), byType) // Jaeger changes their order
		b, _ := json.Marshal([]any{s.TraceID, refs, s.Operation, s.Start, s.Process.Service, tags, s.Logs})
		all[s.SpanID] = string(b)
	}
	return all
}

// Write writes the same fields as a real Jaeger, each with the same type of value.
func TestWriteHasTheShapeOfJaegersAnswer(t *testing.T) {
	spans, jaeger := recorded(t)
	var b bytes.Buffer
	if err := jaegerjson.Write(&b, spans); err != nil {
		t.Fatal(err)
	}
	var theirs []byte
	for deadline := time.Now().Add(30 * time.Second); theirs == nil; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(jaeger.QueryURL + "/api/traces/" + spans[0].TraceID.String())
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil && res.StatusCode == http.StatusOK && bytes.Count(body, []byte(`"operationName"`)) == len(spans) {
			theirs = body
		} else if time.Now().After(deadline) {
			t.Fatalf("%s: %s, %v", res.Status, body, err)
		}
	}
	ours, jaegers := shapes(t, b.Bytes()), shapes(t, theirs)
	if !maps.Equal(ours, jaegers) {
		t.Errorf("ours:\n%v\nJaeger's:\n%v", ours, jaegers)
	}
}

// shapes returns the type of the value at every path.
func shapes(t *testing.T, text []byte) map[string]string {
	t.Helper()
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for key, value := range v {
				walk(path+"."+key, value)
			}
		case []any:
			for _, value := range v {
				walk(path+"[]", value)
			}
		default:
			// The values of tags and fields are of any type.
			if path != ".data[].spans[].tags[].value" && path != ".data[].spans[].logs[].fields[].value" {
				kinds[path] = fmt.Sprintf("%T", value)
			}
		}
	}
	walk("", value)
	return kinds
}
