package jaegerjson_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
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

// What a real Jaeger stores in Elasticsearch reads the same as what its query service answers.
func TestJaegersSpansInElasticsearch(t *testing.T) {
	elasticsearch := servers.Elasticsearch(t)
	for name, flags := range map[string][]string{
		"tags as an array": {"--es.index-prefix=array"},
		"tags as fields":   {"--es.index-prefix=fields", "--es.tags-as-fields.all=true"},
	} {
		t.Run(name, func(t *testing.T) {
			jaeger := servers.JaegerOnElasticsearch(t, elasticsearch, flags...)
			id := sendTraces(t, jaeger)
			answered := map[gap.TraceID]map[gap.SpanID]string{}
			client := &jaegerjson.Client{URL: jaeger.QueryURL}
			_, prefix, _ := strings.Cut(flags[0], "=")
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
				if text := search(t, elasticsearch, prefix); strings.Count(text, `"_source"`) == 6 {
					stored, errs := readAll(strings.NewReader(text), read.WithEverything())
					if errs != nil || len(stored) != 2 {
						t.Fatal(stored, errs)
					}
					for spans, err := range client.Traces(t.Context(), id, read.WithEverything()) {
						if err != nil {
							t.Fatal(err)
						}
						answered[spans[0].TraceID] = essence(spans)
					}
					for _, spans := range stored {
						got, want := essence(spans), answered[spans[0].TraceID]
						if len(got) != 3 || !reflect.DeepEqual(got, want) {
							t.Errorf("stored\n%v\nanswered\n%v", got, want)
						}
						if spans[0].Process != spans[1].Process {
							t.Error("the process is not shared")
						}
					}
					return
				} else if time.Now().After(deadline) {
					t.Fatalf("Elasticsearch has\n%s", text)
				}
			}
		})
	}
}

// sendTraces sends two traces of three spans each, and returns their ids.
func sendTraces(t *testing.T, jaeger servers.JaegerServer) (ids []gap.TraceID) {
	t.Helper()
	recorder := tracer.NewRecorder(10)
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(recorder), tracer.WithCollector(jaeger.CollectorURL))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		root := tr.StartSpan("GET /", ext.SpanKindRPCServer, opentracing.Tag{Key: "number", Value: 1.5})
		call := tr.StartSpan("sql query", ext.SpanKindRPCClient, opentracing.ChildOf(root.Context()))
		call.SetTag("wait.joined_us", int64(120))
		ext.Error.Set(call, true)
		call.LogFields(log.Event("retry"))
		call.Finish()
		wait := tr.StartSpan("sql query wait", opentracing.ChildOf(root.Context()), opentracing.FollowsFrom(call.Context()))
		wait.Finish()
		root.Finish()
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	for _, spans := range recorder.Traces() {
		ids = append(ids, spans[0].TraceID)
	}
	return ids
}

// search returns all spans in the indices with this prefix, as Elasticsearch answers a search. It
// returns "" if the index is not ready yet.
func search(t *testing.T, url, prefix string) string {
	t.Helper()
	res, err := http.Get(url + "/" + prefix + "-jaeger-span-*/_search?size=100&ignore_unavailable=true")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode == http.StatusServiceUnavailable {
		return ""
	} else if res.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", res.Status, body))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
