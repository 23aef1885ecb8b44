package spanutil_test

import (
	"context"
	"io"
	"net/http"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

var op = gaptrace.Call{Component: "lib", Operation: "op"}

// roots returns a Wrapper that also records calls without a parent, and its tracer.
func roots(opts ...gaptrace.Option) (*spanutil.Wrapper, *spantest.Tracer) {
	tracer := spantest.NewTracer()
	return spanutil.New(append([]gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()}, opts...)), tracer
}

// begin begins a call that is not injected.
func begin(w *spanutil.Wrapper, ctx context.Context, what gaptrace.Call) *spanutil.Call {
	return w.Start(ctx, spanutil.Local, func() gaptrace.Call { return what })
}

// inject begins a call that is injected.
func inject(w *spanutil.Wrapper, ctx context.Context, what gaptrace.Call) *spanutil.Call {
	return w.Start(ctx, spanutil.Injected, func() gaptrace.Call { return what })
}

// open begins a call that is not injected, and opens its span.
func open(w *spanutil.Wrapper, ctx context.Context, what gaptrace.Call) (*spanutil.Call, context.Context) {
	c := begin(w, ctx, what)
	return c, c.Open(ctx)
}

// bodyOf returns the body that a caller gets for rc.
func bodyOf(call *spanutil.Call, rc io.ReadCloser) io.ReadCloser {
	return spanutil.WatchResponse(call, &http.Response{Body: rc}, nil).Body
}
