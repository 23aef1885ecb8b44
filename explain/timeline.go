package explain

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
)

// maxDepth is how many wake-ups are followed, from the goroutine of the span.
const maxDepth = 3

// span is a marked span with what its goroutine did.
type span struct {
	marked
	start, end trace.Time
	entries    []entry    // ordered by time; they tile the span
	from       trace.Time // since when the goroutine worked for it
	forgotten  bool       // what happened first was forgotten
	coarse     bool       // the times of entries are approximate
	samples    []taken
}

// entry is an interval of a span. It ends where the next one starts, or with the span.
type entry struct {
	start     trace.Time
	goroutine trace.GoID // that did it, or trace.NoGoroutine for the one of the span
	waker     trace.GoID // of a wait of the span's goroutine: the one that ended it; otherwise trace.NoGoroutine
	act       uint32     // index into acts.all
}

// act is what happened in an interval, without the goroutines.
type act struct {
	place      uint32 // of a wait or system call
	wait       uint32 // if other goroutines were followed: the place of the wait that led to them
	cause      gap.Cause
	waitCause  gap.Cause // of the wait that led to other goroutines; CauseUnobserved if none were followed
	proof      gap.Proof
	reason     uint8
	waitReason uint8
}

// acts interns acts, since most of them are alike.
type acts struct {
	all     []act
	numbers map[act]uint32
}

func (a *acts) number(of act) uint32 {
	n, ok := a.numbers[of]
	if !ok {
		n = uint32(len(a.all))
		a.all = append(a.all, of)
		a.numbers[of] = n
	}
	return n
}

// taken is a sample of what a goroutine ran.
type taken struct {
	at        trace.Time
	goroutine trace.GoID
	place     uint32
	exact     bool // of a CPU profile; otherwise where the goroutine was preempted
}

// explain finds what happened during a span, and adds the span to the result.
func (r *reader) explain(m *marked) {
	s := &span{marked: *m}
	s.end = m.at
	s.start = m.at - trace.Time(m.Duration)
	start, exact := r.wall.trace(m.Start.UnixNano())
	if exact = exact && start+trace.Time(m.Duration) < m.at+slack; exact {
		s.start, s.end = start, start+trace.Time(m.Duration)
	}
	r.cover(s)
	if m.Kind != gap.KindClient { // the gaps of a client are not the program's work
		r.explainWork(s, exact)
	}
	if g := r.goroutines[m.goroutine]; g != nil {
		g.marked(m.TraceID, m.at)
	}
	r.out.add(s)
}

// explainWork sets what the program did during a span. exact says that the start is known on the
// clock of the execution trace.
func (r *reader) explainWork(s *span, exact bool) {
	if s.forgotten = s.start < r.forgot; s.forgotten {
		r.out.forgotten++
	}
	w := walker{reader: r, span: s, entries: r.entries[:0]}
	finisher := s.goroutine
	s.from = s.start
	if exact {
		s.from = w.queued()
	}
	if other := r.handedOver(s, exact); other.goroutine != trace.NoGoroutine {
		until := min(other.at, s.end)
		w.walk(other.goroutine, s.from, until, 0, own)
		if other.at-s.from > s.end-other.at {
			s.goroutine = other.goroutine // it did most of the work
		} else {
			s.from = until
		}
		w.walk(finisher, until, s.end, 0, own)
	} else {
		w.walk(finisher, s.from, s.end, 0, own)
	}
	if g := r.goroutines[finisher]; g != nil && s.goroutine == finisher {
		g.finished(s)
	}
	r.entries = w.entries
	children := r.children[s.key()]
	delete(r.children, s.key())
	entries := w.entries
	if n := len(entries); children != nil && (n > manyEntries || n > someEntries && !children.joined) {
		entries = without(entries, s.end, children.covered, r.out.acts.number(act{}))
	}
	if len(entries) > manyEntries {
		s.coarse = true
		r.out.coarse++
		entries = coarse(entries, s.end, manyEntries)
	}
	s.entries = slices.Clone(entries)
}

// The number of a span's entries from which on it keeps none of the time that its children cover,
// and at which it becomes coarse. A request of twenty calls has about a hundred.
const (
	someEntries = 64
	manyEntries = 8192
)

// children are what the spans below a span cover of it.
type children struct {
	covered []stop
	joined  bool // a call has joined time, which is explained by what happened during its waits
}

// cover notes what a span covers of its parent, which finishes later.
func (r *reader) cover(s *span) {
	for _, ref := range s.References {
		if ref.Type != gap.ChildOf || ref.TraceID != s.TraceID {
			continue
		}
		key := spanKey{s.TraceID.Low, ref.SpanID, false}
		c := r.children[key]
		if c == nil {
			const most = 100_000 // parents that are in another process never come
			if len(r.children) == most {
				clear(r.children)
			}
			c = &children{}
			r.children[key] = c
		}
		c.covered = append(c.covered, stop{s.start, s.end})
		c.joined = c.joined || s.JoinedUS > 0
	}
}

