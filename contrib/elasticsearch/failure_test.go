package gapes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// message returns the message of a span's failure, or "" if it has not failed.
func message(span *spantest.Span) string {
	if span.Tags["error"] == nil {
		return ""
	}
	for _, field := range span.Logs[0].Fields {
		if field.Key() == "message" {
			return field.Value().(string)
		}
	}
	return "no message"
}

func TestFailureHasElasticsearchsReason(t *testing.T) {
	const noIndex = `{"error":{"root_cause":[{"type":"t","reason":"r"}],"type":"index_not_found_exception","reason":"no such index [x]","index":"x"},"status":404}`
	for name, tt := range map[string]struct {
		request string
		status  int
		body    string
		want    string
	}{
		"an error":              {"POST /x/_search", 404, noIndex, "index_not_found_exception: no such index [x]"},
		"a server's error":      {"GET /x/_doc/1", 500, noIndex, "index_not_found_exception: no such index [x]"},
		"an error in a word":    {"GET /_alias/x", 404, `{"error":"alias [x] missing","status":404}`, "alias [x] missing"},
		"an error after all":    {"POST /x/_search", 400, `{"status":400,"took":{"error":1},"error":{"reason":"r","type":"t"}}`, "t: r"},
		"a type without reason": {"POST /x/_search", 400, `{"error":{"type":"t","reason":null}}`, "t"},
		"no error":              {"DELETE /x/_doc/1", 404, `{"_id":"1","result":"not_found"}`, "404 Not Found"},
		"a list":                {"POST /x/_search", 400, `{"error":["type","t"]}`, "400 Bad Request"},
		"a null":                {"POST /x/_search", 400, `{"error":null}`, "400 Bad Request"},
		"another type":          {"POST /x/_search", 400, `{"error":{"type":7,"reason":[]}}`, "400 Bad Request"},
		"half of another type":  {"POST /x/_search", 400, `{"error":{"type":{},"reason":"r"}}`, "r"},
		"no value":              {"POST /x/_search", 400, `{"error":{"type" "reason":"r"}}`, "400 Bad Request"},
		"a proxy's page":        {"POST /x/_search", 413, "<html>error</html>", "413 Request Entity Too Large"},
		"an array":              {"POST /x/_search", 400, `["error"]`, "400 Bad Request"},
		"nothing":               {"POST /x/_search", 401, "", "401 Unauthorized"},
		"cut off in a name":     {"POST /x/_search", 400, `{"error":{"ty`, "400 Bad Request"},
		"cut off in the reason": {"POST /x/_search", 400, `{"error":{"type":"t","reason":"r`, "t"},
		"broken":                {"POST /x/_search", 400, `{"a":}{"error":"x"}`, "400 Bad Request"},
		"far too long":          {"POST /x/_search", 400, `{"error":{"reason":"r","type":"t","failed_shards":["` + strings.Repeat("x", 1<<20) + `"]}}`, "t: r"},
		"too late": {
			"POST /x/_search",
			400,
			`{"a":"` + strings.Repeat("x", 1<<20) + `","error":"x"}`,
			"400 Bad Request",
		},
		"a document that is not": {"GET /x/_doc/1", 404, `{"found":false}`, ""},
		"a source that is not":   {"GET /x/_source/1", 404, `{"error":{"type":"resource_not_found_exception","reason":"no"}}`, ""},
		"it does not exist":      {"HEAD /x", 404, "", ""},
		"it may not be asked":    {"HEAD /x", 403, "", "403 Forbidden"},
		"all is well":            {"POST /x/_search", 200, `{"error":"none"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx, tracer := recorded(t, always(tt.status, tt.body))
			method, path, _ := strings.Cut(tt.request, " ")
			res, err := perform(t, c, ctx, method, path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := consume(t, res.Body); got != tt.body {
				t.Errorf("the caller read %.100q", got)
			}
			span := only(t, tracer)
			if got := message(span); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if span.Tags["http.status_code"] != tt.status || span.Tags["bytes"] != int64(len(tt.body)) {
				t.Errorf("got %v", span.Tags)
			}
		})
	}
}

func TestHookTimeIsNotCovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ctx, tracer := recorded(t, always(409, `{"error":{"type":"t","reason":"r"}}`),
			gaptrace.WithExpected(func(gaptrace.Call, error) bool {
				time.Sleep(time.Second)
				return true
			}))
		res, err := perform(t, c, ctx, "POST", "/x/_search", nil)
		if err != nil {
			t.Fatal(err)
		}
		consume(t, res.Body)
		if call := only(t, tracer); call.Duration() != 0 || call.Tags["wait.us"] != nil || call.Tags["error"] != nil {
			t.Errorf("%v, %v", call.Duration(), call.Tags)
		}
	})
}

func TestFailureReadsNothingAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ctx, tracer := recorded(t, network(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return answer(500, io.MultiReader(readerFunc(func([]byte) (int, error) {
				time.Sleep(time.Hour)
				return 0, io.EOF
			}), strings.NewReader(`{"error":{"type":"t","reason":"r"}}`))), nil
		}))
		begun := time.Now()
		res, err := c.Info(c.Info.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(begun); d != time.Second {
			t.Errorf("it returned after %v", d)
		}
		time.Sleep(time.Minute) // the caller's work
		consume(t, res.Body)
		span, waits := only(t, tracer), tracer.Named("elasticsearch info wait")
		if message(span) != "t: r" || span.Duration() != time.Second || len(waits) != 1 || waits[0].Duration() != time.Hour {
			t.Errorf("recorded:\n%s", tracer.Tree())
		}
	})
}

func TestFailureOfPartlyReadBody(t *testing.T) {
	const text = `{"error":{"type":"t","reason":"r"},"status":500}`
	for name, tt := range map[string]struct {
		read int
		want string
	}{
		"nothing":  {0, "500 Internal Server Error"},
		"too few":  {10, "500 Internal Server Error"},
		"a part":   {22, "t"},
		"just all": {len(text), "t: r"},
	} {
		t.Run(name, func(t *testing.T) {
			var expected []gapes.Error
			c, ctx, tracer := recorded(t, always(500, text), gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool {
				e, _ := errors.AsType[*gapes.Error](err)
				expected = append(expected, *e)
				return false
			}))
			res, err := perform(t, c, ctx, "GET", "/", nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(res.Body, make([]byte, tt.read)); err != nil {
				t.Error(err)
			}
			res.Body.Close()
			res.Body.Close()
			if got := message(only(t, tracer)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if len(expected) != 1 || expected[0].Error() != tt.want || expected[0].Status != 500 {
				t.Errorf("the hook was asked about %+v", expected)
			}
		})
	}
}

func TestFailureOfTypedAPI(t *testing.T) {
	c, ctx, tracer := recorded(
		t,
		always(
			400,
			`{"error":{"type":"resource_already_exists_exception","reason":"index [a/u] already exists"},"status":400}`,
		),
	)
	if _, err := typedOf(t, c).Indices.Create("a").Do(ctx); err == nil {
		t.Error("no error")
	}
	if got := message(only(t, tracer)); got != "resource_already_exists_exception: index [a/u] already exists" {
		t.Errorf("got %q", got)
	}
}

// A reader may break io.Reader's contract. The caller gets what it returns.
func TestFailureWithReaderThatMiscounts(t *testing.T) {
	for _, count := range []int{-1, 100} {
		c, ctx, tracer := recorded(t, network(func(*http.Request) (*http.Response, error) {
			return answer(500, readerFunc(func([]byte) (int, error) { return count, io.EOF })), nil
		}))
		res, err := perform(t, c, ctx, "GET", "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := res.Body.Read(make([]byte, 4)); n != count || err != io.EOF {
			t.Errorf("read %d, %v", n, err)
		}
		only(t, tracer)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestFailureOfNetwork(t *testing.T) {
	broken := errors.New("connection reset")
	for name, tt := range map[string]struct {
		status int    // of the response; 0: there is none
		body   string // up to where it breaks off
		want   string // of the span
	}{
		"no connection":            {0, "", "connection reset"},
		"a body that breaks off":   {200, `{"hits`, "connection reset"},
		"a reason that breaks off": {500, `{"error":{"type":"t",`, "t"},
	} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			c := newWrapped(t, tracer, elasticsearch.Config{DisableRetry: true, Transport: network(
				func(*http.Request) (*http.Response, error) {
					if tt.status == 0 {
						return nil, broken
					}
					return answer(tt.status, io.MultiReader(strings.NewReader(tt.body), iotest.ErrReader(broken))), nil
				})})
			res, err := c.Info(c.Info.WithContext(underParent(t, tracer)))
			if tt.status == 0 {
				if err != broken { //nolint:errorlint // identity is the promise
					t.Errorf("got %v, want %v", err, broken)
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(res.Body)
				if err != broken || string(text) != tt.body { //nolint:errorlint // identity is the promise
					t.Errorf("the caller read %q, %v", text, err)
				}
				res.Body.Close()
			}
			if got := message(only(t, tracer)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFailureOfCancelledCall(t *testing.T) {
	for name, headersFirst := range map[string]bool{"before the answer": false, "in the body": true} {
		t.Run(name, func(t *testing.T) {
			asked := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if headersFirst {
					w.Header().Set("X-Elastic-Product", "Elasticsearch")
					io.WriteString(w, `{"hits`)
					w.(http.Flusher).Flush()
				}
				close(asked)
				<-r.Context().Done()
			}))
			defer server.Close()
			tracer := spantest.NewTracer()
			c := newWrapped(t, tracer, elasticsearch.Config{Addresses: []string{server.URL}, DisableRetry: true})
			ctx, cancel := context.WithCancel(underParent(t, tracer))
			defer cancel()
			go func() { <-asked; cancel() }()

			res, err := c.Info(c.Info.WithContext(ctx))
			if err == nil {
				_, err = io.ReadAll(res.Body)
				res.Body.Close()
			}
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			if got := message(only(t, tracer)); !strings.Contains(got, "context canceled") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestPanicPassesThrough(t *testing.T) {
	for name, n := range map[string]network{
		"in the transport": func(*http.Request) (*http.Response, error) { panic("mine") },
		"reading the reason": func(*http.Request) (*http.Response, error) {
			return answer(500, readerFunc(func([]byte) (int, error) { panic("mine") })), nil
		},
		"in the request body": func(req *http.Request) (*http.Response, error) {
			_, err := io.ReadAll(req.Body)
			return nil, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, ctx, tracer := recorded(t, n)
			func() {
				defer func() {
					if got := recover(); got != "mine" {
						t.Errorf("recovered %v", got)
					}
				}()
				res, err := perform(t, c, ctx, "POST", "/_search", readerFunc(func([]byte) (int, error) { panic("mine") }))
				if err == nil {
					io.ReadAll(res.Body)
				}
			}()
			if message(only(t, tracer)) == "" {
				t.Errorf("no failure:\n%s", tracer.Tree())
			}
		})
	}
}

func TestFailureBodyReadsTheSame(t *testing.T) {
	const text = `{"error":{"type":"t","reason":"r"},"status":500}`
	c, ctx, _ := recorded(t, network(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 500, Body: &closing{Reader: strings.NewReader(text)}}, nil
	}))
	body := func() io.ReadCloser {
		res, err := perform(t, c, ctx, "GET", "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		return res.Body
	}
	if err := iotest.TestReader(body(), []byte(text)); err != nil {
		t.Error(err)
	}
	half := body()
	if _, err := io.ReadFull(half, make([]byte, 5)); err != nil {
		t.Error(err)
	}
	half.Close()
	if n, err := half.Read(make([]byte, 5)); n != 0 || err != errClosed { //nolint:errorlint // identity is the promise
		t.Errorf("closed, it still reads: %d, %v", n, err)
	}
	once := errors.New("once")
	got, err := io.ReadAll(failingOnce(t, once))
	if err != once || string(got) != `{"a":` { //nolint:errorlint // identity is the promise
		t.Errorf("read %q, %v", got, err)
	}
	var copied bytes.Buffer
	if _, err := io.Copy(&copied, body()); err != nil || copied.String() != text {
		t.Errorf("copied %q, %v", copied.String(), err)
	}
}

// failingOnce returns the body of a response that fails with err after a few bytes, and then ends.
func failingOnce(t *testing.T, err error) io.Reader {
	rest := []error{nil, err, io.EOF}
	c, ctx, _ := recorded(t, network(func(*http.Request) (*http.Response, error) {
		return answer(500, readerFunc(func(p []byte) (n int, err error) {
			if rest[0] == nil {
				n = copy(p, `{"a":`)
			}
			err = rest[0]
			if len(rest) > 1 {
				rest = rest[1:]
			}
			return n, err
		})), nil
	}))
	res, performed := perform(t, c, ctx, "GET", "/", nil)
	if performed != nil {
		t.Fatal(performed)
	}
	return res.Body
}

// closing is a body that fails after Close, like those of net/http.
type closing struct {
	io.Reader
	closed bool
}

var errClosed = fmt.Errorf("read on closed body")

func (c *closing) Read(p []byte) (int, error) {
	if c.closed {
		return 0, errClosed
	}
	return c.Reader.Read(p)
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestFailureByStatus(t *testing.T) {
	not404 := gaptrace.WithFailure(func(_ gaptrace.Call, status int) bool { return status >= 300 && status != 404 })
	for status, want := range map[int]string{200: "", 302: "t: r", 404: "", 503: "t: r"} {
		c, ctx, tracer := recorded(t, always(status, `{"error":{"type":"t","reason":"r"}}`), not404)
		res, err := perform(t, c, ctx, "POST", "/x/_search", nil)
		if err != nil {
			t.Fatal(err)
		}
		consume(t, res.Body)
		if got := message(only(t, tracer)); got != want {
			t.Errorf("status %d: got %q, want %q", status, got, want)
		}
	}
}
