package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
)

// A real server is asked for the traces in an execution trace, by each of its APIs.
func TestExplainAsksRealJaeger(t *testing.T) {
	jaeger := servers.Jaeger(t)
	file, spans := recordSpans(t, tracer.WithCollector(jaeger.CollectorURL))
	for _, path := range []string{"", "/api/v3", "/trace/", "/api/v3/traces/"} {
		if strings.HasSuffix(path, "/") {
			path += spans[0].TraceID.String()
		}
		explainFrom(t, file, jaeger.QueryURL+path)
	}
}

func TestExplainAsksRealZipkin(t *testing.T) {
	zipkin, _ := servers.Zipkin(t)
	file, spans := recordSpans(t)
	sendToZipkin(t, zipkin, spans)
	for _, path := range []string{"", "/zipkin/", "/zipkin/traces/" + spans[0].TraceID.String()} {
		explainFrom(t, file, zipkin+path)
	}
}

// recordSpans returns the file of an execution trace, and its spans: a request that sleeps and then
// makes a call.
func recordSpans(t *testing.T, opts ...tracer.Option) (file string, spans []gap.Span) {
	t.Helper()
	recorder := tracer.NewRecorder(10)
	tr, closer, err := tracer.New("shop", append(opts, tracer.WithRecorder(recorder), tracer.WithExecutionTrace())...)
	if err != nil {
		t.Fatal(err)
	}
	recorded := recordTrace(func() {
		root := tr.StartSpan("GET /", ext.SpanKindRPCServer)
		time.Sleep(20 * time.Millisecond)
		tr.StartSpan("sql query", ext.SpanKindRPCClient, opentracing.ChildOf(root.Context())).Finish()
		root.Finish()
	})
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "trace.out")
	if err := os.WriteFile(file, recorded, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, recorder.Traces()[0]
}

// explainFrom runs gaptrace explain until the server at url has both spans.
func explainFrom(t *testing.T, file, url string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		stdout.Reset()
		stderr.Reset()
		code := run(t.Context(), func() {}, []string{"explain", file, url}, nil, &stdout, &stderr)
		if code == 0 && strings.Contains(stdout.String(), ", 2 spans, ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: exit code %d\n%s%s", url, code, &stdout, &stderr)
		}
	}
	if !strings.Contains(stdout.String(), "sleep, ") {
		t.Errorf("%s:\n%s", url, &stdout)
	}
}

// sendToZipkin sends spans as a client of Zipkin does.
func sendToZipkin(t *testing.T, url string, spans []gap.Span) {
	t.Helper()
	type object = map[string]any
	var sent []object
	for _, s := range spans {
		o := object{
			"traceId": s.TraceID, "id": s.SpanID, "name": s.Operation, "timestamp": s.Start.UnixMicro(),
			"duration": s.Duration.Microseconds(), "localEndpoint": object{"serviceName": s.Process.Service},
		}
		for _, tag := range s.Tags {
			if tag.Key == "span.kind" {
				o["kind"] = strings.ToUpper(fmt.Sprint(tag.Value))
			}
		}
		for _, r := range s.References {
			o["parentId"] = r.SpanID
		}
		for _, key := range []string{"traceId", "id", "parentId"} {
			if id, ok := o[key]; ok {
				o[key] = fmt.Sprint(id)
			}
		}
		sent = append(sent, o)
	}
	body, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(url+"/api/v2/spans", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Fatal(res.Status)
	}
}
