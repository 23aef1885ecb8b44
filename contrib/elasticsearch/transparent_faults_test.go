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

// fault is a server that fails.
type fault struct {
	statuses []int             // in turn; the last one is repeated
	header   map[string]string // besides Elasticsearch's
	body     string
	serve    http.HandlerFunc // instead of the fields above, if it is not nil
	cfg      elasticsearch.Config
	want     string // status, attempts and message of the span
}

var faults = map[string]fault{
	"502, then well":      {statuses: []int{502, 200}, body: "{}", want: "200 2 "},
	"503, 504, then well": {statuses: []int{503, 504, 200}, body: "{}", want: "200 3 "},
	"504 for ever": {
		statuses: []int{504}, body: `{"error":{"type":"gateway","reason":"late"}}`,
		want: "504 4 gateway: late",
	},
	"429": { // not retried by default
		statuses: []int{429},
		body:     `{"error":{"type":"circuit_breaking_exception","reason":"[parent] Data too large"},"status":429}`,
		want:     "429 <nil> circuit_breaking_exception: [parent] Data too large",
	},
	"429, tried again": {
		statuses: []int{429, 200}, body: "{}", cfg: elasticsearch.Config{RetryOnStatus: []int{429}},
		want: "200 2 ",
	},
	"a proxy's error": {
		serve: serveProxyError, cfg: elasticsearch.Config{DisableRetry: true},
		want: "502 <nil> 502 Bad Gateway",
	},
	"a proxy's page": {serve: serveProxyPage, want: "200 <nil> "},
	"JSON that breaks off": {
		statuses: []int{200}, header: map[string]string{"Content-Length": "100"}, body: `{"hits":{`,
		want: "200 <nil> unexpected EOF",
	},
	"a reason that breaks off": {
		statuses: []int{400}, header: map[string]string{"Content-Length": "100"},
		body: `{"error":{"type":"parsing_exception","reas`,
		want: "400 <nil> parsing_exception",
	},
	"invalid gzip": {
		statuses: []int{200}, header: map[string]string{"Content-Encoding": "gzip"},
		body: "hunter2, and no gzip at all",
		want: "200 <nil> gzip: invalid header",
	},
	"gzip that breaks off": {
		statuses: []int{200}, header: map[string]string{"Content-Encoding": "gzip"},
		body: "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xffhunter2",
		want: "200 <nil> flate: corrupt input before offset 5",
	},
	"no answer":                         {serve: hangUp, want: "<nil> 4 EOF"},
	"drops that come late":              {serve: serveDrops, want: "200 <nil> "},
	"no end, until the context is over": {serve: serveForever, want: "200 <nil> context canceled"},
}

// answer answers an attempt, counted from 1.
func (f fault) answer(w http.ResponseWriter, r *http.Request, attempt int) {
	if f.serve != nil {
		f.serve(w, r)
		return
	}
	for key, value := range f.header {
		w.Header().Set(key, value)
	}
	answerWith(w, f.statuses[min(attempt, len(f.statuses))-1], f.body)
}

func serveProxyError(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(502)
	io.WriteString(w, page)
}

// serveProxyPage claims to be well, but lacks the header that go-elasticsearch requires.
func serveProxyPage(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, page) }

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func serveDrops(w http.ResponseWriter, _ *http.Request) {
	for _, drop := range []string{`{"hits"`, `:{"hits"`, `:[`, `]}`, `}`} {
		answerWith(w, 0, drop)
		w.(http.Flusher).Flush()
		time.Sleep(2 * time.Millisecond)
	}
}

func serveForever(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		answerWith(w, 0, strings.Repeat("x", 4096))
	}
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
					tt.answer(w, r, int(attempts.Add(1)))
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
