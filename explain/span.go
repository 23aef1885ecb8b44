package explain

import (
	"cmp"
	"slices"

	"golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace/gap"
)

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

// explainSpan finds what happened during a span, and adds the span to the result.
func (r *reader) explainSpan(m *marked) {
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

// slack is how far the wall clock and the trace's may be apart.
const slack = trace.Time(1e6)
