package wrap_test

import (
	"context"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest/cost"
	"github.com/gaptrace/gaptrace/wrap"
)

// oneWait is a call as a wrapper records it.
func oneWait(w *wrap.Wrapper, ctx context.Context, addr any) {
	call := w.Start(ctx, func() gaptrace.Call {
		return gaptrace.Call{Component: "lib", Operation: "op", Request: w}
	})
	defer call.Unwound()
	if call.Sampled() {
		call.Tag("peer.address", addr)
		call.Statement("get ?")
	}
	call.Finish(nil)
}

func BenchmarkCall(b *testing.B) {
	w := wrap.New("lib")
	cost.Run(b, func(context.Context) {}, func(ctx context.Context) { oneWait(w, ctx, "localhost:1") }, nil)
}

// BenchmarkNoParent measures a call that is not recorded since it has no parent.
func BenchmarkNoParent(b *testing.B) {
	type key int
	ctx := b.Context()
	for i := range 5 { // a request's context has values of others
		ctx = context.WithValue(ctx, key(i), i)
	}
	w := wrap.New("lib")
	b.ReportAllocs()
	for b.Loop() {
		oneWait(w, ctx, "localhost:1")
	}
}

func BenchmarkDoWithoutParent(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = wrap.Do(b.Context(), "op", func(context.Context) error { return nil })
	}
}
