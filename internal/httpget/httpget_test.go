package httpget

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answers sends every request to a function instead of a server.
type answers func(req *http.Request) (*http.Response, error)

func (f answers) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func respond(status int, body string, header http.Header) answers {
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req,
		}, nil
	}
}

func TestDo(t *testing.T) {
	refused := errors.New("connection refused")
	later := func(seconds string) http.Header { return http.Header{"Retry-After": {seconds}} }
	for name, test := range map[string]struct {
		answer  answers
		want    string // the error
		retries int
		took    time.Duration
	}{
		"an answer": {respond(200, "{}", nil), "", 0, 0},
		"refused": {
			func(*http.Request) (*http.Response, error) { return nil, refused },
			"http://h/x: connection refused", 3, 1750 * time.Millisecond,
		},
		"503":        {respond(503, "", nil), "http://h/x: the server answers 503: Service Unavailable", 3, 1750 * time.Millisecond},
		"429, later": {respond(429, "slow\ndown", later("2")), "http://h/x: the server answers 429: Too Many Requests: slow", 3, 6 * time.Second},
		"429, in days": {
			respond(429, "", later("99999")),
			"http://h/x: the server answers 429: Too Many Requests; the server asks to wait 27h46m39s", 0, 0,
		},
		"503, in ages": {
			respond(503, "", later("99999999999999999999")),
			"http://h/x: the server answers 503: Service Unavailable; the server asks to wait 2562047h47m16s", 0, 0,
		},
		"503, at a date": { // synctest's clock begins at midnight
			respond(503, "", later("Sat, 01 Jan 2000 00:00:05 GMT")),
			"http://h/x: the server answers 503: Service Unavailable", 3, 6500 * time.Millisecond,
		},
		"503, at a late date": {
			respond(503, "", later("Sat, 01 Jan 2000 00:02:00 GMT")),
			"http://h/x: the server answers 503: Service Unavailable; the server asks to wait 2m0s", 0, 0,
		},
		"503, at a past date": {
			respond(503, "", later("Fri, 31 Dec 1999 00:02:00 GMT")),
			"http://h/x: the server answers 503: Service Unavailable", 3, 1750 * time.Millisecond,
		},
		"a redirect to itself": {
			respond(302, "", http.Header{"Location": {"http://ada:s3cret@h/x"}}),
			"http://h/x: stopped after 10 redirects", 0, 0,
		},
		"404":        {respond(404, "<html>none", nil), "http://h/x: the server answers 404: Not Found", 0, 0},
		"an odd one": {respond(799, "\x1b[31m", nil), "http://h/x: the server answers 799: unknown status: �[31m", 3, 1750 * time.Millisecond},
		"a page":     {respond(200, " <html>", nil), "http://h/x: the answer is a web page", 0, 0},
		"a page, as its type says": {
			respond(200, "", http.Header{"Content-Type": {"text/html; charset=utf-8"}}),
			"http://h/x: the answer is a web page", 0, 0,
		},
	} {
		synctest.Test(t, func(t *testing.T) { // whose clock makes waits short
			retries, begun := 0, time.Now()
			r := Request{
				HTTP: &http.Client{Transport: test.answer},
				URL:  &url.URL{Scheme: "http", Host: "h", Path: "/x", RawQuery: "token=s3cret"},
				User: url.UserPassword("ada", "s3cret"), OnRetry: func(error) { retries++ },
			}
			res, err := r.Do(t.Context())
			if got := time.Since(begun); (err == nil) != (test.want == "") || err != nil && err.Error() != test.want ||
				retries != test.retries || got != test.took {
				t.Errorf("%s: %v, want %s; %d retries, %v", name, err, test.want, retries, got)
			}
			if err == nil {
				res.Body.Close()
			}
		})
	}
}
