package gapes_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/uber/jaeger-client-go"
)

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

// opaque returns a reader of a type that net/http cannot copy.
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
		"not to be had again": {
			body:  opaque(query),
			again: func() (io.ReadCloser, error) { return nil, errors.New("no") },
		},
		"nil when asked for again": {body: opaque(query), again: func() (io.ReadCloser, error) { return nil, nil }},
		"a panic when asked again": {body: opaque(query), again: func() (io.ReadCloser, error) { panic("no") }},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			tt.cfg.Transport = network(func(req *http.Request) (*http.Response, error) {
				if req.Body != nil {
					io.Copy(io.Discard, req.Body)
				}
				return answer(200, strings.NewReader("{}")), nil
			})
			c := newWrapped(t, tracer, tt.cfg)
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

// A span that does not show the whole body must not show a reason that may quote the rest of it.
func TestReasonOfCompressedBody(t *testing.T) {
	whole := zipped(`{"query":{}}`).Bytes()
	for name, tt := range map[string]struct {
		body []byte
		want string
	}{
		"whole":   {body: whole, want: "parsing_exception: unknown query [mtach]"},
		"cut off": {body: whole[:len(whole)-4], want: "parsing_exception: unknown query… [cut]"},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx, tracer := recorded(t,
				always(400, `{"error":{"type":"parsing_exception","reason":"unknown query [mtach]"}}`))
			req, err := http.NewRequestWithContext(ctx, "POST", "/_search", bytes.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Encoding", "gzip")
			res, err := c.Perform(req)
			if err != nil {
				t.Fatal(err)
			}
			consume(t, res.Body)
			if got := message(only(t, tracer)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
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
		t.Errorf("sent %T, not %T, and recorded:\n%s", sent, body, tracer.Tree())
	}
}

// net/http may send a body, in a goroutine, after the response has come.
func TestBodyReadAfterResponse(t *testing.T) {
	read := make(chan []byte)
	tracer := spantest.NewTracer()
	late := network(func(req *http.Request) (*http.Response, error) {
		go func() {
			text, _ := io.ReadAll(req.Body)
			read <- text
		}()
		return answer(200, strings.NewReader("{}")), nil
	})
	c := newWrapped(t, tracer, elasticsearch.Config{DisableRetry: true, Transport: late})
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

// performer is a transport.
type performer func(*http.Request) (*http.Response, error)

func (f performer) Perform(req *http.Request) (*http.Response, error) { return f(req) }

func TestUnsampledBodyIsNotWrapped(t *testing.T) {
	tracer := spantest.Jaeger(t, false, nil)
	req, err := http.NewRequestWithContext(underParent(t, tracer), "POST", "/x/_search", opaque("{}"))
	if err != nil {
		t.Fatal(err)
	}
	body := req.Body
	next := performer(func(sent *http.Request) (*http.Response, error) {
		if sent.Body != body {
			t.Errorf("the library was given a %T", sent.Body)
		}
		return answer(200, strings.NewReader("{}")), nil
	})
	if _, err := gapes.WrapTransport(next, gaptrace.WithTracer(tracer)).Perform(req); err != nil {
		t.Error(err)
	}
}

func TestBodyCopyIsClosed(t *testing.T) {
	c, ctx, _ := recorded(t, always(200, "{}"))
	req, err := http.NewRequestWithContext(ctx, "POST", "/x/_search", opaque("{}"))
	if err != nil {
		t.Fatal(err)
	}
	var copies []*closing
	req.GetBody = func() (io.ReadCloser, error) {
		copies = append(copies, &closing{Reader: opaque("{}")})
		return copies[len(copies)-1], nil
	}
	res, err := c.Perform(req)
	if err != nil {
		t.Fatal(err)
	}
	consume(t, res.Body)
	for i, body := range copies {
		if !body.closed {
			t.Errorf("copy %d of %d is open", i+1, len(copies))
		}
	}
	if len(copies) == 0 {
		t.Error("no copy was made")
	}
}

// shownStatement performs a request, and returns the statement of its span.
func shownStatement(t *testing.T, c *elasticsearch.Client, req *http.Request, tracer *spantest.Tracer) any {
	t.Helper()
	res, err := c.Perform(req)
	if err != nil {
		t.Fatal(err)
	}
	consume(t, res.Body)
	return only(t, tracer).Tags["db.statement"]
}

func TestBodyThatRewindsIsSentWhole(t *testing.T) {
	const query = `{"query":{"match_all":{}}}`
	sent := ""
	c, ctx, tracer := recorded(t, network(func(req *http.Request) (*http.Response, error) {
		sent = consume(t, req.Body)
		return answer(200, strings.NewReader("{}")), nil
	}))
	memory := strings.NewReader(query)
	body := struct{ io.ReadCloser }{io.NopCloser(memory)}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/books/_search", body)
	if err != nil {
		t.Fatal(err)
	}
	req.GetBody = func() (io.ReadCloser, error) {
		_, err := memory.Seek(0, io.SeekStart)
		return body, err
	}
	if got := shownStatement(t, c, req, tracer); sent != query || got != query {
		t.Errorf("sent %q, recorded %q", sent, got)
	}
}

// A body in memory is read where it lies: it is neither moved nor asked for again. What its caller
// has read of it before is not sent.
func TestBodyInMemory(t *testing.T) {
	const query = `{"query":{"match_all":{}}}`
	for name, body := range map[string]io.Reader{
		"strings.Reader": strings.NewReader("read" + query),
		"bytes.Reader":   bytes.NewReader([]byte("read" + query)),
		"bytes.Buffer":   bytes.NewBufferString("read" + query),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := io.CopyN(io.Discard, body, int64(len("read"))); err != nil {
				t.Fatal(err)
			}
			sent := ""
			c, ctx, tracer := recorded(t, network(func(req *http.Request) (*http.Response, error) {
				sent = consume(t, req.Body)
				return answer(200, strings.NewReader("{}")), nil
			}))
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/books/_search", body)
			if err != nil {
				t.Fatal(err)
			}
			req.GetBody = func() (io.ReadCloser, error) { panic("asked for again") }
			if got := shownStatement(t, c, req, tracer); sent != query || got != query {
				t.Errorf("sent %q, recorded %q", sent, got)
			}
		})
	}
}

// Bodies that repeat are remembered. Spans show the same of each.
func TestRepeatedStatement(t *testing.T) {
	type shown struct{ statement, reason string }
	long := `{"query":"` + strings.Repeat("x", spanutil.MaxValue) + `"}`
	for body, want := range map[string]shown{
		`{"query":{"term":{"title":"gaps"}}}`:         {`{"query":{"term":{"title":"gaps"}}}`, "unknown query [term]"},
		`{"query":{"term":{"password":"gaps"}}}`:      {`{"query":{"term":{"password":?}}}`, "unknown query… [cut]"},
		"{\"query\":{\"term\":{\"title\":\"\xff\"}}}": {"{\"query\":{\"term\":{\"title\":\"\uFFFD\"}}}", "unknown query… [cut]"},
		long: {spanutil.Truncate(long), "unknown query… [cut]"},
	} {
		c, ctx, tracer := recorded(t,
			always(400, `{"error":{"type":"parsing_exception","reason":"unknown query [term]"}}`))
		for i := range 4 {
			res, err := perform(t, c, ctx, "POST", "/_search", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			consume(t, res.Body)
			calls := slices.DeleteFunc(tracer.Spans(),
				func(s *spantest.Span) bool { return s.Operation == "parent" || s.IsWait() })
			call := calls[len(calls)-1]
			want := shown{want.statement, "parsing_exception: " + want.reason}
			if got := (shown{fmt.Sprint(call.Tags["db.statement"]), message(call)}); len(calls) != i+1 || got != want {
				t.Errorf("search %d of %.50q: got %.200q, want %.200q", i, body, got, want)
			}
		}
	}
}

func TestUnsampledRequestIsNotCopied(t *testing.T) {
	for name, sampled := range map[string]bool{"sampled": true, "not sampled": false} {
		t.Run(name, func(t *testing.T) {
			tracer, closer := jaeger.NewTracer("test", jaeger.NewConstSampler(sampled), jaeger.NewNullReporter())
			defer closer.Close()
			copied := false
			c := newWrapped(t, tracer, elasticsearch.Config{Transport: fromMemory{}})
			req, err := http.NewRequestWithContext(underParent(t, tracer), "POST", "/_search", opaque("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.GetBody = func() (io.ReadCloser, error) { copied = true; return io.NopCloser(opaque("{}")), nil }
			if _, err := c.Perform(req); err != nil {
				t.Fatal(err)
			}
			if copied != sampled {
				t.Errorf("copied: %t", copied)
			}
		})
	}
}
