package gapes_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// page is a response of a proxy.
const page = "<html><body><h1>502 Bad Gateway</h1>" + `<p>"error": {"type": "hunter2"}</p></body></html>`

// faults are servers that fail. attempt counts from 1.
var faults = map[string]struct {
	serve func(w http.ResponseWriter, r *http.Request, attempt int)
	cfg   elasticsearch.Config
	want  string // status, attempts and message of the span
}{
	"502, then well": {
		serve: func(w http.ResponseWriter, _ *http.Request, attempt int) {
			answerWith(w, []int{502, 200}[attempt-1], "{}")
		},
		want: "200 2 ",
	},
	"503, 504, then well": {
		serve: func(w http.ResponseWriter, _ *http.Request, attempt int) {
			answerWith(w, []int{503, 504, 200}[attempt-1], "{}")
		},
		want: "200 3 ",
	},
	"504 for ever": {
		serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			answerWith(w, 504, `{"error":{"type":"gateway","reason":"late"}}`)
		},
		want: "504 4 gateway: late",
	},
	"429": { // not retried by default
		serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			answerWith(w, 429, `{"error":{"type":"circuit_breaking_exception","reason":"[parent] Data too large"},"status":429}`)
		},
		want: "429 <nil> circuit_breaking_exception: [parent] Data too large",
	},
	"429, tried again": {
		serve: func(w http.ResponseWriter, _ *http.Request, attempt int) {
			answerWith(w, []int{429, 200}[attempt-1], "{}")
		},
		cfg:  elasticsearch.Config{RetryOnStatus: []int{429}},
		want: "200 2 ",
	},
	"a proxy's page": {
		serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(502)
			io.WriteString(w, page)
		},
		cfg:  elasticsearch.Config{DisableRetry: true},
		want: "502 <nil> 502 Bad Gateway",
	},
	"a proxy's page that claims to be well": { // go-elasticsearch requires Elasticsearch's header
		serve: func(w http.ResponseWriter, _ *http.Request, _ int) { io.WriteString(w, page) },
		want:  "200 <nil> ",
	},
	"JSON that breaks off": {
		serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Length", "100")
			answerWith(w, 200, `{"hits":{`)
		},
		want: "200 <nil> unexpected EOF",
	},
	"a reason that breaks off": {
		serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Length", "100")
			answerWith(w, 400, `{"error":{"type":"parsing_exception","reas`)
		},
		want: "400 <nil> parsing_exception",
	},
	"invalid gzip": {
		serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Encoding", "gzip")
			answerWith(w, 200, "hunter2, and no gzip at all")
		},
		want: "200 <nil> gzip: invalid header",
	},
	"gzip that breaks off": {
		serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			w.Header().Set("Content-Encoding", "gzip")
			answerWith(w, 200, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xffhunter2")
		},
		want: "200 <nil> flate: corrupt input before offset 5",
	},
	"no answer": {
		serve: func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) },
		want:  "<nil> 4 EOF",
	},
	"drops that come late": {
		serve: func(w http.ResponseWriter, _ *http.Request, _ int) {
			for _, drop := range []string{`{"hits"`, `:{"hits"`, `:[`, `]}`, `}`} {
				answerWith(w, 0, drop)
				w.(http.Flusher).Flush()
				time.Sleep(2 * time.Millisecond)
			}
		},
		want: "200 <nil> ",
	},
	"no end, until the context is over": {
		serve: func(w http.ResponseWriter, r *http.Request, _ int) {
			for r.Context().Err() == nil {
				answerWith(w, 0, strings.Repeat("x", 4096))
			}
		},
		want: "200 <nil> context canceled",
	},
}

// answerWith answers like Elasticsearch. A status of 0 means 200, or that the response goes on.
func answerWith(w http.ResponseWriter, status int, body string) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	if status != 0 {
		w.WriteHeader(status)
	}
	io.WriteString(w, body)
}

func TestTransparentServerFaults(t *testing.T) {
	for name, tt := range faults {
		t.Run(name, func(t *testing.T) {
			observe := func(wrap func(*elasticsearch.Client) *elasticsearch.Client, ctx context.Context) string {
				var attempts atomic.Int64
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					tt.serve(w, r, int(attempts.Add(1)))
				}))
				defer server.Close()
				transport := &http.Transport{}
				defer transport.CloseIdleConnections()
				cfg := tt.cfg
				cfg.Addresses, cfg.Transport = []string{server.URL}, transport
				c := wrap(newClient(t, cfg))
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				res, err := c.Search(c.Search.WithBody(strings.NewReader(`{"query":{}}`)), c.Search.WithContext(ctx))
				seen := fmt.Sprintf("%d attempts, error %T %v\n", attempts.Load(), err, err)
				if err != nil {
					return seen
				}
				text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
				if len(text) == 1<<20 {
					cancel()
					for err == nil { // data in flight may still arrive
						_, err = res.Body.Read(make([]byte, 4096))
					}
				}
				return seen + fmt.Sprintf("%s, %v, %.200s, error %T %v, closed %v\n", res.Status(), res.Header["Content-Encoding"],
					text, err, err, res.Body.Close())
			}
			raw := observe(func(c *elasticsearch.Client) *elasticsearch.Client { return c }, t.Context())
			tracer := spantest.NewTracer()
			wrapped := observe(func(c *elasticsearch.Client) *elasticsearch.Client {
				return gapes.Wrap(c,
					gaptrace.WithTracer(tracer))
			}, underParent(t, tracer))
			if raw != wrapped {
				t.Errorf("raw:\n%s\nwrapped:\n%s", raw, wrapped)
			}
			span := only(t, tracer)
			got := fmt.Sprint(span.Tags["http.status_code"], " ", span.Tags["es.attempts"], " ", message(span))
			if got != tt.want || strings.Contains(tracer.Tree(), "hunter2") {
				t.Errorf("recorded as %s, want %s:\n%s", got, tt.want, tracer.Tree())
			}
		})
	}
}
