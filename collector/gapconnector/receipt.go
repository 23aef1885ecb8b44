package gapconnector

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gaptrace/gaptrace/gap"
)

// receipt is a call of ConsumeTraces that returns when its traces have been exported. It is nil if
// the call does not wait for that.
type receipt struct {
	traces []gap.TraceID // by shared; the buffer's lock guards it
	urgent atomic.Bool   // the caller cannot wait for another attempt

	mu      sync.Mutex
	left    int // traces that are not settled
	err     error
	settled chan struct{} // closed when none is left
}

var errStopped = errors.New("the connector has stopped")

// receipts are the receipts that wait for the same trace.
type receipts []*receipt

// settle notes that a trace has been exported, or the error if it was not.
func (all receipts) settle(err error) {
	for _, r := range all {
		r.mu.Lock()
		r.left--
		if r.err == nil {
			r.err = err
		}
		if r.left == 0 {
			close(r.settled)
		}
		r.mu.Unlock()
	}
}

// newReceipt returns a receipt for a call of ConsumeTraces, or nil if Acknowledge is "received".
func (b *buffer[C]) newReceipt() *receipt {
	if b.config.Acknowledge != acknowledgeExported {
		return nil
	}
	return &receipt{settled: make(chan struct{})}
}

// expect makes r wait for a trace. The buffer is locked since the first trace of r, so r is the
// last of the receipts if it is one of them.
func (b *buffer[C]) expect(r *receipt, t *waiting[C]) {
	if n := len(t.receipts); r != nil && (n == 0 || t.receipts[n-1] != r) {
		t.receipts = append(t.receipts, r)
		r.traces = append(r.traces, shared(t.id))
		r.left++
	}
}

// await waits until the traces of r are settled. If ctx ends first, the receiver is about to stop
// or to give a partition away, and waits for this call. Then the traces are released at once, and
// hurry must have them settled soon.
func (b *buffer[C]) await(ctx context.Context, r *receipt, hurry func()) error {
	if r == nil || len(r.traces) == 0 {
		return nil
	}
	select {
	case <-r.settled:
	case <-b.ended:
	case <-ctx.Done():
		r.urgent.Store(true)
		b.releaseAll(r)
		hurry()
		select {
		case <-r.settled:
		case <-b.ended:
		}
	}
	select {
	case <-r.settled:
		return r.err
	default:
		return errStopped
	}
}

// releaseAll releases the traces that r waits for.
func (b *buffer[C]) releaseAll(r *receipt) {
	var released []*waiting[C]
	b.mu.Lock()
	for _, key := range r.traces {
		if t := b.traces[key]; t != nil && slices.Contains(t.receipts, r) {
			released = append(released, b.take(t, flushed))
		}
	}
	b.mu.Unlock()
	for _, t := range released {
		b.release(t)
	}
}
