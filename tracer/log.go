package tracer

import (
	"context"
	"log/slog"
	"slices"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// LogHandler returns a handler that adds the IDs of the span in the context to each record, as the
// attributes trace_id and span_id, and passes it to next:
//
//	slog.SetDefault(slog.New(tracer.LogHandler(slog.NewJSONHandler(os.Stderr, nil))))
//	slog.InfoContext(ctx, "sold", "book", 7) // {…,"msg":"sold","book":7,"trace_id":"4bf92f…","span_id":"00f067aa0ba902b7"}
//
// The IDs are in hex digits, as Jaeger's UI shows them. They are outside of the groups that
// [slog.Logger.WithGroup] has opened. A record without a span, or with one of a tracer other than
// Jaeger's, stays as it is. The IDs of a span that is not sampled are added, too: a service that
// asks for the trace later may find other services' spans.
func LogHandler(next slog.Handler) slog.Handler { return &logHandler{outer: next, inner: next} }

// logHandler keeps the handler from before the first group, to add attributes there.
type logHandler struct {
	outer slog.Handler                      // without groups
	inner slog.Handler                      // with all groups and attributes
	since []func(slog.Handler) slog.Handler // what made inner of outer
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.inner.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	ids := logIDs(ctx)
	switch {
	case ids == nil:
		return h.inner.Handle(ctx, r)
	case h.since == nil:
		r = r.Clone()
		r.AddAttrs(ids...)
		return h.inner.Handle(ctx, r)
	}
	with := h.outer.WithAttrs(ids)
	for _, change := range h.since {
		with = change(with)
	}
	return with.Handle(ctx, r)
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) }, h.since != nil)
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) }, true)
}

// with returns the handler after a change, which is inside a group or opens one.
func (h *logHandler) with(change func(slog.Handler) slog.Handler, grouped bool) slog.Handler {
	inner := change(h.inner)
	if !grouped {
		return &logHandler{outer: inner, inner: inner}
	}
	return &logHandler{h.outer, inner, append(slices.Clip(h.since), change)}
}

// logIDs returns the attributes of the span in ctx, or nil.
func logIDs(ctx context.Context) []slog.Attr {
	if ctx == nil {
		return nil
	}
	span := opentracing.SpanFromContext(ctx)
	if span == nil {
		return nil
	}
	sc, ok := span.Context().(jaeger.SpanContext)
	if !ok || !sc.IsValid() {
		return nil
	}
	return []slog.Attr{
		slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()),
	}
}
