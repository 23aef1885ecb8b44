package query

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap/read"
)

// elasticAnswers answers requests without a network, by the end of their path.
type elasticAnswers map[string]func(req *http.Request, n int) (status int, body string, err error)

type counted struct {
	elasticAnswers
	asked map[string]int
}

func (c counted) RoundTrip(req *http.Request) (*http.Response, error) {
	page := req.URL.Path[strings.LastIndexByte(req.URL.Path, '/')+1:]
	if req.Method == http.MethodDelete {
		page = "DELETE"
	}
	c.asked[page]++
	answer := c.elasticAnswers[page]
	if answer == nil {
		answer = map[string]func(*http.Request, int) (int, string, error){
			"_field_caps": always(200, `{"indices":["jaeger-span-1"],"fields":{"startTime":{"long":{"type":"long"}}}}`),
			"_pit":        always(200, `{"id":"p1"}`),
			"_search":     always(200, `{"pit_id":"p2","timed_out":false,"hits":{"hits":[`+storedSpan+`]}}`),
			"DELETE":      always(200, `{}`),
		}[page]
	}
	status, body, err := answer(req, c.asked[page])
	if err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req,
	}, nil
}

const storedSpan = `{"_source":{"traceID":"a1","spanID":"1","operationName":"op","startTime":1000,"duration":50},"sort":[7]}`

func always(status int, body string) func(*http.Request, int) (int, string, error) {
	return func(*http.Request, int) (int, string, error) { return status, body, nil }
}

// What Elasticsearch answers becomes an error that says what to do. Only what may pass is retried.
func TestElasticsearchFails(t *testing.T) {
	rejected := `{"error":{"root_cause":[{"type":"es_rejected_execution_exception","reason":"queue is full"}],"type":"x"}}`
	hangs := func(req *http.Request, _ int) (int, string, error) {
		<-req.Context().Done()
		return 0, "", req.Context().Err()
	}
	for name, test := range map[string]struct {
		answers elasticAnswers
		want    string // the error
		spans   int
		retries int
	}{
		"nothing": {nil, "", 1, 0},
		"429, five times": {elasticAnswers{"_search": func(req *http.Request, n int) (int, string, error) {
			if n <= 5 {
				return 429, rejected, nil
			}
			return counted{asked: map[string]int{}}.answer(req)
		}}, "", 1, 5},
		"429, forever": {
			elasticAnswers{"_search": always(429, rejected)},
			"http://es/_search: Elasticsearch answers 429: es_rejected_execution_exception: queue is full; " +
				"Elasticsearch is overloaded: read fewer slices at once, or try again later", 0, 6,
		},
		"429 for a point in time": {
			elasticAnswers{"_pit": always(429, rejected)},
			"http://es/jaeger-span-1/_pit: Elasticsearch answers 429: es_rejected_execution_exception: queue is full; " +
				"Elasticsearch is overloaded: read fewer slices at once, or try again later", 0, 6,
		},
		"503": {
			elasticAnswers{"_search": always(503, "<html>down</html>")},
			"http://es/_search: the server answers 503: Service Unavailable; " +
				"see the log of Elasticsearch, then run this slice again", 0, 6,
		},
		"no answer": {
			elasticAnswers{"_search": hangs},
			"http://es/_search: context deadline exceeded; " +
				"no answer within --timeout 1m0s: raise it, or read fewer slices at once", 0, 6,
		},
		"a search that timed out": {
			elasticAnswers{"_search": always(200, `{"timed_out":true,"hits":{"hits":[`+storedSpan+`]}}`)},
			"http://es/_search: byte 0: expected a complete answer of Elasticsearch, found one that timed out; " +
				"see the log of Elasticsearch, then run this slice again", 1, 0,
		},
		"401": {
			elasticAnswers{"_field_caps": always(401, `{"error":{"type":"security_exception","reason":"missing credentials"}}`)},
			"http://es/jaeger-span-*/_field_caps: Elasticsearch answers 401: security_exception: missing credentials; " +
				"set ES_API_KEY, or ES_USERNAME and ES_PASSWORD, or ES_API_KEY_FILE or ES_PASSWORD_FILE to the name of a file", 0, 0,
		},
		"403": {
			elasticAnswers{"_pit": always(403, `{"error":{"type":"security_exception","reason":"unauthorized"}}`)},
			"http://es/jaeger-span-1/_pit: Elasticsearch answers 403: security_exception: unauthorized; " +
				"the user or API key needs the privilege read for jaeger-span-*", 0, 0,
		},
		"OpenSearch": {
			elasticAnswers{"_pit": always(405, `{"error":"Incorrect HTTP method for uri [/x/_pit]","status":405}`)},
			"http://es/jaeger-span-1/_pit: the server answers 405: Method Not Allowed: " +
				`{"error":"Incorrect HTTP method for uri [/x/_pit]","status":405}; ` +
				"gaptrace needs Elasticsearch 7.12 or later; it does not read OpenSearch", 0, 0,
		},
		"a login page": {
			elasticAnswers{"_field_caps": always(200, "<html>")},
			"http://es/jaeger-span-*/_field_caps: the answer is a web page; perhaps a login page; check the URL", 0, 0,
		},
		"another server": {
			elasticAnswers{"_field_caps": always(200, "ok")},
			"http://es/jaeger-span-*/_field_caps: not an answer of Elasticsearch: invalid character 'o' looking for " +
				"beginning of value; check the URL", 0, 0,
		},
		"a large page": {
			elasticAnswers{"_search": always(200, `{"hits":`+strings.Repeat(" ", 5000)+"{}}")},
			"http://es/_search: the input exceeds the limit of 4096 bytes; raise --max-bytes", 0, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // whose clock makes waits short
				e, err := ParseElasticsearch("http://es")
				if err != nil {
					t.Fatal(err)
				}
				asked := map[string]int{}
				e.Index, e.Timeout, e.HTTP = "jaeger-span-*", time.Minute, &http.Client{Transport: counted{test.answers, asked}}
				retries := 0
				progress := read.WithProgress(func(p read.Progress) {
					if p.Retry != nil {
						retries++
					}
				})
				n, err := readSlice(t.Context(), e, read.WithMaxBytes(4096), progress)
				if (err == nil) != (test.want == "") || err != nil && err.Error() != test.want || n != test.spans ||
					retries != test.retries {
					t.Errorf("%v, want %s\n%d spans, %d retries", err, test.want, n, retries)
				}
				if asked["_search"] > 0 && asked["DELETE"] != 1 {
					t.Errorf("the point in time is closed %d times", asked["DELETE"])
				}
			})
		})
	}
}

