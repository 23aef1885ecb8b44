package wraptest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/opentracing/opentracing-go"
)

// Compare fails if a program sees something else wrapped than raw. observe uses a client in every
// way, and returns a text of all that the program saw: results, errors and their types, what the
// server got. Without options, the client is raw. With options, it is wrapped with them.
//
// Compare calls observe without options first, and then for each situation that [Check] lists. It
// also checks that all spans are finished exactly once, and that none starts a trace. The wrapped
// client must be under the span in ctx, if ctx has one.
func Compare(
	t *testing.T, observe func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) (seen string),
) {
	t.Helper()
	raw := observe(t, t.Context())
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			for _, problem := range s.compare(t, raw, observe) {
				t.Error(problem)
			}
		})
	}
}

func (s situation) compare(
	t *testing.T, raw string, observe func(t *testing.T, ctx context.Context, opts ...gaptrace.Option) string,
) []string {
	a := s.begin()
	problems := differences(raw, observe(t, a.context(t.Context()), a.opts...))
	problems = append(problems, a.end()...)
	if a.records && len(a.spans()) == 0 {
		problems = append(problems, "no span is recorded")
	}
	return problems
}

// situation is a way in which a wrapped client is used.
type situation struct {
	name   string
	tracer func(strict *Tracer) opentracing.Tracer // nil: strict itself
	opts   []gaptrace.Option
	parent bool // the context has a span

	// records is true if there must be spans, and silent if there must be none. Both are false for
	// tracers that lose spans.
	records, silent bool

	exact bool // the spans obey the law of the gap
}

func situations() []situation {
	reject := gaptrace.WithFilter(func(gaptrace.Call) bool { return false })
	hooks := []gaptrace.Option{
		gaptrace.WithPhases(),
		gaptrace.WithMaxWaits(1),
		gaptrace.WithOperation(func(gaptrace.Call) string { panic("WithOperation") }),
		gaptrace.WithTags(func(gaptrace.Call) opentracing.Tags { panic("WithTags") }),
		gaptrace.WithStatement(func(gaptrace.Call, string) string { panic("WithStatement") }),
		gaptrace.WithExpected(func(gaptrace.Call, error) bool { panic("WithExpected") }),
		gaptrace.WithFailure(func(gaptrace.Call, int) bool { panic("WithFailure") }),
	}
	all := []situation{
		{name: "under a parent", parent: true, records: true, exact: true},
		{name: "no parent", silent: true},
		{name: "roots", opts: []gaptrace.Option{gaptrace.WithRoots()}, records: true, exact: true},
		{name: "not sampled", parent: true, silent: true, tracer: func(strict *Tracer) opentracing.Tracer {
			return unsampled{strict}
		}},
		{name: "filtered", parent: true, silent: true, opts: []gaptrace.Option{reject}},
		{name: "hooks panic", parent: true, records: true, opts: hooks},
	}
	for name := range Hostile(NewTracer()) {
		all = append(all, situation{name: name, parent: true, tracer: func(strict *Tracer) opentracing.Tracer {
			return Hostile(strict)[name]
		}})
	}
	return all
}

// attempt is the use of a client in a situation.
type attempt struct {
	situation
	strict *Tracer
	opts   []gaptrace.Option
	span   opentracing.Span // the parent, or nil
	inCtx  opentracing.Span // as the context carries it
}

func (s situation) begin() *attempt {
	a := &attempt{situation: s, strict: NewTracer()}
	var tracer opentracing.Tracer = a.strict
	if s.tracer != nil {
		tracer = s.tracer(a.strict)
	}
	a.opts = append([]gaptrace.Option{gaptrace.WithTracer(tracer)}, s.opts...)
	if s.parent {
		a.span = a.strict.StartSpan("parent")
		a.inCtx = a.span
		if _, drops := tracer.(unsampled); drops {
			a.inCtx = tracer.StartSpan("parent")
		}
	}
	return a
}

// context returns the context of the attempt's calls.
func (a *attempt) context(ctx context.Context) context.Context {
	if a.inCtx == nil {
		return ctx
	}
	return opentracing.ContextWithSpan(ctx, a.inCtx)
}

// spans returns the finished spans, except the parent.
func (a *attempt) spans() (spans []*Span) {
	for _, s := range a.strict.Spans() {
		if opentracing.Span(s) != a.span {
			spans = append(spans, s)
		}
	}
	return spans
}

// end waits for the spans of abandoned results, and returns what is wrong with the spans.
func (a *attempt) end() (problems []string) {
	if a.span != nil {
		a.span.Finish()
	}
	for _, problem := range a.settled() {
		if !strings.Contains(problem, "foreign context") { // the hostile tracer's own
			problems = append(problems, problem)
		}
	}
	spans := a.spans()
	if a.silent && len(spans) > 0 {
		problems = append(problems, fmt.Sprintf("%s: a span is recorded, want none:\n%s", a.name, a.strict.Tree()))
	}
	if !a.records || a.span == nil {
		return problems
	}
	for _, s := range spans {
		if s.TraceID != a.span.(*Span).TraceID {
			problems = append(problems, fmt.Sprintf("%q starts a trace, although the context has a span", s.Operation))
		}
	}
	return problems
}

// settleTime is how long a finalizer may take on a busy machine.
var settleTime = time.Minute

// settled returns the problems of the tracer that are left after the garbage was collected.
func (a *attempt) settled() []string {
	for deadline := time.Now().Add(settleTime); ; time.Sleep(time.Millisecond) {
		problems := a.strict.Problems()
		unfinished := func(problem string) bool { return strings.HasSuffix(problem, neverFinished) }
		if !slices.ContainsFunc(problems, unfinished) || time.Now().After(deadline) {
			return problems
		}
		runtime.GC()
	}
}

// differences returns a problem if raw and wrapped differ.
func differences(raw, wrapped string) []string {
	if raw == wrapped {
		return nil
	}
	x, y := strings.Split(raw, "\n"), strings.Split(wrapped, "\n")
	for len(x) > 0 && len(y) > 0 && x[0] == y[0] {
		x, y = x[1:], y[1:]
	}
	for len(x) > 0 && len(y) > 0 && x[len(x)-1] == y[len(y)-1] {
		x, y = x[:len(x)-1], y[:len(y)-1]
	}
	return []string{fmt.Sprintf("raw:\n%s\nwrapped:\n%s", strings.Join(x, "\n"), strings.Join(y, "\n"))}
}
