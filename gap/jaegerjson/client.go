package jaegerjson

import (
	"bufio"
	"bytes"
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
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// defaultMaxBytes bounds an answer, decompressed: about two and a half million spans.
const defaultMaxBytes = 1 << 30

// Client asks a Jaeger query service. It may be used by several goroutines.
//
// A request that fails before there is an answer, or is answered by 429 or a status of 500 and above, is made again, at most
// three times, after a quarter of a second, a half and a whole one, or as long as Retry-After says up to half a
// minute; the function given to [WithProgress] is told. An answer that breaks off is not asked for
// again: some of its traces have been yielded by then. The context bounds it all. An answer may have a GiB, decompressed, unless
// [WithMaxBytes] says otherwise.
type Client struct {
	// URL is where Jaeger's UI is, without the page: http://localhost:16686, or with the base path of a Jaeger behind a prefix.
	// A user and password in it are sent as basic authentication and are in no error.
	URL string

	// HTTP sends the requests. nil means http.DefaultClient.
	HTTP *http.Client

	// Raw asks for traces as they were reported: Jaeger then does not adjust them for clock skew. Only traces by id can be
	// had raw; those found by a Query are adjusted, and their spans say so in Warnings.
	Raw bool
}

// Query says which traces to find. Only Service is needed.
type Query struct {
	Service   string
	Operation string
	Tags      map[string]string // a trace needs a span that has them all

	// Start and End bound when a trace's spans start. A zero End means now. A zero Start means Lookback before End, and if
	// that is zero, too, Jaeger chooses: two days before now.
	Start, End time.Time
	Lookback   time.Duration

	MinDuration, MaxDuration time.Duration // of a span; zero means any
	Limit                    int           // zero means Jaeger's own, which is 100
}

func (q Query) values() (url.Values, error) {
	if q.Service == "" {
		return nil, errors.New("jaegerjson: a Query without a Service, which Jaeger does not answer")
	}
	v := url.Values{"service": {q.Service}}
	set := func(key, value string, needed bool) {
		if needed {
			v.Set(key, value)
		}
	}
	set("operation", q.Operation, q.Operation != "")
	if len(q.Tags) > 0 {
		tags, err := json.Marshal(q.Tags)
		if err != nil {
			return nil, err
		}
		v.Set("tags", string(tags))
	}
	start, end := q.Start, q.End
	if start.IsZero() && q.Lookback > 0 {
		if end.IsZero() {
			end = time.Now()
		}
		start = end.Add(-q.Lookback)
	}
	set("start", strconv.FormatInt(start.UnixMicro(), 10), !start.IsZero())
	set("end", strconv.FormatInt(end.UnixMicro(), 10), !end.IsZero())
	set("minDuration", q.MinDuration.String(), q.MinDuration > 0)
	set("maxDuration", q.MaxDuration.String(), q.MaxDuration > 0)
	set("limit", strconv.Itoa(q.Limit), q.Limit > 0)
	return v, nil
}

// Find asks for the traces that q tells, and yields them as [Read] does, while they come. It yields nothing if there are none.
// What Find returns asks anew each time it is ranged over.
func (c *Client) Find(ctx context.Context, q Query, opts ...Option) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		values, err := q.values()
		if err != nil {
			yield(nil, err)
			return
		}
		c.traces(ctx, values, newConfig(opts), yield, "api", "traces")
	}
}