func (c counted) answer(req *http.Request) (int, string, error) {
	res, err := c.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(res.Body)
	return res.StatusCode, string(body), err
}

// A connection that breaks in an answer is used no more, and the page is read again.
func TestElasticsearchBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, err := ParseElasticsearch("http://es")
		if err != nil {
			t.Fatal(err)
		}
		broken := &breaking{counted{nil, map[string]int{}}, 0}
		e.Index, e.HTTP = "jaeger-span-*", &http.Client{Transport: broken}
		if n, err := readSlice(t.Context(), e); n != 1 || err != nil || broken.left != -3 {
			t.Errorf("%d spans, %v; %d", n, err, broken.left)
		}
	})
}

// breaking breaks off the first three searches.
type breaking struct {
	counted
	left int
}

func (b *breaking) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := b.counted.RoundTrip(req)
	if err == nil && strings.HasSuffix(req.URL.Path, "/_search") && b.left > -3 {
		b.left--
		res.Body = io.NopCloser(io.MultiReader(io.LimitReader(res.Body, 600), failing{}))
	}
	return res, err
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset by peer") }

// A server that repeats a page, or knows no sort values, is not asked for ever.
func TestElasticsearchRepeatsAPage(t *testing.T) {
	unsorted := `{"_source":{"traceID":"a1","spanID":"1","startTime":1000,"duration":50}}`
	for _, hit := range []string{storedSpan, unsorted} {
		e, err := ParseElasticsearch("http://es")
		if err != nil {
			t.Fatal(err)
		}
		page := `{"hits":{"hits":[` + strings.Repeat(hit+",", pageSpans-1) + hit + `]}}`
		asked := map[string]int{}
		e.Index = "jaeger-span-*"
		e.HTTP = &http.Client{Transport: counted{elasticAnswers{"_search": func(_ *http.Request, n int) (int, string, error) {
			if n > 5 {
				return 400, "", nil
			}
			return 200, page, nil
		}}, asked}}
		_, err = readSlice(t.Context(), e)
		want := "http://es/_search: not an answer of Elasticsearch: a page ends where the one before does; check the URL"
		if err == nil || err.Error() != want || asked["DELETE"] != 1 {
			t.Errorf("got %v, closed %d times", err, asked["DELETE"])
		}
	}
}

func TestElasticsearchWithTheLargestLimit(t *testing.T) {
	e, err := ParseElasticsearch("http://es")
	if err != nil {
		t.Fatal(err)
	}
	e.Index, e.HTTP = "jaeger-span-*", &http.Client{Transport: counted{nil, map[string]int{}}}
	if n, err := readSlice(t.Context(), e, read.WithMaxBytes(math.MaxInt64)); n != 1 || err != nil {
		t.Errorf("%d spans, %v", n, err)
	}
}

func TestElasticsearchStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e, err := ParseElasticsearch("http://es")
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]int{}
	e.Index = "jaeger-span-*"
	e.HTTP = &http.Client{Transport: counted{elasticAnswers{"_search": func(*http.Request, int) (int, string, error) {
		cancel()
		return 503, "", nil
	}}, asked}}
	if _, err := readSlice(ctx, e); !errors.Is(err, context.Canceled) || asked["DELETE"] != 1 {
		t.Errorf("%v, closed %d times", err, asked["DELETE"])
	}
}

func TestParseElasticsearch(t *testing.T) {
	for text, want := range map[string]string{
		"https://es:9200/prefix":       "https://es:9200/prefix",
		"http://ada:pw@es":             "http://es",
		"es:9200":                      "want the URL of Elasticsearch, such as https://host:9200",
		"http://es/?q=1":               "want the URL of Elasticsearch, such as https://host:9200",
		"http://ada:p@w@es":            errAmbiguousPassword.Error(),
		"http://ada:p/w@es":            errAmbiguousPassword.Error(),
		"http://ada:s3cret%zz@es:9200": errAmbiguousPassword.Error(),
	} {
		e, err := ParseElasticsearch(text)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = e.URL.String()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	for _, name := range []string{"", "_all", "a/b", "../_security", "a?b", "a b", "%2f", ".hidden"} {
		if CheckIndex(name) == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	for _, name := range []string{"jaeger-span-*", "jaeger-span-*,-jaeger-span-2026-11-01", "west:jaeger-span-read"} {
		if err := CheckIndex(name); err != nil {
			t.Error(name, err)
		}
	}
}
