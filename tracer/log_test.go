package tracer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

func TestLogHandler(t *testing.T) {
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(tracer.NewRecorder(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	span := tr.StartSpan("request")
	sc := span.Context().(jaeger.SpanContext)
	ids := "trace_id=" + sc.TraceID().String() + " span_id=" + sc.SpanID().String()
	under := opentracing.ContextWithSpan(t.Context(), span)
	noop := opentracing.ContextWithSpan(t.Context(), opentracing.NoopTracer{}.StartSpan("request"))
	for _, c := range []struct {
		name   string
		ctx    context.Context
		logger func(*slog.Logger) *slog.Logger
		want   string
	}{
		{"a span", under, func(l *slog.Logger) *slog.Logger { return l }, "a=1 " + ids},
		{"with attributes", under, func(l *slog.Logger) *slog.Logger { return l.With("b", 2) }, "b=2 a=1 " + ids},
		{
			"in a group", under, func(l *slog.Logger) *slog.Logger { return l.With("b", 2).WithGroup("g").With("c", 3) },
			"b=2 " + ids + " g.c=3 g.a=1",
		},
		{"in a group without a name", under, func(l *slog.Logger) *slog.Logger { return l.WithGroup("") }, "a=1 " + ids},
		{"no span", t.Context(), func(l *slog.Logger) *slog.Logger { return l.WithGroup("g") }, "g.a=1"},
		{"another tracer's span", noop, func(l *slog.Logger) *slog.Logger { return l }, "a=1"},
		{"no context", nil, func(l *slog.Logger) *slog.Logger { return l }, "a=1"},
	} {
		var out strings.Builder
		handler := tracer.LogHandler(slog.NewTextHandler(&out, &slog.HandlerOptions{
			ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
				if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
					return slog.Attr{}
				}
				return a
			},
		}))
		c.logger(slog.New(handler)).InfoContext(c.ctx, "sold", "a", 1)
		if got := strings.TrimSuffix(out.String(), "\n"); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// Without a span, LogHandler is the handler that it wraps.
func TestLogHandlerKeepsSlogsRules(t *testing.T) {
	var out bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return tracer.LogHandler(slog.NewJSONHandler(&out, nil))
	}, func(t *testing.T) map[string]any {
		var record map[string]any
		if err := json.Unmarshal(out.Bytes(), &record); err != nil {
			t.Fatal(err)
		}
		return record
	})
}

// renaming changes the attributes that it gets, as slog permits.
type renaming struct{ slog.Handler }

func (h renaming) WithAttrs(attrs []slog.Attr) slog.Handler {
	for i := range attrs {
		attrs[i].Key = "x" + attrs[i].Key
	}
	return renaming{h.Handler.WithAttrs(attrs)}
}

func (h renaming) WithGroup(name string) slog.Handler { return renaming{h.Handler.WithGroup(name)} }

// counter is a slog.LogValuer that notes how often it is asked.
type counter struct{ asked *int }

func (c counter) LogValue() slog.Value { *c.asked++; return slog.IntValue(*c.asked) }

func TestLogHandlerInGroups(t *testing.T) {
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(tracer.NewRecorder(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	under := opentracing.ContextWithSpan(t.Context(), tr.StartSpan("request"))
	var out bytes.Buffer
	asked := 0
	twice := tracer.LogHandler(tracer.LogHandler(renaming{slog.NewTextHandler(&out, nil)}))
	logger := slog.New(twice).WithGroup("g").With("n", counter{&asked}, slog.Group("h", "m", counter{&asked}))
	for _, ctx := range []context.Context{under, t.Context(), under} {
		out.Reset()
		logger.InfoContext(ctx, "sold")
		if got := out.String(); !strings.Contains(got, " g.xn=1 g.xh.m=2\n") ||
			strings.Count(got, "trace_id") > 1 {
			t.Error(got)
		}
	}
}
