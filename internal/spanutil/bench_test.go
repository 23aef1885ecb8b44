package spanutil_test

import (
	"context"
	"io"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest/cost"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// nothing is a response's body that ends at once.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) Close() error             { return nil }

func BenchmarkCall(b *testing.B) {
	w := spanutil.New(nil)
	for name, call := range map[string]func(ctx context.Context){
		"one wait": func(ctx context.Context) {
			call := begin(w, ctx, op)
			call.Statement("GET key")
			call.Finish(nil)
		},
		"open, one wait": func(ctx context.Context) {
			call, _ := open(w, ctx, op)
			call.Statement("GET key")
			call.Finish(nil)
		},
		"body": func(ctx context.Context) {
			call := begin(w, ctx, op)
			call.Statement("GET key")
			body := bodyOf(call, nothing{})
			body.Read(nil)
			body.Close()
		},
	} {
		b.Run(name, func(b *testing.B) { cost.Run(b, func(context.Context) {}, call, nil) })
	}
}

// BenchmarkNoParent measures a call that is not recorded since it has no parent.
func BenchmarkNoParent(b *testing.B) {
	type key int
	ctx := b.Context()
	for i := range 5 { // a request's context has values of others
		ctx = context.WithValue(ctx, key(i), i)
	}
	w := spanutil.NewClient("bench", nil)
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			begin(w, ctx, op)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				begin(w, ctx, op)
			}
		})
	})
}

// BenchmarkRead measures a read that found its data in a buffer, the most common one.
func BenchmarkRead(b *testing.B) {
	w, _ := roots()
	call := begin(w, b.Context(), op)
	call.Answered(spanutil.Bytes)
	b.ReportAllocs()
	for b.Loop() {
		wait := call.Wait()
		wait.Done(1)
	}
}
