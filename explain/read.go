package explain

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/gaptrace/gaptrace/gap/mark"
)

// Options say what [Read] keeps. The zero value has the defaults.
type Options struct {
	// Keep says which traces to keep; nil means all.
	Keep func(gap.TraceID) bool

	// MaxSpans is how many spans are kept; 0 or less means 100,000, which take about 100 MB. If there
	// are more, the traces with the shortest spans are dropped.
	MaxSpans int

	// MaxHistory is how many state changes of goroutines are kept for spans that have not finished;
	// 0 or less means 500,000, which take 16 MB. If there are more, the oldest are dropped. The
	// start of long spans is then unobserved.
	MaxHistory int
}

// settle is how long after its mark a span is explained. By then the next readings of the CPU
// clocks are there, even if the sampler had to wait for a CPU.
const settle = trace.Time(200 * time.Millisecond)

// reader reads an execution trace.
type reader struct {
	maxPieces  int
	goroutines map[trace.GoID]*goroutine
	pieces     int // of all goroutines
	tooMany    int // the number of pieces at which the oldest are forgotten
	threads    []*thread
	byID       map[trace.ThreadID]int32
	procs      map[trace.ProcID]int32 // the threads that have them
	reasons    []string
	reasonOf   map[string]uint8
	places     *places
	stopped    []stop // stop-the-world, ordered by time
	wall       wallClock
	pending    []marked // ordered by time; those before first are explained
	first      int
	entries    []entry               // a buffer
	children   map[spanKey]*children // of spans that have not finished
	parked     map[trace.GoID]piece  // goroutines that have waited since the recording began
	forgot     trace.Time            // the history before it is dropped
	names      map[string]string
	hasSamples bool // there are samples of a CPU profile
	throttles  []throttle
	passAt     trace.Time // the end of the last pass of the sampler
	now        trace.Time
	out        *Recording
}

// stop is a time in which the world was stopped.
type stop struct{ start, end trace.Time }

// marked is a mark that waits to be explained.
type marked struct {
	mark.Mark
	at        trace.Time
	goroutine trace.GoID
	woke      wakeUp // the last one by that goroutine, before the mark
}

// Read reads an execution trace of Go 1.20 or later, up to the newest version that it knows. It
// finds the marks that tracer.WithExecutionTrace left, and what the program did during each marked
// span. It reads r once and to the end. Options and the numbers of spans and goroutines bound its
// memory. The length of the trace does not matter.
//
// If the trace is truncated or damaged, the result has what was read until then. [Recording.Notes]
// and [Recording.Err] then say so. Read returns an error only if it can read nothing.
func Read(r io.Reader, o Options) (*Recording, error) {
	events, err := trace.NewReader(r)
	if err != nil {
		return nil, headerError(err)
	}
	e := newReader(o)
	err = e.readAll(events)
	switch {
	case e.out.events < 2: // the first one says only that the trace starts
		return nil, fmt.Errorf("explain: nothing can be read of the execution trace: %w", cmp.Or(err, io.ErrUnexpectedEOF))
	case err != nil:
		e.out.err = fmt.Errorf("explain: the execution trace is truncated or damaged: %s", firstLine(err))
		e.out.note("the execution trace is truncated or damaged (%s): what came before was used", firstLine(err))
	}
	return e.finish(), nil
}

func newReader(o Options) *reader {
	r := &reader{
		maxPieces:  cmp.Or(max(o.MaxHistory, 0), 500_000),
		goroutines: map[trace.GoID]*goroutine{},
		byID:       map[trace.ThreadID]int32{},
		procs:      map[trace.ProcID]int32{},
		reasonOf:   map[string]uint8{},
		places:     newPlaces(),
		parked:     map[trace.GoID]piece{},
		children:   map[spanKey]*children{},
		names:      map[string]string{},
		out: &Recording{
			maxSpans: cmp.Or(max(o.MaxSpans, 0), 100_000), keep: o.Keep, dropped: map[uint64]bool{},
			spans: map[spanKey]*span{}, acts: acts{numbers: map[act]uint32{}},
		},
	}
	r.tooMany = r.maxPieces
	r.reason("") // is number 0
	return r
}

// finish explains the spans that are left, and returns the result.
func (r *reader) finish() *Recording {
	r.explainUntil(math.MaxInt64)
	r.out.finish(r)
	return r.out
}

// readAll reads all events. A damaged execution trace may make the trace's reader panic, and so may
// the methods of an event.
func (r *reader) readAll(events *trace.Reader) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	for {
		event, err := events.ReadEvent()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		r.event(&event)
	}
}

