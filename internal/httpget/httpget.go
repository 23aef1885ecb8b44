// Package httpget requests answers from servers of traces. It retries, and its errors repeat no
// password.
package httpget

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// Request is a GET request, or another one that may be repeated.
//
// One that gets no answer, or status 429, 500 or above, is retried: after each of Pauses, or after
// Retry-After if that is longer. It is not retried if Retry-After is more than 30 s, if the
// server's certificate is invalid, or after too many redirects.
type Request struct {
	HTTP   *http.Client  // nil means http.DefaultClient
	URL    *url.URL      // without a user
	User   *url.Userinfo // sent as basic authentication; nil for none
	Accept string

	Method string // "" means GET
	JSON   []byte // the body; nil for none

	// Pauses are the least waits before retries. Nil means 250 ms, 500 ms and 1 s, since a person is
	// waiting.
	Pauses []time.Duration

	// OnRetry is called before each wait for a retry, with its reason, unless nil.
	OnRetry func(error)

	// Describe returns the error for a status that is not 200; nil means the StatusError itself.
	Describe func(*StatusError) error
}

// ErrWebPage is the error for an answer with status 200 that is a web page.
var ErrWebPage = errors.New("the answer is a web page")

// StatusError is an answer whose status is not 200.
type StatusError struct {
	Code int
	Page bool   // the answer is a web page
	Text []byte // the beginning of the answer
}

// Error returns the status, and the first line of an answer that is not a web page.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the server answers %d: %s", e.Code, e.Message())
}

// Message returns the name of the status, and the first line of an answer that is not a web page.
func (e *StatusError) Message() string {
	message := cmp.Or(http.StatusText(e.Code), "unknown status")
	if line, _, _ := strings.Cut(strings.TrimSpace(string(e.Text)), "\n"); !e.Page && line != "" {
		message += ": " + printable.Text(line, 200)
	}
	return message
}

// Name returns the URL as errors show it.
func (r *Request) Name() string {
	u := *r.URL
	u.RawQuery, u.Fragment = "", ""
	return u.String()
}

// Do returns an answer of status 200 that is not a web page.
func (r *Request) Do(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", r.Accept)
	if r.JSON != nil {
		req.Header.Set("Content-Type", "application/json")
		req.ContentLength = int64(len(r.JSON))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.JSON)), nil }
	}
	if r.User != nil {
		password, _ := r.User.Password()
		req.SetBasicAuth(r.User.Username(), password)
	}
	pauses := r.Pauses
	if pauses == nil {
		pauses = defaultPauses
	}
	for failures := 0; ; failures++ {
		if r.JSON != nil {
			req.Body, _ = req.GetBody()
		}
		res, after, err := r.try(req)
		if err == nil {
			return res, nil
		}
		err = fmt.Errorf("%s: %w", r.Name(), err)
		switch {
		case after > maxRetryAfter:
			return nil, fmt.Errorf("%w; the server asks to wait %v", err, after)
		case after == never || failures == len(pauses):
			return nil, err
		}
		if r.OnRetry != nil {
			r.OnRetry(err)
		}
		if !sleep(ctx, max(after, pauses[failures])) {
			return nil, fmt.Errorf("%w, after %w", context.Cause(ctx), err)
		}
	}
}

// try sends a request once. If that fails, it returns the least wait before a retry, or never.
func (r *Request) try(req *http.Request) (*http.Response, time.Duration, error) {
	res, err := cmp.Or(r.HTTP, http.DefaultClient).Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without its URL, since that of a redirect may have a password
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = context.DeadlineExceeded // net/http sometimes names Client.Timeout, which users do not know
		}
		redirected := res != nil // http.Client does so if it follows no further redirect
		if req.Context().Err() != nil || redirected || isPermanent(err) {
			return nil, never, err
		}
		return nil, 0, err
	}
	body := bufio.NewReader(res.Body)
	beginning, _ := body.Peek(512)
	page := strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") ||
		bytes.HasPrefix(bytes.TrimSpace(beginning), []byte("<"))
	if res.StatusCode == http.StatusOK && !page {
		res.Body = struct {
			io.Reader
			io.Closer
		}{body, res.Body}
		return res, 0, nil
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil, never, ErrWebPage
	}
	after := never
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500 {
		after = retryAfter(res.Header)
	}
	text, _ := io.ReadAll(io.LimitReader(body, 64<<10))
	status := &StatusError{res.StatusCode, page, text}
	if r.Describe != nil {
		return nil, after, r.Describe(status)
	}
	return nil, after, status
}
