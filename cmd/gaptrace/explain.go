package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/explain"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// explain runs the command explain.
func (s streams) explain(ctx context.Context, o *options, args []string) error {
	first, others := args[0], args[1:]
	switch {
	case first == "":
		return errEmptyArgument
	case isURL(first):
		return usagef("the first argument is the file of an execution trace, not a URL: " + howToRecord)
	case first == "-" && slices.Contains(others, "-"):
		return usagef("standard input is either the execution trace or the traces")
	}
	sources, err := o.sources(ctx, others, s.stdin)
	if err != nil {
		return err
	}
	return s.report(ctx, o, first, sources)
}

// inputName returns the name of a file argument for messages.
func inputName(arg string) string {
	if arg == "-" {
		return "standard input"
	}
	return arg
}

// readExecutionTrace reads the execution trace that will explain the gaps. It returns the spans of
// the bundle, or nil if there are none.
func (g *gatherer) readExecutionTrace(ctx context.Context, arg string, stdin io.Reader) (spans *source, err error) {
	name := inputName(arg)
	g.progress.setTask("reading " + name)
	opened, err := openWithin(ctx, func() (io.ReadCloser, error) {
		if arg == "-" {
			return io.NopCloser(stdin), nil
		}
		return openFile(arg)
	})
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	in, err := openExecutionTrace(name, opened, int64(g.options.maxBytes))
	if err != nil {
		return nil, err
	}
	in.onRead = func(n int) {
		g.total.Bytes += int64(n)
		g.progress.setRead(g.total)
		g.limit.raise()
	}
	recording, err := explain.Read(in, explain.Options{})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case in.err != nil: // explain.Read says only that the execution trace is truncated
		g.errs = append(g.errs, fmt.Errorf("%s: %w", name, in.err))
	case err != nil:
		g.errs = append(g.errs, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "explain: ")))
	}
	if err != nil {
		return nil, errors.Join(g.errs...)
	}
	if err := recording.Err(); err != nil && in.err == nil {
		g.errs = append(g.errs, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "explain: ")))
	}
	g.explained = newExplained(name, recording)
	if len(g.explained.traces) == 0 {
		for _, note := range recording.Notes() {
			g.errs = append(g.errs, fmt.Errorf("%s: %s", name, note))
		}
		return nil, errors.Join(g.errs...)
	}
	g.options.marked = g.explained.ids
	return in.spans, nil
}

// markedSpans returns the source of the spans that left marks.
func (g *gatherer) markedSpans() source {
	g.total.Traces, g.total.Spans = len(g.explained.traces), g.explained.marked.count
	return source{
		name: g.explained.name,
		read: func(context.Context, ...read.Option) iter.Seq2[[]gap.Span, error] {
			return func(yield func([]gap.Span, error) bool) {
				for _, spans := range g.explained.traces {
					if !yield(spans, nil) {
						return
					}
				}
			}
		},
	}
}

// explained explains the gaps of traces from an execution trace.
type explained struct {
	recording *explain.Recording
	name      string
	traces    [][]gap.Span // the spans with a mark
	marked    extent       // of these spans
	elsewhere extent       // of the traces that are not in the execution trace
	selected  int          // the number of traces that the flags select
}

func newExplained(name string, recording *explain.Recording) *explained {
	e := &explained{recording: recording, name: name, traces: recording.Traces()}
	for _, spans := range e.traces {
		for i := range spans {
			e.marked.add(spans[i].Start, spans[i].Start.Add(spans[i].Duration))
		}
	}
	return e
}

// ids returns the ids of at most n traces in the execution trace, those with the longest spans.
func (e *explained) ids(n int) []gap.TraceID {
	longest := func(spans []gap.Span) (most time.Duration) {
		for i := range spans {
			most = max(most, spans[i].Duration)
		}
		return most
	}
	traces := slices.SortedStableFunc(slices.Values(e.traces), func(a, b []gap.Span) int {
		return cmp.Compare(longest(b), longest(a))
	})
	var ids []gap.TraceID
	for _, spans := range traces[:min(n, len(traces))] {
		ids = append(ids, spans[0].TraceID)
	}
	return ids
}

// explain returns the trace with explanations, or nil if the execution trace has none of its spans.
func (e *explained) explain(t *gap.Trace) *gap.Trace {
	e.selected++
	if !e.recording.Has(t) {
		e.elsewhere.add(t.Start(), t.End())
		return nil
	}
	return e.recording.Explain(t)
}

// nothing returns the error if no trace is in the execution trace.
func (e *explained) nothing() error {
	return fmt.Errorf("no span of the traces is in %s, so they are of another process or another time: "+
		"its %d marked %s %v, and the %d %s %v", e.name,
		e.marked.count, printable.Plural(e.marked.count, "span"), e.marked,
		e.elsewhere.count, printable.Plural(e.elsewhere.count, "trace"), e.elsewhere)
}

// notes returns what the explanations leave open.
func (g *gatherer) notes() []string {
	if g.explained == nil {
		return nil
	}
	notes := g.explained.recording.Notes()
	if n := g.explained.elsewhere.count; n > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d traces are not in the execution trace, and are left out",
			n, g.explained.selected))
	}
	return notes
}

// extent counts spans or traces. It has the time from the first start to the last end.
type extent struct {
	count      int
	start, end time.Time
}

func (e *extent) add(start, end time.Time) {
	if e.count == 0 || start.Before(e.start) {
		e.start = start
	}
	if e.count == 0 || end.After(e.end) {
		e.end = end
	}
	e.count++
}

func (e extent) String() string {
	const layout = "2006-01-02T15:04:05.000Z"
	return fmt.Sprintf("from %s to %s", e.start.UTC().Format(layout), e.end.UTC().Format(layout))
}
