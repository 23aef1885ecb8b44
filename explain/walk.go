package explain

import (
	"sort"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
)

// maxDepth is how many wake-ups are followed, from the goroutine of the span.
const maxDepth = 3

// lead is the wait of the span's goroutine that led to another one.
type lead struct {
	waker trace.GoID // that ended the wait
	act
}

// own leads to the goroutine of the span.
var own = lead{waker: trace.NoGoroutine}

// walker collects what goroutines did during a span.
type walker struct {
	*reader
	span    *span
	entries []entry
}

// walk adds what a goroutine did in an interval. At depth 0 it is the goroutine of the span.
// Otherwise it is one that ended a wait, and led has this wait.
func (w *walker) walk(id trace.GoID, start, end trace.Time, depth int, led lead) {
	g := w.goroutines[id]
	if g == nil || len(g.pieces) == 0 {
		w.unknown(start, end, id, led)
		return
	}
	if first := min(end, g.pieces[0].start); start < first {
		if g.created == first && g.creator != trace.NoGoroutine && depth < maxDepth {
			w.walk(g.creator, start, first, depth+1, led) // what led to the goroutine
		} else {
			w.unknown(start, first, id, led)
		}
		start = first
	}
	if start >= end {
		return
	}
	w.takeSamples(g, start, end)
	pieces := g.between(start, end)
	for i := range pieces {
		p := &pieces[i]
		from, to := max(start, p.start), end
		if i+1 < len(pieces) {
			to = pieces[i+1].start
		}
		w.piece(g, p, from, to, depth, led)
	}
}

// piece adds a part of a piece.
func (w *walker) piece(g *goroutine, p *piece, start, end trace.Time, depth int, led lead) {
	if start >= end {
		return
	}
	switch p.state {
	case running:
		if p.stack != 0 && len(w.span.samples) < maxSamples {
			w.span.samples = append(w.span.samples, taken{end, g.id, p.stack, false})
		}
		w.ran(g, p, start, end, led)
	case collecting:
		w.add(start, end, gap.CauseGC, g.id, p, led)
	case runnable:
		w.runnable(g, p, start, end, led)
	case inSyscall:
		cause := gap.CauseSyscall
		switch where := &w.places.all[p.stack]; {
		case where.wait == cgoCall:
			cause = gap.CauseCgo
		case where.client != "":
			cause = gap.CauseNetwork // such as a write, which the wrapper would have covered
		}
		w.add(start, end, cause, g.id, p, led)
	case waiting:
		cause, follow := w.causeOf(p)
		if follow && p.waker != trace.NoGoroutine && p.waker != w.span.goroutine && p.waker != g.id && depth < maxDepth {
			if depth == 0 {
				led = lead{p.waker, act{wait: p.stack, waitReason: p.reason, waitCause: cause}}
			}
			w.walk(p.waker, start, end, depth+1, led)
			return
		}
		if depth == 0 {
			led.waker = p.waker
		}
		w.add(start, end, cause, g.id, p, led)
	default:
		w.unknown(start, end, g.id, led)
	}
}

// unknown adds time of which the goroutine has no history. If a wait led to it, the time is that
// wait's.
func (w *walker) unknown(start, end trace.Time, id trace.GoID, led lead) {
	if led.waitCause == gap.CauseUnobserved {
		w.add(start, end, gap.CauseUnobserved, id, nil, led)
		return
	}
	w.append(start, end, w.span.goroutine, lead{led.waker, act{
		cause: led.waitCause, place: led.wait, reason: led.waitReason,
	}})
}

// ran adds time that Go calls running. The clock of the thread says how much of it had a CPU.
func (w *walker) ran(g *goroutine, p *piece, start, end trace.Time, led lead) {
	if p.thread == none {
		w.add(start, end, gap.CauseCPU, g.id, p, led)
		return
	}
	w.threads[p.thread].cpu(start, end, func(start, end trace.Time, win window, ok bool) {
		if !ok {
			w.add(start, end, gap.CauseCPU, g.id, p, led)
			return
		}
		withCPU := start + trace.Time(win.withCPU(int64(end-start)))
		w.addProven(start, withCPU, gap.CauseCPU, g.id, led)
		throttled := withCPU + min(w.throttled(start, end), end-withCPU)
		w.addProven(withCPU, throttled, gap.CauseThrottled, g.id, led)
		w.addProven(throttled, end, gap.CauseNoCPU, g.id, led)
	})
}

