package query

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/url"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
)

// debugPage asks the handler of package gap/debug in a running program.
type debugPage struct {
	*caller
	filter url.Values // service, operation and bucket of a trace's root
}

var errNoFilter = errors.New("--tag, --lookback and --limit do not apply to a program's /debug/gaps/, " +
	"which has only recent traces")

// Find yields all traces that match the filter. It leaves the choice by service and operation to
// the caller: the page knows only those of roots.
func (d *debugPage) Find(ctx context.Context, q Query, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	if len(q.Tags) > 0 || q.Lookback > 0 || q.Limit > 0 {
		return failed(errNoFilter)
	}
	values := url.Values{"format": {"jaeger"}}
	maps.Copy(values, d.filter)
	return d.spans(ctx, []request{{[]string{"/"}, values}}, opts)
}

func (d *debugPage) Traces(ctx context.Context, ids []gap.TraceID, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	var requests []request
	for _, id := range ids {
		requests = append(requests, request{[]string{"trace"}, url.Values{"format": {"jaeger"}, "id": {id.String()}}})
	}
	return d.spans(ctx, requests, opts)
}

// Services returns nothing: the page does not list them.
func (d *debugPage) Services(context.Context) ([]string, error) {
	return nil, errors.New("a program's /debug/gaps/ lists no services")
}
