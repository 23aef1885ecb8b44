package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/input"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/httpget"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// maxBytes bounds an answer after decompression, as in package jaegerjson.
const maxBytes = 1 << 30

// caller sends requests to one server.
type caller struct {
	base *url.URL
	user *url.Userinfo
	http *http.Client
}

// request is the path below the base, and the parameters, of a request.
type request struct {
	path   []string
	values url.Values
}

func (c *caller) request(r request) *httpget.Request {
	u := c.base.JoinPath(r.path...)
	u.RawQuery = r.values.Encode()
	return &httpget.Request{
		HTTP: c.http, URL: u, User: c.user, Accept: "application/json",
		Describe: func(e *httpget.StatusError) error { return e },
	}
}

// spans sends the requests, one after the other, and yields the spans of their answers. It
// continues after an answer with status 404. Any other error of a server ends it.
func (c *caller) spans(ctx context.Context, requests []request, opts []read.Option) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		config := read.NewConfig(opts, maxBytes)
		var sum, last read.Progress // of the answers before the current one, and with it
		report := func(p read.Progress) {
			if last = sum; p.Retry == nil {
				last.Bytes, last.Traces, last.Spans = sum.Bytes+p.Bytes, sum.Traces+p.Traces, sum.Spans+p.Spans
			}
			if config.Progress != nil {
				config.Progress(read.Progress{Bytes: last.Bytes, Traces: last.Traces, Spans: last.Spans, Retry: p.Retry})
			}
		}
		opts = append(opts[:len(opts):len(opts)], read.WithProgress(report), read.WithMaxBytes(config.MaxBytes))
		for _, r := range requests {
			req := c.request(r)
			req.OnRetry = func(err error) { report(read.Progress{Retry: err}) }
			res, err := req.Do(ctx)
			if err != nil {
				if !yield(nil, hint(err)) || status(err) != http.StatusNotFound {
					return
				}
				continue
			}
			goOn := true
			for spans, err := range input.Read(res.Body, append(opts, read.WithName(req.Name()))...) {
				if isEmpty(err) {
					continue
				}
				if goOn = yield(spans, err); !goOn {
					break
				}
			}
			if res.Body.Close(); !goOn || ctx.Err() != nil {
				return
			}
			sum = last
		}
	}
}

// isEmpty reports whether an answer has no bytes. Jaeger's API v3 answers so if it finds nothing.
func isEmpty(err error) bool {
	e, ok := errors.AsType[*input.Unknown](err)
	return ok && e.Found == input.Empty
}

// json decodes an answer of at most 16 MiB.
func (c *caller) json(ctx context.Context, r request, into any) error {
	req := c.request(r)
	res, err := req.Do(ctx)
	if err != nil {
		return hint(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, 16<<20)).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", req.Name(), err)
	}
	return nil
}

// status returns the status that an error is about, or 0.
func status(err error) int {
	if e, ok := errors.AsType[*httpget.StatusError](err); ok {
		return e.Code
	}
	if e, ok := errors.AsType[*jaegerjson.QueryError](err); ok {
		return e.Code
	}
	return 0
}

// hint adds to an error of a server what the user can do.
func hint(err error) error {
	switch code := status(err); {
	case err == nil:
		return nil
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return fmt.Errorf("%w; send credentials with --header 'Authorization: …', or in http://user:password@host", err)
	case errors.Is(err, httpget.ErrWebPage) && !strings.Contains(err.Error(), "; "):
		return fmt.Errorf("%w, perhaps a login page; check the URL and its base path", err)
	}
	return err
}

// hinted adds hints to the errors of a reader.
func hinted(spans iter.Seq2[[]gap.Span, error]) iter.Seq2[[]gap.Span, error] {
	return func(yield func([]gap.Span, error) bool) {
		for batch, err := range spans {
			if !yield(batch, hint(err)) {
				return
			}
		}
	}
}

// period returns the time that a query is about. The default is the last two days, as in Jaeger.
func period(q Query) (start, end time.Time) {
	if start, end = q.Start, q.End; end.IsZero() {
		end = time.Now()
	}
	if start.IsZero() {
		lookback := q.Lookback
		if lookback == 0 {
			lookback = 48 * time.Hour
		}
		start = end.Add(-lookback)
	}
	return start, end
}

// shown returns a server's text so that it can be printed in a message.
func shown(text string) string { return printable.Text(text, 200) }
