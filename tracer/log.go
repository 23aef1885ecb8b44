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
// Jaeger's, stays as it is. One with IDs takes longer inside a group, since next gets the group's
// attributes again. The IDs of a span that is not sampled are added, too: a service that asks for
// the trace later may find other services' spans.
func LogHandler(next slog.Handler) slog.Handler {
	if ours, ok := next.(*logHandler); ok {
		return ours
	}
	return &logHandler{outer: next, inner: next}
}

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
	if h.since == nil {
		inner := h.inner.WithAttrs(attrs)
		return &logHandler{outer: inner, inner: inner}
	}
	// Resolved once, since change may be called for each record. Each handler owns its slice.
	attrs = resolved(attrs)
	return h.inGroup(func(h slog.Handler) slog.Handler { return h.WithAttrs(slices.Clone(attrs)) })
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.inGroup(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

// inGroup returns the handler after a change that opens a group or is inside one.
func (h *logHandler) inGroup(change func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{h.outer, change(h.inner), append(slices.Clip(h.since), change)}
}

// resolved returns a copy of attrs in which no value is a [slog.LogValuer].
func resolved(attrs []slog.Attr) []slog.Attr {
	attrs = slices.Clone(attrs)
	for i, a := range attrs {
		a.Value = a.Value.Resolve()
		if a.Value.Kind() == slog.KindGroup {
			a.Value = slog.GroupValue(resolved(a.Value.Group())...)
		}
		attrs[i] = a
	}
	return attrs
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