// throttled returns how long the program may have been throttled in an interval.
func (r *reader) throttled(start, end trace.Time) (sum trace.Time) {
	for i := len(r.throttles) - 1; i >= 0 && r.throttles[i].end > start; i-- {
		if t := r.throttles[i]; t.start < end {
			sum += min(trace.Time(t.length), end-start) // so that the sum cannot overflow
		}
	}
	return sum
}

// runnable adds time in which a goroutine had no P. If the world was stopped, that is the garbage
// collector's.
func (w *walker) runnable(g *goroutine, p *piece, start, end trace.Time, led lead) {
	i := sort.Search(len(w.stopped), func(i int) bool { return w.stopped[i].end > start })
	for ; start < end; i++ {
		if i == len(w.stopped) || w.stopped[i].start >= end {
			w.add(start, end, gap.CauseRunnable, g.id, nil, led)
			return
		}
		s := w.stopped[i]
		if start < s.start {
			w.add(start, s.start, gap.CauseRunnable, g.id, nil, led)
			start = s.start
		}
		if stop := min(end, s.end); start < stop {
			w.add(start, stop, gap.CauseGC, g.id, p, led)
			start = stop
		}
	}
}

// causeOf says what a wait was for. If follow is true, it was for what another goroutine did
// meanwhile: the one that ended it.
func (r *reader) causeOf(p *piece) (cause gap.Cause, follow bool) {
	where, reason := &r.places.all[p.stack], r.reasons[p.reason]
	switch reason {
	case "GC mark assist wait for work", "GC background sweeper wait", "wait until GC ends", "GC weak to strong wait",
		"GC assist wait", "GC sweep wait", "wait for GC cycle",
		"preempted": // to have its stack scanned
		return gap.CauseGC, false
	case "sleep":
		return gap.CauseSleep, false
	}
	switch {
	case where.client != "" && reason != "":
		return gap.CauseNetwork, false
	case reason == "network":
		if where.wait == fileWait {
			return gap.CauseSyscall, false
		}
		return gap.CauseNetwork, false
	}
	switch reason {
	case "sync":
		return gap.CauseLock, where.wait != mutexWait
	case "sync.(*Cond).Wait":
		return gap.CauseLock, true
	case "coroutine": // of iter.Pull
		return gap.CauseOther, true
	case "": // it waits since before the recording: only the stack says for what
		return where.wait.cause(), true
	case "chan receive", "chan send":
		return gap.CauseChannel, true
	case "select":
		return gap.CauseSelect, true
	}
	return gap.CauseOther, false
}

// maxSamples is how many samples of a span are kept: 10 s of CPU time.
const maxSamples = 1000

// takeSamples adds the samples of a CPU profile.
func (w *walker) takeSamples(g *goroutine, start, end trace.Time) {
	for _, s := range g.samples {
		if start <= s.at && s.at < end && len(w.span.samples) < maxSamples {
			w.span.samples = append(w.span.samples, taken{s.at, g.id, s.stack, true})
		}
	}
}

func (w *walker) add(start, end trace.Time, cause gap.Cause, id trace.GoID, p *piece, led lead) {
	led.cause = cause
	if p != nil && p.state != running && p.state != collecting {
		led.place, led.reason = p.stack, p.reason
	}
	w.append(start, end, id, led)
}

func (w *walker) addProven(start, end trace.Time, cause gap.Cause, id trace.GoID, led lead) {
	led.cause, led.proof = cause, gap.ByClock
	w.append(start, end, id, led)
}

// append adds an interval, unless it continues the last one.
func (w *walker) append(start, end trace.Time, id trace.GoID, led lead) {
	if start >= end {
		return
	}
	e := entry{start, id, led.waker, w.out.acts.number(led.act)}
	if id == w.span.goroutine {
		e.goroutine = trace.NoGoroutine
	}
	if n := len(w.entries); n > 0 {
		if last := w.entries[n-1]; last.act == e.act && last.goroutine == e.goroutine && last.waker == e.waker {
			return
		}
	}
	w.entries = append(w.entries, e)
}
