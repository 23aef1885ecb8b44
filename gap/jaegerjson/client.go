package jaegerjson

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/httpget"
)

// defaultMaxBytes bounds an answer after decompression. It is enough for about two and a half
// million spans.
const defaultMaxBytes = 1 << 30

// Client reads traces from a Jaeger query service. It is safe for concurrent use.
//
// A request that gets no answer, or status 429, 500 or above, is retried at most three times: after
// 250 ms, 500 ms and 1 s, or after Retry-After if that is longer. It is not retried if Retry-After
// is more than 30 s, if the server's certificate is invalid, or after too many redirects. The
// function of [read.WithProgress] sees each retry. An answer that breaks off is not retried, since
// some of its traces have been yielded. The end of the context stops requests, waits and reading.
// An answer may have at most 1 GiB after decompression, unless [read.WithMaxBytes] sets another
// bound.
type Client struct {
	// URL is the URL of Jaeger's UI, with its base path: http://localhost:16686 or
	// https://example.com/jaeger. A user and password in it are sent as basic authentication, and
	// no error repeats them.
	URL string

	// HTTP sends the requests; nil means http.DefaultClient.
	HTTP *http.Client

	// Raw turns off Jaeger's correction of clocks in Traces. It has no effect on Find, whose traces
	// Jaeger always corrects. Jaeger says in a span's Warnings that it has moved the span.
	Raw bool
}

// Find yields the traces that q asks for, as [Read] does, while they arrive. Each iteration over
// the result sends a new request.
func (c *Client) Find(ctx context.Context, q Query, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		values, err := q.values()
		if err != nil {
			yield(nil, err)
			return
		}
		c.traces(ctx, values, read.NewConfig(opts, defaultMaxBytes), yield, "api", "traces")
	}
}

// Traces yields the traces with these ids, as [Read] does. It requests one after the other. If
// Jaeger reports an error for one, such as 404, Traces yields a [*QueryError] and goes on with the
// next. Any other error ends it.
func (c *Client) Traces(ctx context.Context, ids []gap.TraceID, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		config := read.NewConfig(opts, defaultMaxBytes)
		values := url.Values{}
		if c.Raw {
			values.Set("raw", "true")
		}
		var sum, last read.Progress // over all ids
		if report := config.Progress; report != nil {
			config.Progress = func(p read.Progress) {
				if last = p; p.Retry != nil {
					last = read.Progress{}
				}
				report(read.Progress{
					Bytes: sum.Bytes + p.Bytes, Traces: sum.Traces + p.Traces, Spans: sum.Spans + p.Spans, Retry: p.Retry,
				})
			}
		}
		for _, id := range ids {
			goOn := true
			c.traces(ctx, values, config, func(spans []gap.Span, err error) bool {
				e, fromJaeger := errors.AsType[*QueryError](err)
				if fromJaeger && e.TraceID == (gap.TraceID{}) {
					e.TraceID = id
				}
				goOn = yield(spans, err) && (err == nil || fromJaeger)
				return goOn
			}, "api", "traces", id.String())
			if !goOn {
				return
			}
			sum.Bytes, sum.Traces, sum.Spans = sum.Bytes+last.Bytes, sum.Traces+last.Traces, sum.Spans+last.Spans
			last = read.Progress{}
		}
	}
}

// Services returns the names of the services that Jaeger knows, sorted.
func (c *Client) Services(ctx context.Context) ([]string, error) {
	res, name, err := c.get(ctx, url.Values{}, nil, "api", "services")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct{ Data []string }
	if err := json.NewDecoder(io.LimitReader(res.Body, 16<<20)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	slices.Sort(answer.Data)
	return answer.Data, nil
}

// traces requests path and yields the traces of the answer.
func (c *Client) traces(
	ctx context.Context, values url.Values, config *read.Config, yield func([]gap.Span, error) bool, path ...string,
) {
	res, name, err := c.get(ctx, values, config.Progress, path...)
	if err != nil {
		yield(nil, err)
		return
	}
	defer res.Body.Close()
	answer := *config
	answer.Name = cmp.Or(answer.Name, name)
	readTraces(res.Body, &answer, yield)
}

// base returns the parsed URL without its userinfo.
func (c *Client) base() (*url.URL, *url.Userinfo, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil && strings.Contains(c.URL, "@"):
		return nil, nil, errors.New("jaegerjson: invalid URL of a query service; " +
			"want http://user:password@host, with %XX for special characters") // err would quote the password
	case err != nil:
		return nil, nil, fmt.Errorf("jaegerjson: invalid URL of a query service: %w", err)
	}
	user := u.User
	u.User = nil
	if strings.Contains(u.String(), "@") { // a part of a password may be anywhere in it
		return nil, nil, errors.New("jaegerjson: invalid URL of a query service: misplaced @; " +
			"want http://user:password@host, with %2F %3F %23 for / ? # in a password, and %40 for @ in a path")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, nil, fmt.Errorf("jaegerjson: invalid URL %q of a query service; want one such as "+
			"http://localhost:16686 or https://example.com/jaeger", u.Scheme+"://"+u.Host+u.Path)
	}
	return u, user, nil
}

// get returns an answer of status 200 that is not a web page, and the name of its input for errors.
// It retries.
func (c *Client) get(
	ctx context.Context, values url.Values, progress func(read.Progress), path ...string,
) (*http.Response, string, error) {
	u, user, err := c.base()
	if err != nil {
		return nil, "", err
	}
	u = u.JoinPath(path...)
	u.RawQuery = values.Encode()
	r := httpget.Request{HTTP: c.HTTP, URL: u, User: user, Accept: "application/json", Describe: queryError}
	if progress != nil {
		r.OnRetry = func(err error) { progress(read.Progress{Retry: err}) }
	}
	res, err := r.Do(ctx)
	if errors.Is(err, httpget.ErrWebPage) {
		err = fmt.Errorf("%w%s", err, isThisJaeger)
	}
	return res, r.Name(), err
}

const isThisJaeger = "; is this the URL of a query service, with its base path?"

// queryError returns the error for an answer whose status is not 200.
func queryError(e *httpget.StatusError) error {
	var answer struct {
		Errors []struct{ Msg string }
	}
	if json.Unmarshal(e.Text, &answer) == nil && len(answer.Errors) > 0 {
		return &QueryError{Code: e.Code, Message: answer.Errors[0].Msg}
	}
	message := e.Message()
	if e.Code < 500 && e.Code != http.StatusUnauthorized && e.Code != http.StatusForbidden &&
		e.Code != http.StatusTooManyRequests {
		message += isThisJaeger
	}
	return &QueryError{Code: e.Code, Message: message}
}