// headerError explains an error about the header of an execution trace.
func headerError(err error) error {
	if strings.Contains(err.Error(), "version") {
		return fmt.Errorf("explain: %w: this version of gaptrace does not read such an execution trace; "+
			"try go tool trace of the Go release that recorded it", err)
	}
	return fmt.Errorf("explain: not an execution trace: %w", err)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (r *reader) event(e *trace.Event) {
	r.out.events++
	r.now = e.Time()
	switch e.Kind() {
	case trace.EventStateTransition:
		t := e.StateTransition()
		switch t.Resource.Kind {
		case trace.ResourceGoroutine:
			r.transition(e, &t)
		case trace.ResourceProc:
			r.proc(e, &t)
		}
	case trace.EventRangeBegin, trace.EventRangeActive, trace.EventRangeEnd:
		r.rangeEvent(e)
	case trace.EventLog:
		r.log(e)
	case trace.EventStackSample:
		if id := e.Goroutine(); id != trace.NoGoroutine {
			g := r.goroutine(id)
			g.samples = append(g.samples, sample{r.now, r.places.number(e.Stack())})
			r.hasSamples = true
		}
	case trace.EventSync:
		r.sync(e.Sync())
	}
	if r.first < len(r.pending) && r.pending[r.first].at+settle < r.now {
		r.explainUntil(r.now - settle)
	}
	if r.out.events == 1 {
		r.out.start = r.now
	}
	r.out.end = r.now
}

// sync starts a generation of the trace, about once a second.
func (r *reader) sync(s trace.Sync) {
	r.places.nextGeneration()
	if c := s.ClockSnapshot; c != nil {
		r.wall.add(c.Trace, c.Wall)
	}
	r.stopped = newest(r.stopped, maxMoments)
	r.throttles = newest(r.throttles, maxMoments)
	for _, t := range r.threads {
		t.clocks = newest(t.clocks, maxMoments)
	}
}

// maxMoments is how many readings of a clock, and how many interruptions of the program, are kept.
const maxMoments = 100_000

// newest returns s, or only its last most/2 elements if it has more than most.
func newest[T any](s []T, most int) []T {
	if len(s) <= most {
		return s
	}
	return shrunk(s[len(s)-most/2:])
}

func (r *reader) goroutine(id trace.GoID) *goroutine {
	g := r.goroutines[id]
	if g == nil {
		g = &goroutine{id: id, creator: trace.NoGoroutine, created: r.now}
		r.goroutines[id] = g
		if p, ok := r.parked[id]; ok {
			g.created = p.start
			g.pieces = append(g.pieces, p)
			delete(r.parked, id)
		}
	}
	return g
}

func (r *reader) knows(id trace.GoID) bool {
	_, parked := r.parked[id]
	return parked || r.goroutines[id] != nil
}

// deadWeight is the memory of a goroutine that has ended, in pieces.
const deadWeight = 5

func (r *reader) reason(name string) uint8 {
	n, ok := r.reasonOf[name]
	if !ok {
		if len(r.reasons) == 256 { // there are about 30
			return 0
		}
		name = strings.Clone(name)
		n = uint8(len(r.reasons))
		r.reasons = append(r.reasons, name)
		r.reasonOf[name] = n
	}
	return n
}

func (r *reader) thread(id trace.ThreadID) int32 {
	if id == trace.NoThread {
		return none
	}
	n, ok := r.byID[id]
	if !ok {
		n = int32(len(r.threads))
		r.threads = append(r.threads, &thread{id: id})
		r.byID[id] = n
	}
	return n
}

// transition is a goroutine's change from one state to another.
func (r *reader) transition(e *trace.Event, t *trace.StateTransition) {
	id := t.Resource.Goroutine()
	from, to := t.Goroutine()
	if from == to && r.knows(id) {
		return // a new generation repeats the states of all goroutines
	}
	if from == trace.GoUndetermined && to == trace.GoWaiting {
		// It has waited since the recording began, since the runtime writes the state of a
		// goroutine before its first event. Such goroutines are kept apart: most of a million
		// goroutines wait all the time.
		r.parked[id] = piece{
			start: r.out.start, state: waiting, stack: r.places.number(t.Stack), thread: none, waker: trace.NoGoroutine,
		}
		return
	}
	g := r.goroutine(id)
	if from == trace.GoNotExist {
		g.creator = e.Goroutine()
	}
	was := g.last()
	if was != nil {
		r.leave(g, was, e.Goroutine())
	}
	p := piece{start: r.now, thread: none, waker: trace.NoGoroutine}
	switch to {
	case trace.GoRunning:
		p.state, p.thread = running, r.thread(e.Thread())
		if from == trace.GoUndetermined && e.Goroutine() != id {
			p.thread = none // the event says only that it runs
		}
		if g.gc {
			p.state = collecting
		}
	case trace.GoSyscall:
		p.state, p.thread, p.stack = inSyscall, r.thread(e.Thread()), r.places.number(t.Stack)
	case trace.GoRunnable:
		p.state, p.reason = runnable, r.reason(t.Reason)
		if was != nil && was.state == running && t.Stack != trace.NoStack {
			was.stack = r.places.number(t.Stack) // preempted there, which is as good as a sample
		}
	case trace.GoWaiting:
		p.state, p.reason, p.stack = waiting, r.reason(t.Reason), r.places.number(t.Stack)
	case trace.GoNotExist:
		p.state = ended
		g.goneFrom = r.now
		r.pieces += deadWeight
	}
	r.enter(&p)
	r.keep(g, p)
}

// keep adds a piece to the history.
func (r *reader) keep(g *goroutine, p piece) {
	if g.pieces = append(g.pieces, p); len(g.pieces) > 1 { // the last piece of a goroutine is never dropped
		r.pieces++
	}
	if r.pieces >= r.tooMany {
		r.forget()
	}
}

// leave notes that another goroutine, or none, ends the last piece of a goroutine.
func (r *reader) leave(g *goroutine, was *piece, by trace.GoID) {
	switch was.state {
	case inSyscall:
		if was.thread != none {
			r.threads[was.thread].returned(r.now)
		}
	case waiting:
		was.waker = by
		waker, reason := r.goroutines[by], r.reasons[was.reason]
		if waker != nil && (reason == "chan send" || reason == "select") {
			waker.woke = wakeUp{g.id, r.now} // it may have got something
		}
	}
}

// enter notes that a goroutine starts a piece on its thread.
func (r *reader) enter(p *piece) {
	if p.thread == none {
		return
	}
	switch t := r.threads[p.thread]; p.state {
	case running, collecting:
		t.call = 0
		t.acquire(p.start)
	case inSyscall:
		t.call = p.start
	}
}

// proc is a P's change from one thread to another.
func (r *reader) proc(e *trace.Event, t *trace.StateTransition) {
	id := t.Resource.Proc()
	from, to := t.Proc()
	if n, ok := r.procs[id]; ok && to == trace.ProcIdle {
		r.threads[n].release(r.now)
		delete(r.procs, id)
	}
	if n := r.thread(e.Thread()); from == trace.ProcIdle && to == trace.ProcRunning && n != none {
		r.procs[id] = n
		r.threads[n].acquire(r.now)
	}
}

func (r *reader) rangeEvent(e *trace.Event) {
	begins := e.Kind() != trace.EventRangeEnd
	name := e.Range().Name
	switch {
	case strings.HasPrefix(name, "stop-the-world"):
		if begins {
			r.stopped = append(r.stopped, stop{r.now, r.now + 1<<40})
		} else if n := len(r.stopped); n > 0 {
			r.stopped[n-1].end = r.now
		}
	case name == "GC mark assist" || name == "GC incremental sweep":
		id := e.Goroutine()
		if scope := e.Range().Scope; scope.Kind == trace.ResourceGoroutine {
			id = scope.Goroutine()
		}
		if id == trace.NoGoroutine || e.Kind() == trace.EventRangeActive && name != "GC mark assist" {
			return
		}
		g := r.goroutine(id)
		g.gc = begins
		if was := g.last(); was != nil && (was.state == running || was.state == collecting) {
			p := *was
			p.start, p.stack, p.state = r.now, 0, running
			if begins {
				p.state = collecting
			}
			r.keep(g, p)
		}
	}
}

func (r *reader) log(e *trace.Event) {
	switch l := e.Log(); l.Category {
	case mark.Category:
		m, err := mark.Parse(l.Message)
		if err != nil {
			r.out.badMarks++
			r.out.badMark = err
			return
		}
		m.Service, m.Operation = r.name(m.Service), r.name(m.Operation)
		g := r.goroutine(e.Goroutine())
		r.pending = append(r.pending, marked{m, r.now, g.id, g.woke})
	case cpuclock.Category:
		s, err := cpuclock.Parse(l.Message)
		if err != nil {
			r.out.badClocks++
			return
		}
		r.readings(e, s)
	}
}

// name returns a name that does not keep the mark in memory.
func (r *reader) name(s string) string {
	n, ok := r.names[s]
	if !ok {
		n = strings.Clone(s)
		if len(r.names) < 10_000 { // of untrusted input
			r.names[n] = n
		}
	}
	return n
}

// explainUntil explains the spans whose marks are older than a time.
func (r *reader) explainUntil(at trace.Time) {
	for r.first < len(r.pending) && r.pending[r.first].at < at {
		r.explainSpan(&r.pending[r.first])
		r.first++
	}
	if r.first > len(r.pending)/2 {
		r.pending = slices.Delete(r.pending, 0, r.first)
		r.first = 0
	}
}

// forget drops the oldest history. It keeps the last moments, which spans that have just finished
// need.
func (r *reader) forget() {
	since := max(r.forgot, r.out.start)
	step := (r.now - settle - since) / 8
	for i := 0; i < 8 && step > 0 && r.pieces > r.maxPieces/2; i++ {
		r.forgot = since + step*trace.Time(i+1)
		for id, g := range r.goroutines {
			r.pieces -= g.forget(r.forgot)
			if g.goneFrom != 0 && g.goneFrom < r.forgot {
				r.pieces -= len(g.pieces) - 1 + deadWeight
				delete(r.goroutines, id)
			}
		}
	}
	for _, t := range r.threads {
		if old := t.clocksUntil(r.forgot); old > 1 {
			t.clocks = shrunk(t.clocks[old-1:])
		}
	}
	r.tooMany = max(r.maxPieces, r.pieces+r.maxPieces/2) // the last moments may have more
}
