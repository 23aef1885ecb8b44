package tracer

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/uber/jaeger-client-go"
)

const (
	defaultGrace    = time.Second
	maxGrace        = time.Minute
	maxReadyBatches = 1_000
)

// UnfinishedSpansTag is the key of a tag on a local root that an observer gets before all spans
// below it have finished, see [Recorder.Observe]. Its value is the number of those spans, which the
// observer never gets. The trace shows gaps in their place.
const UnfinishedSpansTag = "recorder.unfinished_spans"

// Observe calls observe once for each local root, with the spans that this process recorded for it.
// A local root is a span without a parent, or one whose parent came from Extract: the span of a
// request that the program serves, or of a job that it begins. The local root is spans[0]; the
// others follow in the order in which they finished. Do not change what they point to: it is
// shared.
//
//	root    |---------------------|
//	  a        |-----|
//	  b                  |-----------------|
//	observe                                ^ if b finishes within grace
//	                              |--grace--^ otherwise, without b
//
// The call comes when the root and the spans below it have finished, or a millisecond later if the
// observer has just been called. If some of them outlive the root, it comes at the latest grace
// after the root's end. If some are then unfinished, the root has [UnfinishedSpansTag]. A grace of
// 0 or less means a second, and more than a minute means a minute. A span that starts or finishes
// after the call is not observed. Local roots that were started from one extracted context and
// overlap come in one call. spans[0] is the one that finished first.
//
// Observe sees the traces of tracers that [New] and [FromYAML] opened with [WithRecorder], if they
// began after the call of Observe and were sampled from their beginning. It does not see those of
// jaeger.NewTracer, whose parents it cannot tell apart.
//
// Each observer has a goroutine, so its calls do not overlap, and one observer does not delay
// another. Finishing a span never waits for an observer. At most 1,000 calls, 100,000 spans and 64
// MiB wait for each observer. If there are more, local roots are dropped; [Recorder.Unobserved]
// counts them. A local root has at most as many spans as a trace of a Recorder, see
// [DroppedSpansTag]. Without an observer, none of this costs anything.
//
// The function stop ends the goroutine, and returns after it has ended. First, observe gets the
// local roots that have finished, even if their grace has not ended. A second call of stop waits,
// too. Do not call stop from observe.
func (r *Recorder) Observe(observe func(spans []gap.Span), grace time.Duration) (stop func()) {
	if grace <= 0 {
		grace = defaultGrace
	}
	o := &observation{
		recorder: r, observe: observe, grace: min(grace, maxGrace),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}), ended: make(chan struct{}),
	}
	r.mu.Lock()
	observations := append(slices.Clip(r.observing()), o)
	r.observations.Store(&observations)
	r.mu.Unlock()
	go o.run()
	return o.stop
}

// Unobserved returns how many local roots observers did not get, because an observer was too slow,
// or because too many spans belonged to roots that had not finished. A root that two observers did
// not get counts twice.
func (r *Recorder) Unobserved() int64 { return r.unobserved.Load() }

// observing returns the observations. Nobody may change them.
func (r *Recorder) observing() []*observation {
	if o := r.observations.Load(); o != nil {
		return *o
	}
	return nil
}

// started notes that a span was started with tags.
func (r *Recorder) started(span *jaeger.Span, tags map[string]any) {
	observations := r.observing()
	if len(observations) == 0 {
		return
	}
	c := span.SpanContext()
	if !c.IsSampled() && c.IsSamplingFinalized() && tags[string(ext.SamplingPriority)] == nil {
		return
	}
	for _, o := range observations {
		o.started(c)
	}
}

// extracted notes that c was extracted, so spans that are started from it are local roots.
func (r *Recorder) extracted(c jaeger.SpanContext) {
	if !c.IsSampled() {
		return
	}
	for _, o := range r.observing() {
		c.ExtendedSamplingState(o, func() any { return newLocalTrace(c.SpanID()) })
	}
}

// finished notes that a span finished, and was recorded as s.
func (r *Recorder) finished(c jaeger.SpanContext, s *recordedSpan) {
	for _, o := range r.observing() {
		o.finished(c, s)
	}
}

