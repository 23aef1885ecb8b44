package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// querySource returns the source for a URL of a query service.
func (o *options) querySource(ctx context.Context, arg string) (source, error) {
	u, err := parseJaegerURL(arg)
	if err != nil {
		return source{}, usageError{err}
	}
	client := &jaegerjson.Client{URL: u.base, Raw: o.raw}
	q, ids, err := o.query(u)
	if errors.Is(err, errNoService) {
		names, _ := services(ctx, client)
		return source{}, usagef("%s: %w%s", u.shown, err, servicesAre(names))
	}
	if err != nil {
		return source{}, err
	}
	s := source{name: u.shown, client: client, query: q}
	s.read = func(ctx context.Context, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
		return func(yield func([]gap.Span, error) bool) {
			if o.timeout > 0 {
				var cancel func()
				cause := fmt.Errorf("not finished within --timeout %v", o.timeout)
				ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, cause)
				defer cancel()
			}
			for spans, err := range o.ask(ctx, client, q, ids, opts) {
				if err != nil && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
					err = fmt.Errorf("%w: %w", err, context.Cause(ctx))
				}
				if !yield(spans, err) {
					return
				}
			}
		}
	}
	return s, nil
}

// ask asks for the traces with these ids, or if there are none, for those that the query finds. A
// query without a service is for the traces in the execution trace.
func (o *options) ask(
	ctx context.Context, client *jaegerjson.Client, q jaegerjson.Query, ids []gap.TraceID, opts []read.Option,
) iter.Seq2[[]gap.Span, error] {
	if len(ids) == 0 && q.Service == "" {
		ids = o.marked(cmp.Or(q.Limit, 100))
	}
	if len(ids) > 0 {
		return client.Traces(ctx, ids, opts...)
	}
	return client.Find(ctx, q, opts...)
}

// services returns the services that a query service knows. The answer only improves an error
// message, so it must come soon.
func services(ctx context.Context, c *jaegerjson.Client) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return c.Services(ctx)
}

// noTracesHint returns the end of an error message: what else to ask a query service for.
func (s source) noTracesHint(ctx context.Context) string {
	if s.client == nil || s.query.Service == "" {
		return ""
	}
	names, err := services(ctx, s.client)
	switch {
	case err != nil:
		return ""
	case !slices.Contains(names, s.query.Service):
		return fmt.Sprintf(": unknown service %q%s", s.query.Service, suggestService(s.query.Service, names))
	}
	return fmt.Sprintf(" of service %q; try another --operation or --tag, or a longer --lookback", s.query.Service)
}

// query returns the query and the trace IDs to ask for. Flags take precedence over the URL.
func (o *options) query(p jaegerURL) (jaegerjson.Query, []gap.TraceID, error) {
	q, ids := p.query, slices.Concat(p.ids, o.traces)
	if o.service != "" && o.service != q.Service {
		q.Service, q.Operation = o.service, ""
	}
	if o.operation != "" {
		q.Operation = o.operation
	}
	for _, tag := range o.tags {
		key, value, _ := strings.Cut(tag, "=")
		setTag(&q, key, value)
	}
	if o.lookback > 0 {
		q.Start, q.End, q.Lookback = time.Time{}, time.Time{}, time.Duration(o.lookback)
	}
	if o.limit > 0 {
		q.Limit = o.limit
	}
	switch {
	case len(ids) == 0 && q.Service == "" && o.explains && len(o.tags) == 0 && o.lookback == 0:
		return q, nil, nil
	case len(ids) == 0 && q.Service == "":
		return q, nil, errNoService
	case len(ids) == 0 && o.raw:
		return q, nil, usagef("--raw needs --trace: Jaeger's API has no such option for a search")
	}
	return q, ids, nil
}

var errNoService = errors.New("a query service needs --service or --trace")

func setTag(q *jaegerjson.Query, key, value string) {
	if q.Tags == nil {
		q.Tags = map[string]string{}
	}
	q.Tags[key] = value
}
