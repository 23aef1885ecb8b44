package gapconnector

import (
	"iter"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// buffer holds traces until their spans have come. C holds the spans of a trace.
//
// A trace is released when it has waited long enough, or when it is the oldest and too much waits.
// In the first case, the goroutine of start releases it. In the second, the caller of unlock does,
// so a connector that cannot keep up slows down its senders.
type buffer[C any] struct {
	config  *Config
	release func(t *waiting[C])

	mu     sync.Mutex
	traces map[gap.TraceID]*waiting[C] // by shared
	oldest *waiting[C]                 // nil if none waits, like newest
	newest *waiting[C]
	spans  int
	bytes  int64

	stopping chan struct{}
	once     sync.Once // closes stopping
	stopped  sync.WaitGroup
	ended    chan struct{} // closed when nothing is exported any more
}

// waiting is a trace in a buffer. In rare cases it is several traces, whose IDs have the same right
// half.
type waiting[C any] struct {
	content C
	spans   int
	bytes   int64
	id      gap.TraceID // of the first span
	whole   gap.TraceID // the first ID of 128 bits; zero if there is none
	several bool        // there are more IDs of 128 bits
	since   time.Time
	outcome outcome

	receipts     receipts
	older, newer *waiting[C] // its neighbours in the buffer
}

// shared returns what the IDs of a trace have in common. An ID of 64 bits is that of the trace
// whose ID of 128 bits has this right half, as for [gap.Build]. A right half of zero is not an ID.
func shared(id gap.TraceID) gap.TraceID {
	if id.Low != 0 {
		id.High = 0
	}
	return id
}

// traces yields the traces that waited together. If there are several, the spans must be sorted by
// trace ID. Then an ID of 64 bits is that of another trace.
func (t *waiting[C]) traces(spans []gap.Span) iter.Seq[[]gap.Span] {
	return func(yield func([]gap.Span) bool) {
		for first := 0; first < len(spans); {
			end := len(spans)
			if t.several {
				for end = first + 1; end < len(spans) && spans[end].TraceID == spans[first].TraceID; {
					end++
				}
			}
			if !yield(spans[first:end:end]) {
				return
			}
			first = end
		}
	}
}

// outcome is why a trace was released.
type outcome string

const (
	complete outcome = "complete" // it has waited long enough
	evicted  outcome = "evicted"  // there was too much
	flushed  outcome = "flushed"  // the collector shuts down, or a caller cannot wait
)

// traceMemory estimates the memory of a trace without its spans: waiting, and its place in traces.
const traceMemory = 300

func newBuffer[C any](config *Config, release func(t *waiting[C])) *buffer[C] {
	return &buffer[C]{
		config: config, release: release, traces: map[gap.TraceID]*waiting[C]{},
		stopping: make(chan struct{}), ended: make(chan struct{}),
	}
}

func (b *buffer[C]) lock() { b.mu.Lock() }

// trace returns the trace with an ID, which it adds if necessary. The buffer is locked, here and in
// grew.
func (b *buffer[C]) trace(id gap.TraceID) *waiting[C] {
	key := shared(id)
	t := b.traces[key]
	if t == nil {
		t = &waiting[C]{id: id, since: time.Now(), bytes: traceMemory, older: b.newest}
		b.traces[key] = t
		b.bytes += traceMemory
		if b.oldest == nil {
			b.oldest = t
		} else {
			b.newest.newer = t
		}
		b.newest = t
	}
	switch {
	case id.High == 0 || id == t.whole:
	case t.whole == gap.TraceID{}:
		t.whole = id
	default:
		t.several = true
	}
	return t
}

// grew notes that a span was added to a trace, and the memory that it takes.
func (b *buffer[C]) grew(t *waiting[C], bytes int64) {
	t.spans++
	t.bytes += bytes
	b.spans++
	b.bytes += bytes
}

// unlock unlocks the buffer, and releases the oldest traces while too much waits.
func (b *buffer[C]) unlock() {
	var over []*waiting[C]
	for b.tooMuch() {
		because := evicted
		if b.config.Grouped {
			because = complete
		}
		over = append(over, b.take(b.oldest, because))
	}
	b.mu.Unlock()
	for _, t := range over {
		b.release(t)
	}
}

func (b *buffer[C]) tooMuch() bool {
	c := b.config
	return c.Grouped && b.spans > 0 || len(b.traces) > c.MaxTraces || b.spans > c.MaxSpans || b.bytes > c.MaxBytes
}

// take removes a trace, and sets its outcome. The buffer is locked.
func (b *buffer[C]) take(t *waiting[C], because outcome) *waiting[C] {
	if t.older == nil {
		b.oldest = t.newer
	} else {
		t.older.newer = t.newer
	}
	if t.newer == nil {
		b.newest = t.older
	} else {
		t.newer.older = t.older
	}
	t.older, t.newer = nil, nil // or each would keep the others in memory
	delete(b.traces, shared(t.id))
	b.spans -= t.spans
	b.bytes -= t.bytes
	t.outcome = because
	return t
}

// start begins to release traces that have waited long enough.
func (b *buffer[C]) start() {
	b.stopped.Go(func() {
		timer := time.NewTimer(b.config.Wait)
		defer timer.Stop()
		for {
			select {
			case <-b.stopping:
				return
			case <-timer.C:
			}
			timer.Reset(b.releaseOld())
		}
	})
}

// releaseOld releases the traces that have waited long enough. It returns the time until the next
// one has.
func (b *buffer[C]) releaseOld() time.Duration {
	for {
		b.mu.Lock()
		if b.oldest == nil {
			b.mu.Unlock()
			return b.config.Wait
		}
		if left := b.config.Wait - time.Since(b.oldest.since); left > 0 {
			b.mu.Unlock()
			return left
		}
		t := b.take(b.oldest, complete)
		b.mu.Unlock()
		b.release(t)
	}
}

// stop ends the goroutine of start, and releases all traces.
func (b *buffer[C]) stop() {
	b.once.Do(func() { close(b.stopping) })
	b.stopped.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.oldest != nil {
		b.release(b.take(b.oldest, flushed))
	}
}