// observation is a call of Observe.
//
// The spans that this process starts below one local root share Jaeger's sampling state, and no
// other span has it. A localTrace is kept in that state, with the observation as its key. So no
// table of the traces in flight is needed.
//
//	Extract, or the start of a root   the sampling state gets a localTrace
//	a span starts                     it is added to open
//	a span finishes                   it moves from open to batch, and its trace to kept
//	nothing is open, or grace ends    batch moves to ready, and the goroutine calls observe
type observation struct {
	recorder *Recorder
	observe  func([]gap.Span)
	grace    time.Duration
	wake     chan struct{} // holds an element if ready or waiting has a new one
	stopped  chan struct{} // closed by stop
	ended    chan struct{} // closed by the goroutine
	once     sync.Once     // of stop

	mu      sync.Mutex
	kept    list.List    // of *localTrace with spans, the one whose last span is oldest first
	waiting list.List    // of *localTrace with a deadline, the earliest first
	ready   []localBatch // what observe gets next
	spans   int          // in kept and ready
	bytes   int          // of spans
	closed  bool         // the goroutine has ended
}

// localTrace is what observation.mu guards of the spans that share a sampling state.
type localTrace struct {
	parent    jaeger.SpanID // of the local roots, 0 if they have none
	open      openSpans
	openRoots int           // how many of open are local roots
	evicted   bool          // its spans are ignored until openRoots is 0
	batch     localBatch    // empty, or what finished since a local root started
	element   *list.Element // of kept; nil if batch is empty
	deadline  time.Time     // when it stops waiting for open spans; set if waits is not nil
	waits     *list.Element // of waiting
}

// localBatch is what observe gets in one call.
type localBatch struct {
	root       *recordedSpan   // the first local root that finished, or nil
	spans      []*recordedSpan // the others
	bytes      int             // of root and spans
	dropped    int             // spans over the limits of a trace
	unfinished int             // spans
}

func (b *localBatch) len() int {
	if b.root != nil {
		return len(b.spans) + 1
	}
	return len(b.spans)
}

func newLocalTrace(parent jaeger.SpanID) *localTrace {
	return &localTrace{parent: parent}
}

// traceOf returns the trace of a span, or nil if its local root started before Observe was called.
func (o *observation) traceOf(c jaeger.SpanContext) *localTrace {
	if !c.IsValid() {
		return nil
	}
	t, _ := c.ExtendedSamplingState(o, func() any {
		if c.ParentID() == 0 {
			return newLocalTrace(0)
		}
		return (*localTrace)(nil) // a root that is unknown now is never known
	}).(*localTrace)
	return t
}

func (o *observation) started(c jaeger.SpanContext) {
	t := o.traceOf(c)
	if t == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	root := c.ParentID() == t.parent
	t.open.add(gap.SpanID(c.SpanID()), root)
	if root {
		t.openRoots++
		o.endGrace(t)
	}
}

func (o *observation) finished(c jaeger.SpanContext, s *recordedSpan) {
	t := o.traceOf(c)
	if t == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	root, open := t.open.remove(s.SpanID)
	if !open || o.closed { // a program may finish a span twice
		return
	}
	late := t.openRoots == 0 && t.batch.root == nil
	if root {
		t.openRoots--
	}
	if late || t.evicted {
		t.evicted = t.evicted && t.openRoots > 0
		return
	}
	o.keep(t, s, root)
	switch {
	case t.element == nil || t.openRoots > 0: // evicted, or not at its end
	case t.open.len() == 0:
		o.complete(t)
	case root:
		t.deadline = time.Now().Add(o.grace)
		t.waits = o.waiting.PushBack(t)
		o.signal()
	}
}

