package jaegerjson_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// reply answers a request, or fails.
type reply func(*http.Request) (*http.Response, error)

// service answers requests in turn, and repeats the last answer.
type service struct {
	answers []reply
	asked   []*http.Request
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, req)
	return s.answers[min(len(s.asked), len(s.answers))-1](req)
}

func answers(status int, body string, headers ...string) reply {
	return func(req *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		content := io.NopCloser(strings.NewReader(body))
		return &http.Response{StatusCode: status, Header: h, Body: content, Request: req}, nil
	}
}

func fails(err error) reply {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func (s *service) client(url string) *jaegerjson.Client {
	return &jaegerjson.Client{URL: url, HTTP: &http.Client{Transport: s}}
}

// all iterates over all traces.
func all(found iter.Seq2[[]gap.Span, error]) (traces int, errs []error) {
	for spans, err := range found {
		if err != nil {
			errs = append(errs, err)
		} else if len(spans) > 0 {
			traces++
		}
	}
	return traces, errs
}

func TestFindSendsTheQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // whose clock starts at midnight, 2000-01-01
		s := &service{answers: []reply{answers(200, answer)}}
		traces, errs := all(s.client("http://jaeger:16686/prefix").Find(t.Context(), jaegerjson.Query{
			Service: "a shop", Operation: "GET /", Tags: map[string]string{"error": "true"}, Lookback: time.Hour,
			Limit: 7, MinDuration: 5 * time.Millisecond,
		}))
		const want = "http://jaeger:16686/prefix/api/traces?end=946684800000000&limit=7&minDuration=5ms" +
			"&operation=GET+%2F&service=a+shop&start=946681200000000&tags=%7B%22error%22%3A%22true%22%7D"
		if got := s.asked[0].URL.String(); got != want || traces != 1 || errs != nil {
			t.Errorf("asked %s, want %s; %d traces, %v", got, want, traces, errs)
		}
	})
}

func TestRetries(t *testing.T) {
	refused := errors.New("connection refused")
	for name, tt := range map[string]struct {
		answers []reply
		asked   int
		took    time.Duration
		err     string
	}{
		"no retry of a success": {
			[]reply{answers(200, answer)}, 1, 0, "",
		},
		"success after two failures": {
			[]reply{fails(refused), answers(503, "busy"), answers(200, answer)},
			3, 750 * time.Millisecond, "",
		},
		"an error after three retries": {
			[]reply{fails(refused)},
			4, 1750 * time.Millisecond,
			"http://jaeger/api/traces: connection refused",
		},
		"a wait as long as Retry-After": {
			[]reply{answers(429, "", "Retry-After", "7"), answers(200, answer)},
			2, 7 * time.Second, "",
		},
		"no retry if Retry-After is too long": {
			[]reply{answers(429, "later", "Retry-After", "3600")},
			1, 0,
			"http://jaeger/api/traces: the query service answers 429: Too Many Requests: later; " +
				"the server asks to wait 1h0m0s",
		},
		"no retry of a bad request": {
			[]reply{answers(400, `{"errors":[{"code":400,"msg":"no service"}]}`)},
			1, 0, "http://jaeger/api/traces: the query service answers 400: no service",
		},
		"no retry of a web page": {
			[]reply{answers(200, "<html>", "Content-Type", "text/html")},
			1, 0,
			"http://jaeger/api/traces: the answer is a web page; " +
				"is this the URL of a query service, with its base path?",
		},
		"no retry of a 404": {
			[]reply{answers(404, "404 page not found")},
			1, 0,
			"http://jaeger/api/traces: the query service answers 404: Not Found: 404 page not found; " +
				"is this the URL of a query service, with its base path?",
		},
		"no retry of an answer that breaks off": {
			[]reply{answers(200, answer[:len(answer)-30])},
			1, 0,
			"http://jaeger/api/traces: byte 793: expected the end of a string, found the end of the input",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, begun, retries := &service{answers: tt.answers}, time.Now(), 0
				countRetries := read.WithProgress(func(p read.Progress) {
					if p.Retry != nil {
						retries++
					}
				})
				shop := jaegerjson.Query{Service: "shop"}
				_, errs := all(s.client("http://jaeger").Find(t.Context(), shop, countRetries))
				if len(s.asked) != tt.asked || time.Since(begun) != tt.took || retries != tt.asked-1 {
					t.Errorf("asked %d times in %v, %d retries reported", len(s.asked), time.Since(begun), retries)
				}
				if got := errors.Join(errs...); (got == nil) != (tt.err == "") || got != nil && got.Error() != tt.err {
					t.Errorf("got %v, want %s", got, tt.err)
				}
			})
		})
	}
}

func TestContextEndsTheWaitBeforeARetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answers: []reply{answers(503, "")}}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, errs := all(s.client("http://jaeger").Find(ctx, jaegerjson.Query{Service: "shop"}))
		if len(errs) != 1 || !errors.Is(errs[0], context.DeadlineExceeded) ||
			time.Since(begun) != 300*time.Millisecond {
			t.Errorf("%v after %v", errs, time.Since(begun))
		}
	})
}