// Traces asks for the traces that have these ids, one after the other, and yields them as [Read] does. For one that Jaeger does not have it
// yields a [*QueryError] of code 404 and goes on.
func (c *Client) Traces(ctx context.Context, ids []gap.TraceID, opts ...Option) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		config := newConfig(opts)
		values := url.Values{}
		if c.Raw {
			values.Set("raw", "true")
		}
		var sum, last Progress // over all ids
		if tell := config.progress; tell != nil {
			config.progress = func(p Progress) {
				if last = p; p.Retry != nil {
					last = Progress{}
				}
				tell(Progress{sum.Bytes + p.Bytes, sum.Traces + p.Traces, sum.Spans + p.Spans, p.Retry})
			}
		}
		for _, id := range ids {
			on := true
			c.traces(ctx, values, config, func(spans []gap.Span, err error) bool {
				e, told := errors.AsType[*QueryError](err)
				if told && e.TraceID == (gap.TraceID{}) {
					e.TraceID = id
				}
				on = yield(spans, err) && (err == nil || told)
				return on
			}, "api", "traces", id.String())
			if !on {
				return
			}
			sum = Progress{Bytes: sum.Bytes + last.Bytes, Traces: sum.Traces + last.Traces, Spans: sum.Spans + last.Spans}
			last = Progress{}
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

func (c *Client) traces(ctx context.Context, values url.Values, config *config, yield func([]gap.Span, error) bool, path ...string) {
	res, name, err := c.get(ctx, values, config.progress, path...)
	if err != nil {
		yield(nil, err)
		return
	}
	defer res.Body.Close()
	own := *config
	own.name = cmp.Or(own.name, name)
	if own.maxBytes < 0 {
		own.maxBytes = defaultMaxBytes
	}
	own.read(res.Body, yield)
}

// base returns the parsed URL without its userinfo.
func (c *Client) base() (*url.URL, *url.Userinfo, error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil && strings.Contains(c.URL, "@"):
		return nil, nil, errors.New("jaegerjson: the URL of the query service cannot be parsed") // err quotes it, and a password with it
	case err != nil:
		return nil, nil, fmt.Errorf("jaegerjson: the URL of the query service: %w", err)
	}
	user := u.User
	u.User = nil
	if strings.Contains(u.String(), "@") { // part of a password may be anywhere in it
		return nil, nil, errors.New("jaegerjson: the URL of the query service has an @ that ends no user and password: " +
			"want http://user:password@host, with %2F %3F %23 for / ? # in a password, and %40 for @ in a path")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, nil, fmt.Errorf("jaegerjson: %q: want the URL of a query service, such as http://localhost:16686 or https://example.com/jaeger",
			u.Scheme+"://"+u.Host+u.Path)
	}
	return u, user, nil
}

// get returns an answer of status 200 that is no page, and what to call it.
func (c *Client) get(ctx context.Context, values url.Values, progress func(Progress), path ...string) (*http.Response, string, error) {
	u, user, err := c.base()
	if err != nil {
		return nil, "", err
	}
	u = u.JoinPath(path...)
	name := u.String()
	u.RawQuery = values.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "application/json")
	if user != nil {
		password, _ := user.Password()
		req.SetBasicAuth(user.Username(), password)
	}
	for failures := 0; ; failures++ {
		res, after, err := c.try(req)
		if err == nil {
			return res, name, nil
		}
		err = fmt.Errorf("%s: %w", name, err)
		if after == never || failures == len(pauses) {
			return nil, "", err
		}
		if progress != nil {
			progress(Progress{Retry: err})
		}
		if !sleep(ctx, max(after, pauses[failures])) {
			return nil, "", fmt.Errorf("%w, after %w", context.Cause(ctx), err)
		}
	}
}

// try makes a request once. After an error it returns how long to wait at least, or never, if there is no use in trying again.
func (c *Client) try(req *http.Request) (*http.Response, time.Duration, error) {
	res, err := cmp.Or(c.HTTP, http.DefaultClient).Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the URL: a redirect's may have a password
		}
		if req.Context().Err() != nil || hopeless(err) {
			return nil, never, err
		}
		return nil, 0, err
	}
	body := bufio.NewReader(res.Body)
	beginning, _ := body.Peek(512)
	page := strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") || bytes.HasPrefix(bytes.TrimSpace(beginning), []byte("<"))
	if res.StatusCode == http.StatusOK && !page {
		res.Body = struct {
			io.Reader
			io.Closer
		}{body, res.Body}
		return res, 0, nil
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		return nil, never, errors.New("a web page, no traces: is this Jaeger's query service, with its base path?")
	}
	after := never
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500 {
		after = retryAfter(res.Header)
	}
	return nil, after, complaint(res.StatusCode, page, body)
}

// complaint makes an error of an answer that is none of status 200.
func complaint(status int, page bool, body io.Reader) error {
	text, _ := io.ReadAll(io.LimitReader(body, 64<<10))
	var answer struct {
		Errors []struct{ Msg string }
	}
	if json.Unmarshal(text, &answer) == nil && len(answer.Errors) > 0 {
		return &QueryError{Code: status, Message: answer.Errors[0].Msg}
	}
	message := http.StatusText(status)
	if line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n"); !page && line != "" {
		message += ": " + printable.Text(line, 200)
	}
	if status < 500 && status != http.StatusUnauthorized && status != http.StatusForbidden && status != http.StatusTooManyRequests {
		message += "; is this Jaeger's query service, with its base path?"
	}
	return &QueryError{Code: status, Message: message}
}