// keep adds a span to t, within the limits.
func (o *observation) keep(t *localTrace, s *recordedSpan, root bool) {
	b := &t.batch
	if root && b.root == nil {
		b.root = s
	} else {
		b.spans = append(b.spans, s)
	}
	b.bytes += s.bytes
	o.bytes += s.bytes
	o.spans++
	if t.element == nil {
		t.element = o.kept.PushBack(t)
	} else {
		o.kept.MoveToBack(t.element)
	}
	for (b.len() > maxSpansPerTrace || b.bytes > maxRecordedBytes) && len(b.spans) > 0 {
		b.bytes -= b.spans[0].bytes
		o.bytes -= b.spans[0].bytes
		o.spans--
		b.spans[0] = nil // or the array of the slice would keep it alive
		b.spans = b.spans[1:]
		b.dropped++
	}
	for (o.spans > maxRecordedSpans || o.bytes > maxRecordedBytes) && o.kept.Len() > 0 {
		evicted := o.kept.Front().Value.(*localTrace)
		if evicted == t && len(o.ready) == 0 {
			break // the limits of a trace hold
		}
		o.drop(o.take(evicted))
		evicted.evicted = evicted.openRoots > 0
	}
}

// take takes the batch of t. The spans still count.
func (o *observation) take(t *localTrace) localBatch {
	o.endGrace(t)
	o.kept.Remove(t.element)
	b := t.batch
	t.batch, t.element = localBatch{}, nil
	return b
}

func (o *observation) endGrace(t *localTrace) {
	if t.waits != nil {
		o.waiting.Remove(t.waits)
		t.waits = nil
	}
}

func (o *observation) drop(b localBatch) {
	o.forget(b)
	o.recorder.unobserved.Add(1)
}

func (o *observation) forget(b localBatch) {
	o.spans -= b.len()
	o.bytes -= b.bytes
}

// complete makes the batch of t ready.
func (o *observation) complete(t *localTrace) {
	b := o.take(t)
	b.unfinished = t.open.len()
	if len(o.ready) == maxReadyBatches {
		o.drop(b)
		return
	}
	o.ready = append(o.ready, b)
	o.signal()
}

func (o *observation) signal() {
	select {
	case o.wake <- struct{}{}:
	default: // the goroutine has not seen the last one yet
	}
}

// rest is how long the goroutine sleeps after it has delivered what was ready. Waking it costs more
// than most deliveries, so it wakes at most a thousand times a second.
const rest = time.Millisecond

func (o *observation) run() {
	defer close(o.ended)
	stopping, rested := false, true
	for {
		b, graceEnds := o.next(stopping)
		switch {
		case b.root != nil:
			o.observe(b.export())
			rested = false
		case stopping:
			return
		case !rested:
			select {
			case <-time.After(rest):
			case <-o.stopped:
			}
			rested = true
		default:
			select {
			case <-o.wake:
			case <-graceEnds:
			case <-o.stopped:
				stopping = true
			}
		}
	}
}

// next returns what is ready. If nothing is, it returns a channel for the next end of a grace, or
// nil. If stopping is true, all graces end at once, and next closes o if nothing is ready.
func (o *observation) next(stopping bool) (b localBatch, graceEnds <-chan time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for first := o.waiting.Front(); first != nil; first = o.waiting.Front() {
		t := first.Value.(*localTrace)
		if left := time.Until(t.deadline); left > 0 && !stopping {
			graceEnds = time.After(left)
			break
		}
		o.complete(t)
	}
	if len(o.ready) == 0 {
		o.closed = stopping
		return localBatch{}, graceEnds
	}
	b = o.ready[0]
	o.ready[0] = localBatch{}
	o.ready = o.ready[1:]
	o.forget(b)
	return b, nil
}

func (o *observation) stop() {
	o.once.Do(func() {
		o.recorder.mu.Lock()
		left := slices.Clone(o.recorder.observing())
		left = slices.DeleteFunc(left, func(other *observation) bool { return other == o })
		o.recorder.observations.Store(&left)
		o.recorder.mu.Unlock()
		close(o.stopped)
	})
	<-o.ended
}

// export returns the spans as observe gets them.
func (b *localBatch) export() []gap.Span {
	spans := make([]gap.Span, 0, b.len())
	root := b.root.Span
	root.Tags = slices.Clip(root.Tags) // they are shared
	if b.dropped > 0 {
		root.Tags = append(root.Tags, gap.Field{Key: DroppedSpansTag, Value: int64(b.dropped)})
	}
	if b.unfinished > 0 {
		root.Tags = append(root.Tags, gap.Field{Key: UnfinishedSpansTag, Value: int64(b.unfinished)})
	}
	spans = append(spans, root)
	for i := range b.spans {
		spans = append(spans, b.spans[i].Span)
	}
	return spans
}
