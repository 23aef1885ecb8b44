package spantest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
)

// Must returns the value of a call that must not fail: Must(db.Query("SELECT 1"))(t). If the call
// returned an error, the test ends.
func Must[T any](v T, err error) func(testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// Under returns a new tracer, and a context that carries an open span of it, "parent". The test
// finishes the parent itself, or leaves that to [WantUnder].
func Under(tb testing.TB) (tracer *Tracer, ctx context.Context, parent opentracing.Span) {
	tracer = NewTracer()
	parent = tracer.StartSpan("parent")
	return tracer, opentracing.ContextWithSpan(tb.Context(), parent), parent
}

// Want compares two texts of several lines, such as trees. A newline at the start of want is
// skipped, so that a raw string can begin on its own line.
func Want(tb testing.TB, got, want string) {
	tb.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		tb.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// WantTree compares tracer.Tree(replace...) with want.
func WantTree(tb testing.TB, tracer *Tracer, want string, replace ...string) {
	tb.Helper()
	Want(tb, tracer.Tree(replace...), want)
}

// WantUnder finishes the parent that Under returned, and compares the spans under it with want.
func WantUnder(tb testing.TB, tracer *Tracer, parent opentracing.Span, want string, replace ...string) {
	tb.Helper()
	parent.Finish()
	WantTree(tb, tracer, "parent\n"+strings.TrimPrefix(want, "\n"), replace...)
}

// Await polls until happened returns true. It is for what another goroutine does, outside of a
// synctest bubble. After a minute the test ends.
func Await(tb testing.TB, what string, happened func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within two minutes: %s", what)
		}
	}
}