// without returns the entries with one entry in place of all that are covered.
func without(entries []entry, end trace.Time, covered []stop, instead uint32) []entry {
	slices.SortFunc(covered, func(a, b stop) int { return cmp.Compare(a.start, b.start) })
	var result []entry
	add := func(e entry) {
		if n := len(result); n == 0 || result[n-1].act != instead || e.act != instead {
			result = append(result, e)
		}
	}
	next := 0
	for i, e := range entries {
		stop := end
		if i+1 < len(entries) {
			stop = entries[i+1].start
		}
		for at := e.start; at < stop; {
			for next < len(covered) && covered[next].end <= at {
				next++
			}
			if next == len(covered) || covered[next].start >= stop {
				e.start = at
				add(e)
				break
			}
			c := covered[next]
			if at < c.start {
				e.start = at
				add(e)
				at = c.start
			}
			add(entry{start: at, goroutine: trace.NoGoroutine, waker: trace.NoGoroutine, act: instead})
			at = min(stop, c.end)
		}
	}
	return result
}

// coarse returns at most limit entries. If there are more, it divides the span into windows. In
// each window it adds up the entries that are alike. If these are still too many, the shortest
// count as the longest.
func coarse(entries []entry, end trace.Time, limit int) []entry {
	if len(entries) <= limit {
		return entries
	}
	const each = 8 // entries in a window
	type sum struct {
		entry
		length trace.Time
	}
	start := entries[0].start
	width := (end-start)/trace.Time(limit/each) + 1
	var result []entry
	var sums []sum // of a window; few are different
	flush := func(at trace.Time) {
		slices.SortStableFunc(sums, func(a, b sum) int { return cmp.Compare(b.length, a.length) })
		for i := range sums[min(len(sums), each):] {
			sums[0].length += sums[each+i].length
		}
		for _, s := range sums[:min(len(sums), each)] {
			s.start = at
			result = append(result, s.entry)
			at += s.length
		}
		sums = sums[:0]
	}
	window := start
	for i, e := range entries {
		stop := end
		if i+1 < len(entries) {
			stop = entries[i+1].start
		}
		for e.start < stop {
			next := min(stop, window+width)
			k := slices.IndexFunc(sums, func(s sum) bool {
				return s.act == e.act && s.goroutine == e.goroutine && s.waker == e.waker
			})
			if k < 0 {
				k = len(sums)
				sums = append(sums, sum{entry: e})
			}
			sums[k].length += next - e.start
			e.start = next
			if next == window+width {
				flush(window)
				window = next
			}
		}
	}
	flush(window)
	return result
}

// lead is the wait of the span's goroutine that led to another one.
type lead struct {
	waker trace.GoID // that ended the wait
	act
}

// own leads to the goroutine of the span.
var own = lead{waker: trace.NoGoroutine}

// queued adds the time in which the goroutine that finished the span still worked for spans of
// other traces that began before it: the span waited in a queue. It returns when that ended.
func (w *walker) queued() trace.Time {
	from := w.span.start
	g := w.goroutines[w.span.goroutine]
	if g == nil {
		return from
	}
	queue := act{cause: gap.CauseOther, reason: w.reason("queued")}
	for _, other := range g.works {
		began := other.start < w.span.start && other.from <= from
		if began && other.end > from && other.end < w.span.end && other.TraceID != w.span.TraceID {
			w.append(from, other.end, trace.NoGoroutine, lead{g.id, queue})
			from = other.end
		}
	}
	return from
}

// handedOver returns the goroutine that handed the span over to the finisher, and when. The
// goroutine ran when the span started, or was created since, but not by the finisher. It is
// trace.NoGoroutine if none is known, or if the finisher itself ran when the span started.
//
// When two goroutines meet at a channel, the second wakes the first. So the span was handed over by
// the first goroutine that woke the finisher after it had finished the span before, or otherwise by
// the one that the finisher last woke from a send.
func (r *reader) handedOver(s *span, exact bool) wakeUp {
	nobody := wakeUp{goroutine: trace.NoGoroutine}
	finisher := r.goroutines[s.goroutine]
	if !exact || s.from > s.start || finisher == nil || len(finisher.pieces) == 0 ||
		finisher.created > s.start-trace.Time(near) ||
		finisher.pieces[0].start > s.start || finisher.runsAt(s.start, precise) {
		return nobody
	}
	after := s.start
	if n := len(finisher.marks); n > 0 && finisher.marks[n-1].trace != s.TraceID {
		after = max(after, finisher.marks[n-1].at)
	} else if n > 1 {
		after = max(after, finisher.marks[n-2].at)
	}
	handsOver := func(w wakeUp) bool {
		g := r.goroutines[w.goroutine]
		return g != nil && w.at > after && g.creator != finisher.id &&
			(g.created > s.start-trace.Time(near) || g.runsAt(s.start, near))
	}
	pieces := finisher.between(after, s.at)
	for i, p := range pieces {
		if p.state != waiting || i+1 == len(pieces) || r.places.all[p.stack].client != "" {
			continue
		}
		if w := (wakeUp{p.waker, pieces[i+1].start}); handsOver(w) {
			return w
		}
	}
	if handsOver(s.woke) {
		return s.woke
	}
	return nobody
}

// The start of a span is precise to some microseconds on the clock of the execution trace, and
// hardly ever off by more than near.
const (
	precise = 10 * time.Microsecond
	near    = 50 * time.Microsecond
)

// runsAt reports whether the goroutine is known to have run near a time.
func (g *goroutine) runsAt(at trace.Time, near time.Duration) bool {
	return slices.ContainsFunc(g.between(at-trace.Time(near), at+trace.Time(near)), func(p piece) bool {
		return p.state == running || p.state == collecting || p.state == inSyscall
	})
}

// slack is how far the wall clock and the trace's may be apart.
const slack = trace.Time(1e6)

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