func TestPasswordIsInNoError(t *testing.T) {
	s := &service{answers: []reply{answers(401, "who?")}}
	_, errs := all(s.client("http://ada:hunter2@jaeger").Find(t.Context(), jaegerjson.Query{Service: "shop"}))
	if user, password, _ := s.asked[0].BasicAuth(); user != "ada" || password != "hunter2" {
		t.Errorf("sent %s, %s", user, password)
	}
	for _, url := range []string{
		"http://ada:hunter2@jaeger\x7f", "ftp://ada:hunter2@jaeger", "http://ada:hunter2@jaeger?x",
		"//ada:hunter2@jaeger",
	} {
		_, more := all(s.client(url).Find(t.Context(), jaegerjson.Query{Service: "shop"}))
		errs = append(errs, more...)
	}
	if got := fmt.Sprint(errs); len(errs) != 5 || strings.Contains(got, "hunter2") {
		t.Error(got)
	}
}

// With a slash too many or too few, or without escapes, a password parses as a host or a path.
func TestPasswordIsInNoErrorOfAMistypedURL(t *testing.T) {
	for _, url := range []string{
		"http:/ada:hunter2@jaeger:16686", "http:///ada:hunter2@jaeger", "http//ada:hunter2@jaeger",
		"/ada:hunter2@jaeger", "jaeger/ada:hunter2@", "ada:hunter2@jaeger:16686",
		"http:ada:hunter2@jaeger", "http://ada:1/hunter2@jaeger", "http://hunter2/ada@jaeger",
		"http://hunter2?ada@jaeger", "http://hunter2#ada@jaeger", "http://ada:hunter2/@jaeger",
	} {
		s := &service{answers: []reply{answers(401, "who?")}}
		_, errs := all(s.client(url).Find(t.Context(), jaegerjson.Query{Service: "shop"}))
		_, err := s.client(url).Services(t.Context())
		if got := fmt.Sprint(errs, err); len(errs) != 1 || err == nil || strings.Contains(got, "hunter2") ||
			len(s.asked) != 0 {
			t.Errorf("%s: asked %d times, %s", url, len(s.asked), got)
		}
	}
	s := &service{answers: []reply{answers(200, answer)}}
	c := s.client("http://ada:a%2Fb%40c@jaeger/a%40b")
	if traces, errs := all(c.Find(t.Context(), jaegerjson.Query{Service: "shop"})); traces != 1 || errs != nil {
		t.Errorf("%d traces, %v", traces, errs)
	} else if _, password, _ := s.asked[0].BasicAuth(); password != "a/b@c" ||
		s.asked[0].URL.EscapedPath() != "/a%40b/api/traces" && s.asked[0].URL.Path != "/a@b/api/traces" {
		t.Errorf("password %s, path %s", password, s.asked[0].URL)
	}
}

func TestQueryWithoutServiceIsNotSent(t *testing.T) {
	s := &service{}
	if _, errs := all(s.client("http://jaeger").Find(t.Context(), jaegerjson.Query{})); len(errs) != 1 ||
		len(s.asked) != 0 {
		t.Errorf("%v, asked %d times", errs, len(s.asked))
	}
}

func TestAnswerIsBounded(t *testing.T) {
	for n, want := range map[int64]error{100: read.TooLargeError(100), 0: nil, -1: nil} {
		s := &service{answers: []reply{answers(200, answer)}}
		c := s.client("http://jaeger")
		_, errs := all(c.Find(t.Context(), jaegerjson.Query{Service: "shop"},
			read.WithMaxBytes(1), read.WithMaxBytes(n)))
		if err := errors.Join(errs...); !errors.Is(err, want) {
			t.Errorf("at most %d: %v", n, err)
		}
	}
}

func TestTracesSkipsMissingOnes(t *testing.T) {
	s := &service{answers: []reply{
		answers(200, answer), answers(404, `{"errors":[{"code":404,"msg":"trace not found"}]}`), answers(200, answer),
	}}
	c := s.client("http://jaeger")
	c.Raw = true
	traces, errs := all(c.Traces(t.Context(), []gap.TraceID{{Low: 0xa1}, {Low: 2}, {High: 1, Low: 3}}))
	var paths []string
	for _, req := range s.asked {
		paths = append(paths, req.URL.RequestURI())
	}
	want := []string{
		"/api/traces/00000000000000a1?raw=true",
		"/api/traces/0000000000000002?raw=true",
		"/api/traces/00000000000000010000000000000003?raw=true",
	}
	if traces != 2 || len(errs) != 1 || !slices.Equal(paths, want) {
		t.Errorf("%d traces, %v, asked %q", traces, errs, paths)
	}
	if e, ok := errors.AsType[*jaegerjson.QueryError](errs[0]); !ok || e.Code != 404 || e.TraceID.Low != 2 {
		t.Errorf("%#v", errs[0])
	}
}
