package main

import (
	"bytes"
	"io"
	"net/http"
	"slices"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
)

// otherServers adds servers that are not Jaeger to the paths /zipkin, /tempo, /v3 and /debug/gaps/.
// They answer as the documents of Zipkin, Tempo and Jaeger say.
func otherServers(mux *http.ServeMux, log func(*http.Request), jaegerAnswer []byte) {
	answer := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
			log(req)
			io.WriteString(w, text)
		})
	}
	zipkin := `[{"traceId":"b7","id":"1","kind":"SERVER","name":"get /","timestamp":1000,"duration":50,` +
		`"localEndpoint":{"serviceName":"zipshop"}}]`
	answer("/zipkin/api/v2/services", `["zipshop"]`)
	answer("/zipkin/api/v2/traces", "["+zipkin+"]")
	answer("/zipkin/api/v2/trace/00000000000000b7", zipkin)

	spans := `[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"otelshop"}}]},` +
		`"scopeSpans":[{"spans":[{"traceId":"000000000000000000000000000000a1","spanId":"0000000000000001",` +
		`"name":"GET /","kind":2,"startTimeUnixNano":"1000000","endTimeUnixNano":"1050000"}]}]}]`
	answer("/tempo/api/echo", "echo")
	answer("/tempo/api/search", `{"traces":[{"traceID":"a1","rootServiceName":"otelshop"}],"metrics":{}}`)
	answer("/tempo/api/traces/00000000000000a1", `{"batches":`+spans+`}`)
	answer("/v3/api/v3/services", `{"services":["otelshop"]}`)
	answer("/v3/api/v3/traces", `{"result":{"resourceSpans":`+spans+`}}`)
	answer("/v3/api/v3/traces/00000000000000a1", `{"result":{"resourceSpans":`+spans+`}}`)

	var recorded recordedTraces
	for spans, err := range jaegerjson.Read(bytes.NewReader(jaegerAnswer)) {
		if err != nil {
			panic(err)
		}
		recorded = append(recorded, spans)
	}
	mux.Handle("/debug/gaps/", debug.Handler(recorded))

	mux.HandleFunc("/private/api/services", func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Authorization") != "Bearer s3cret" {
			http.Error(w, "no token", http.StatusUnauthorized)
			return
		}
		io.WriteString(w, `{"data":["bookshop"]}`)
	})
	mux.HandleFunc("/private/api/traces", func(w http.ResponseWriter, _ *http.Request) { w.Write(jaegerAnswer) })
	mux.HandleFunc("/login/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>Log in</html>") })
}

// recordedTraces is what a program has recorded.
type recordedTraces [][]gap.Span

func (r recordedTraces) Traces() [][]gap.Span { return r }

func (r recordedTraces) Trace(id gap.TraceID) []gap.Span {
	i := slices.IndexFunc(r, func(spans []gap.Span) bool { return spans[0].TraceID == id })
	if i < 0 {
		return nil
	}
	return r[i]
}
