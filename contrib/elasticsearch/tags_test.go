package gapes_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

func withTracer(t opentracing.Tracer) gaptrace.Option { return gaptrace.WithTracer(t) }

func TestStatementOfSearches(t *testing.T) {
	for request, want := range map[string]bool{
		"POST /_search":                true,
		"GET /books/_search":           true,
		"GET /_all/_search":            true,
		"POST /books/_search/template": true,
		"POST /_msearch":               true,
		"POST /_msearch/template":      true,
		"POST /_render/template":       true,
		"POST /books/_count":           true,
		"POST /books/_async_search":    true,
		"POST /books/_eql/search":      true,
		"POST /_query":                 true,
		"POST /_query/async":           true,
		"POST /_sql":                   true,
		"POST /_sql/translate":         true,
		"POST /books/_terms_enum":      true,
		"POST /books/_knn_search":      true,
		"POST /books/_rollup_search":   true,
		"POST /_search/scroll":         false,
		"POST /_sql/close":             false,
		"PUT /books/_doc/1":            false,
		"POST /_bulk":                  false,
		"PUT /_search_of_mine":         false,
		"POST /_security/user/a":       false,
		"PUT /books":                   false,
		"PUT /books/x/_search":         false,
	} {
		t.Run(request, func(t *testing.T) {
			c, ctx, tracer := recorded(t, always(200, "{}"))
			method, path, _ := strings.Cut(request, " ")
			res, err := perform(t, c, ctx, method, path, strings.NewReader("{body}"))
			if err != nil {
				t.Fatal(err)
			}
			consume(t, res.Body)
			if got := only(t, tracer).Tags["db.statement"]; (got == "{body}") != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// opaque hides what kind of reader it is, so that net/http cannot copy it.
func opaque(s string) io.Reader { return io.MultiReader(strings.NewReader(s)) }

func zipped(s string) *bytes.Buffer {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return &b
}

func TestStatementOfEachKindOfBody(t *testing.T) {
	const query = `{"query":{"match":{"title":"gaps"}}}`
	long := strings.Repeat("é", 5<<20)
	cutLong := spanutil.Truncate(long[:2*spanutil.MaxValue])
	for name, tt := range map[string]struct {
		body     io.Reader
		encoding string
		cfg      elasticsearch.Config
		again    func() (io.ReadCloser, error)
		want     any
	}{
		"known to net/http":         {body: strings.NewReader(query), want: query},
		"a stream":                  {body: opaque(query), want: query},
		"a stream, never repeated":  {body: opaque(query), cfg: elasticsearch.Config{DisableRetry: true}, want: query},
		"compressed by the library": {body: strings.NewReader(query), cfg: elasticsearch.Config{CompressRequestBody: true}, want: query},
		"a stream, compressed":      {body: opaque(query), cfg: elasticsearch.Config{CompressRequestBody: true}, want: query},
		"compressed by the caller":  {body: zipped(query), encoding: "gzip", want: query},
		"compressed, a stream":      {body: opaque(zipped(query).String()), encoding: "gzip", want: query},
		"compressed and broken":     {body: strings.NewReader(query), encoding: "gzip"},
		"compressed and cut off":    {body: bytes.NewReader(zipped(query).Bytes()[:zipped(query).Len()-4]), encoding: "gzip", want: query},
		"compressed in another way": {body: strings.NewReader(query), encoding: "zstd"},
		"of 10 MB":                  {body: strings.NewReader(long), want: cutLong},
		"of 10 MB, a stream":        {body: opaque(long), want: cutLong},
		"of 10 MB, compressed":      {body: zipped(long), encoding: "gzip", want: cutLong},
		"not UTF-8":                 {body: strings.NewReader("a\xff\xfeb"), want: "a\uFFFDb"},
		"as long as a value may be": {body: strings.NewReader(long[:spanutil.MaxValue]), want: long[:spanutil.MaxValue]},
		"a byte longer":             {body: strings.NewReader(long[:spanutil.MaxValue] + "x"), want: cutLong},
		"empty":                     {body: strings.NewReader("")},
		"none":                      {body: http.NoBody},
		"absent":                    {},
		"not to be had again":       {body: opaque(query), again: func() (io.ReadCloser, error) { return nil, errors.New("no") }},
		"nil when asked for again":  {body: opaque(query), again: func() (io.ReadCloser, error) { return nil, nil }},
		"a panic when asked again":  {body: opaque(query), again: func() (io.ReadCloser, error) { panic("no") }},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			tt.cfg.Transport = network(func(req *http.Request) (*http.Response, error) {
				if req.Body != nil {
					io.Copy(io.Discard, req.Body)
				}
				return answer(200, strings.NewReader("{}")), nil
			})
			c := gapes.Wrap(newClient(t, tt.cfg), withTracer(tracer))
			req, err := http.NewRequestWithContext(underParent(t, tracer), "POST", "/_search", tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if tt.encoding != "" {
				req.Header.Set("Content-Encoding", tt.encoding)
			}
			if tt.again != nil {
				req.GetBody = tt.again
			}
			res, err := c.Perform(req)
			if err != nil {
				t.Fatal(err)
			}
			consume(t, res.Body)
			if got := only(t, tracer).Tags["db.statement"]; got != tt.want {
				t.Errorf("got %.200q, want %.200q", fmt.Sprint(got), fmt.Sprint(tt.want))
			}
		})
	}
}

func TestBodyWithGetBodyIsSentUnchanged(t *testing.T) {
	var sent io.ReadCloser
	c, ctx, tracer := recorded(t, network(func(req *http.Request) (*http.Response, error) {
		sent = req.Body
		return answer(200, strings.NewReader("{}")), nil
	}))
	req, err := http.NewRequestWithContext(ctx, "POST", "/_search", strings.NewReader("{query}"))
	if err != nil {
		t.Fatal(err)
	}
	body := req.Body
	res, err := c.Perform(req)
	if err != nil {
		t.Fatal(err)
	}
	consume(t, res.Body)
	if sent != body || only(t, tracer).Tags["db.statement"] != "{query}" {
		t.Errorf("sent %T, not %T, and drew:\n%s", sent, body, tracer.Tree())
	}
}

// net/http goes on sending a body, in a goroutine of its own, after the answer has come.
func TestBodyReadAfterResponse(t *testing.T) {
	read := make(chan []byte)
	tracer := spantest.NewTracer()
	c := gapes.Wrap(newClient(t, elasticsearch.Config{DisableRetry: true, Transport: network(func(req *http.Request) (*http.Response, error) {
		go func() {
			text, _ := io.ReadAll(req.Body)
			read <- text
		}()
		return answer(200, strings.NewReader("{}")), nil
	})}), withTracer(tracer))
	res, err := perform(t, c, underParent(t, tracer), "POST", "/_search", opaque("{query}"))
	if err != nil {
		t.Fatal(err)
	}
	consume(t, res.Body)
	if text := <-read; string(text) != "{query}" {
		t.Errorf("the network read %q", text)
	}
	if got, _ := only(t, tracer).Tags["db.statement"].(string); !strings.HasPrefix("{query}", got) {
		t.Errorf("got %q", got)
	}
}

func TestSecretsOfURLAndHeaders(t *testing.T) {
	const secret = "s3cret"
	tracer := spantest.NewTracer()
	c := gapes.Wrap(newClient(t, elasticsearch.Config{
		Addresses: []string{"http://elastic:" + secret + "@node:9200"}, Header: http.Header{"X-Api-Key": {secret}},
		Transport: always(401, `{"error":"who are you?"}`),
	}), withTracer(tracer))
	for url, want := range map[string]string{
		"/books/_search?size=3&api_key=" + secret + "&access%5Ftoken=" + secret + "&from=1": "access%5Ftoken=hidden&api_key=hidden&from=1&size=3",
		"http://me:" + secret + "@elsewhere/_search?q=a":                                    "q=a",
	} {
		tracer.Reset()
		res, err := perform(t, c, underParent(t, tracer), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		consume(t, res.Body)
		span := only(t, tracer)
		if got := span.Tags["elasticsearch.params"]; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		if tree := tracer.Tree(); strings.Contains(tree, secret) || !strings.Contains(tree, "es.url=http://node:9200/") {
			t.Errorf("drew:\n%s", tree)
		}
	}
}

func TestUnknownTagsAreLeftOut(t *testing.T) {
	tracer := spantest.NewTracer()
	transport := gapes.WrapTransport(plain{always(200, "{}")}, withTracer(tracer))
	req, err := http.NewRequestWithContext(underParent(t, tracer), "", "/_search", nil)
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"no node": "  elasticsearch GET _search bytes=2 component=go-elasticsearch db.type=elasticsearch es.method=GET es.url=/_search http.status_code=200 span.kind=client\n",
		"no URL":  "  elasticsearch GET / bytes=2 component=go-elasticsearch db.type=elasticsearch es.method=GET http.status_code=200 span.kind=client\n",
	} {
		t.Run(url, func(t *testing.T) {
			tracer.Reset()
			sent := req.WithContext(underParent(t, tracer))
			if url == "no URL" {
				sent.URL = nil
			}
			res, err := transport.Perform(sent)
			if err != nil {
				t.Fatal(err)
			}
			consume(t, res.Body)
			if got := tracer.Tree(); got != "parent\n"+want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}
