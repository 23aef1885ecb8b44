package query

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
)

// await asks a server until its answer has as many spans. It returns its kind, and the spans.
func await(t *testing.T, url string, q Query, ids []gap.TraceID, n int) (Kind, []string) {
	t.Helper()
	a, err := Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		server, kind, err := Open(t.Context(), a, Options{})
		if err != nil {
			t.Fatal(err)
		}
		found := server.Find(t.Context(), q)
		if ids := append(ids[:len(ids):len(ids)], a.IDs...); len(ids) > 0 {
			found = server.Traces(t.Context(), ids)
		}
		var spans []string
		for batch, e := range found {
			if e != nil {
				err = e
			}
			for _, s := range batch {
				spans = append(spans, fmt.Sprintf("%v %v %s %s %s", s.TraceID, s.SpanID, s.Process.Service, s.Operation,
					s.Start.Truncate(time.Microsecond).Format(time.RFC3339Nano)))
			}
		}
		if slices.Sort(spans); len(spans) == n && err == nil {
			return kind, spans
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d spans, want %d; %v", url, len(spans), n, err)
		}
	}
}

// A real Jaeger answers the same by both of its APIs.
func TestRealJaeger(t *testing.T) {
	jaeger := servers.Jaeger(t)
	recorder := tracer.NewRecorder(10)
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(recorder), tracer.WithCollector(jaeger.CollectorURL))
	if err != nil {
		t.Fatal(err)
	}
	root := tr.StartSpan("GET /", ext.SpanKindRPCServer, opentracing.Tag{Key: "customer", Value: "acme"})
	tr.StartSpan("sql query", ext.SpanKindRPCClient, opentracing.ChildOf(root.Context())).Finish()
	root.Finish()
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	id := recorder.Traces()[0][0].TraceID
	q := Query{
		Service: "shop", Operation: "GET /", Tags: map[string]string{"customer": "acme"}, Lookback: time.Hour, Limit: 5,
	}
	_, want := await(t, jaeger.QueryURL, q, nil, 2)
	for url, kind := range map[string]Kind{
		jaeger.QueryURL: Jaeger,
		jaeger.QueryURL + "/trace/" + id.String():            Jaeger,
		jaeger.QueryURL + "/api/v3":                          JaegerV3,
		jaeger.QueryURL + "/api/v3/traces/" + id.String():    JaegerV3,
		jaeger.QueryURL + "/api/traces/" + id.String():       Jaeger, // it had to be asked
		jaeger.QueryURL + "/api/traces?service=shop&limit=1": Jaeger,
	} {
		if got, spans := await(t, url, q, nil, 2); got != kind || !slices.Equal(spans, want) {
			t.Errorf("%s: %v\n%q, want\n%q", url, got, spans, want)
		}
	}
	if got, spans := await(t, jaeger.QueryURL+"/api/v3", q, []gap.TraceID{id}, 2); got != JaegerV3 ||
		!slices.Equal(spans, want) {
		t.Errorf("by id: %v, %q", got, spans)
	}
	for _, path := range []string{"", "/api/v3"} {
		if got, spans := await(t, jaeger.QueryURL+path, Query{Service: "nobody"}, nil, 0); len(spans) != 0 {
			t.Errorf("%v: %q", got, spans)
		}
		a, err := Parse(jaeger.QueryURL + path)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := Open(t.Context(), a, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if names, err := s.Services(t.Context()); err != nil || !slices.Contains(names, "shop") {
			t.Errorf("%s: services %q, %v", path, names, err)
		}
	}
}

func TestRealZipkin(t *testing.T) {
	url, _ := servers.Zipkin(t)
	now := time.Now().UnixMicro()
	body := fmt.Sprintf(`[`+
		`{"traceId":"4f1c6a3d9be20c77","id":"0000000000000001","kind":"SERVER","name":"get /","timestamp":%d,"duration":100,`+
		`"localEndpoint":{"serviceName":"shop"},"tags":{"customer":"acme","error":"out of stock"}},`+
		`{"traceId":"4f1c6a3d9be20c77","id":"0000000000000002","parentId":"0000000000000001","kind":"CLIENT","name":"sql",`+
		`"timestamp":%d,"duration":30,"localEndpoint":{"serviceName":"shop"}}]`, now, now+10)
	res, err := http.Post(url+"/api/v2/spans", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Fatal(res.Status)
	}
	id := gap.TraceID{Low: 0x4f1c6a3d9be20c77}
	_, want := await(t, url, Query{}, []gap.TraceID{id}, 2)
	for _, path := range []string{
		"", "/zipkin/", "/zipkin/traces/4f1c6a3d9be20c77", "/api/v2/trace/4f1c6a3d9be20c77",
		"/zipkin/?serviceName=shop&lookback=15m&endTs=" + fmt.Sprint(now/1000+1000) + "&limit=10",
	} {
		q := Query{
			Service: "shop", Operation: "get /", Tags: map[string]string{"customer": "acme", "error": "true"},
			Lookback: time.Hour, Limit: 5, MinDuration: 50 * time.Microsecond,
		}
		if kind, spans := await(t, url+path, q, nil, 2); kind != Zipkin || !slices.Equal(spans, want) {
			t.Errorf("%s: %v\n%q, want\n%q", path, kind, spans, want)
		}
	}
	for _, q := range []Query{
		{Service: "nobody"},
		{Service: "shop", Tags: map[string]string{"customer": "other"}},
		{Service: "shop", MinDuration: time.Second},
	} {
		if _, spans := await(t, url, q, nil, 0); len(spans) != 0 {
			t.Errorf("%+v: %q", q, spans)
		}
	}
}
