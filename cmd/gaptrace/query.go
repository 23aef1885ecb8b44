package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/query"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
)

// remote is a server that is asked for traces.
type remote struct {
	address *query.Address
	options query.Options
	query   query.Query
	ids     []gap.TraceID // to ask for instead of the query, unless empty

	server query.Server // nil before open
	kind   query.Kind
	err    error // of open
}

// open finds out which kind of server it is. It does so once.
func (r *remote) open(ctx context.Context) error {
	if r.server == nil && r.err == nil {
		r.server, r.kind, r.err = query.Open(ctx, r.address, r.options)
	}
	return r.err
}

// querySource returns the source for a URL.
func (o *options) querySource(ctx context.Context, arg string) (source, error) {
	address, err := query.Parse(arg)
	if err != nil {
		return source{}, usageError{err}
	}
	r := &remote{
		address: address, options: query.Options{HTTP: query.WithHeaders(o.headers, address.Base), Raw: o.raw},
		query: o.query(address), ids: distinct(address.IDs, o.traces),
	}
	if len(r.ids) == 0 && o.raw {
		return source{}, usagef("--raw needs --trace: Jaeger's API has no such option for a search")
	}
	if err := o.checkService(ctx, r); err != nil {
		return source{}, err
	}
	s := source{name: address.String(), remote: r}
	s.read = func(ctx context.Context, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
		return func(yield func([]gap.Span, error) bool) {
			if o.timeout > 0 {
				var cancel func()
				cause := fmt.Errorf("not finished within --timeout %v", o.timeout)
				ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, cause)
				defer cancel()
			}
			for spans, err := range o.ask(ctx, r, opts) {
				if !yield(spans, redactHeaders(o.headers, withCause(ctx, err))) {
					return
				}
			}
		}
	}
	return s, nil
}

// distinct returns the ids in the order in which they come first.
func distinct(all ...[]gap.TraceID) (ids []gap.TraceID) {
	for _, id := range slices.Concat(all...) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// withCause adds to an error why ctx has ended, if the error is due to that. A deadline also closes
// the connection, and a read from it then fails with net.ErrClosed.
func withCause(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", err, context.Cause(ctx))
}

// redactedError is an error whose message repeats no value of a header.
type redactedError struct {
	error
	text string
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.error }

// redactHeaders redacts the values of headers in the message of err, which may repeat an answer.
func redactHeaders(headers []query.Header, err error) error {
	if err == nil {
		return nil
	}
	text := query.Redact(headers, err.Error())
	if text == err.Error() {
		return err
	}
	return &redactedError{err, text}
}

// query returns the query for the server. Flags take precedence over the URL.
func (o *options) query(a *query.Address) query.Query {
	q := a.Query
	if o.service != "" && o.service != q.Service {
		q.Service, q.Operation = o.service, ""
	}
	if o.operation != "" {
		q.Operation = o.operation
	}
	for _, tag := range o.tags {
		key, value, _ := strings.Cut(tag, "=")
		query.SetTag(&q, key, value)
	}
	if o.lookback > 0 {
		q.Start, q.End, q.Lookback = time.Time{}, time.Time{}, time.Duration(o.lookback)
	}
	if o.limit > 0 {
		q.Limit = o.limit
	}
	return q
}

// asksMarked reports whether a server is asked for the traces in the execution trace.
func (o *options) asksMarked(r *remote) bool {
	return o.explains && len(r.ids) == 0 && r.query.Service == "" && len(o.tags) == 0 && o.lookback == 0
}

// checkService refuses a query without a service, if the server needs one. Which kind of server it
// is has to be known for that; if it cannot be known, reading reports the error.
func (o *options) checkService(ctx context.Context, r *remote) error {
	if len(r.ids) > 0 || r.query.Service != "" || o.asksMarked(r) {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	if r.open(asking) != nil || !r.kind.NeedsService() {
		return nil
	}
	names, _ := services(ctx, r.server)
	return usagef("%s: %w%s", r.address, errNoService, servicesAre(names))
}

var errNoService = errors.New("a query service needs --service or --trace")

// ask asks for the traces with the ids, or if there are none, for those that the query finds.
func (o *options) ask(ctx context.Context, r *remote, opts []read.Option) iter.Seq2[[]gap.Span, error] {
	if err := r.open(ctx); err != nil {
		return func(yield func([]gap.Span, error) bool) { yield(nil, err) }
	}
	ids := r.ids
	if o.asksMarked(r) {
		ids = o.marked(cmp.Or(r.query.Limit, 100))
	}
	if len(ids) > 0 {
		return r.server.Traces(ctx, ids, opts...)
	}
	return r.server.Find(ctx, r.query, opts...)
}

// soon bounds requests that only improve an error.
const soon = 5 * time.Second

// services returns the services that a server knows.
func services(ctx context.Context, server query.Server) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	return server.Services(ctx)
}

// noTracesHint returns the end of an error message: what else to ask a server for.
func (s source) noTracesHint(ctx context.Context) string {
	if s.remote == nil || s.remote.server == nil || s.remote.query.Service == "" {
		return ""
	}
	service := s.remote.query.Service
	names, err := services(ctx, s.remote.server)
	switch {
	case err != nil:
		return ""
	case !slices.Contains(names, service):
		return fmt.Sprintf(": unknown service %q%s", service, suggestService(service, names))
	}
	return fmt.Sprintf(" of service %q; try another --operation or --tag, or a longer --lookback", service)
}
