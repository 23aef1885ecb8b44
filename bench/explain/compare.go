package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

type sums = [gap.NumCauses]time.Duration

// confusion is time by its true cause, then by the cause that package explain found.
type confusion [gap.NumCauses]sums

func (c *confusion) add(other *confusion) {
	for i := range c {
		for j := range c[i] {
			c[i][j] += other[i][j]
		}
	}
}

// wrong returns the time whose cause is wrong.
func (c *confusion) wrong() (total time.Duration) {
	for i := range c {
		for j := range c[i] {
			if i != j {
				total += c[i][j]
			}
		}
	}
	return total
}

// truths and founds return how long each cause lasted.
func (c *confusion) truths() (all sums) {
	for i := range c {
		for _, d := range c[i] {
			all[i] += d
		}
	}
	return all
}

func (c *confusion) founds() (all sums) {
	for i := range c {
		for j, d := range c[i] {
			all[j] += d
		}
	}
	return all
}

// compared is the result of one gap.
type compared struct {
	span      gap.SpanID
	parts     []gap.Part
	length    time.Duration
	unknown   time.Duration // the truth is not known: between two things that were measured
	confusion confusion
	largest   bool // the cause that lasted longest is right
	total     bool // the parts add up to the gap
	explained bool

	locked, held time.Duration // time in locks, and the part of it whose holder is right
}

// compare compares the explanation of a gap with the truth.
func compare(g gap.Gap, segments []segment, holders []gap.SpanID) compared {
	r := compared{span: g.Node.Span().SpanID, length: g.Time, unknown: g.Time, explained: g.Explanation != nil}
	e := g.Explanation
	if e == nil { // as if it said nothing
		e = &gap.Explanation{
			Parts:   []gap.Part{{Cause: gap.CauseUnobserved, Duration: g.Time}},
			Moments: []gap.Moment{{Start: g.Start, End: g.End}},
		}
	}
	segments = clipAll(segments, g.Start, g.End)
	for _, s := range segments {
		r.unknown -= s.end.Sub(s.start)
	}
	var all []amount
	for _, s := range joinRunning(segments) {
		if e.Moments == nil {
			all = append(all, s.amounts...)
			continue
		}
		found := foundBetween(e, s.start, s.end)
		r.confusion.match(s.amounts, found)
	}
	if e.Moments == nil {
		r.confusion.match(all, e.Causes())
	}
	r.parts = e.Parts
	r.largest = r.sameLargest(e.Causes())
	var total time.Duration
	for _, p := range e.Parts {
		total += p.Duration
		if p.Cause == gap.CauseLock {
			r.locked += p.Duration
			if slices.Contains(holders, p.HeldBy.SpanID) {
				r.held += p.Duration
			}
		}
	}
	r.total = total == g.Time
	return r
}

// clipAll returns the parts of segments between start and end.
func clipAll(segments []segment, start, end time.Time) (clipped []segment) {
	for _, s := range segments {
		if s = s.clip(start, end); len(s.amounts) > 0 {
			clipped = append(clipped, s)
		}
	}
	return clipped
}

// joinRunning joins consecutive segments of a gap in which nothing waited. The clocks do not say
// when in them there was no CPU. Package explain does not promise to find it, either.
func joinRunning(segments []segment) (joined []segment) {
	for _, s := range segments {
		n := len(joined)
		if n == 0 || !s.isRunning() || !joined[n-1].isRunning() {
			joined = append(joined, s)
			continue
		}
		last := &joined[n-1]
		between := amount{waking, s.start.Sub(last.end)} // so that it has a truth, too
		last.amounts = slices.Concat(last.amounts, []amount{between}, s.amounts)
		last.end = s.end
	}
	return joined
}

// isRunning reports whether nothing waited in the segment.
func (s *segment) isRunning() bool {
	for _, a := range s.amounts {
		if a.causes&^waking != 0 {
			return false
		}
	}
	return true
}

// foundBetween returns how long each cause lasted between start and end.
func foundBetween(e *gap.Explanation, start, end time.Time) (found sums) {
	for _, m := range e.Moments {
		if d := earlier(m.End, end).Sub(later(m.Start, start)); d > 0 {
			found[e.Parts[m.Part].Cause] += d
		}
	}
	return found
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// match adds true amounts by the cause that was found for them. Time that was found for a cause
// goes to amounts of that cause first. What is left of the amounts is wrong. It goes to the causes
// that are left, in proportion.
func (c *confusion) match(amounts []amount, found sums) {
	amounts = slices.Clone(amounts)
	slices.SortStableFunc(amounts, func(a, b amount) int { return a.causes.size() - b.causes.size() })
	var missing sums
	for _, a := range amounts {
		for cause := range gap.Cause(gap.NumCauses) {
			if a.causes.has(cause) {
				d := min(a.duration, found[cause])
				c[cause][cause] += d
				found[cause] -= d
				a.duration -= d
			}
		}
		missing[a.causes.name()] += a.duration
	}
	var left time.Duration
	for _, d := range found {
		left += d
	}
	for i, d := range missing {
		if left == 0 { // by rounding, or the moments do not cover all of the time
			c[i][gap.CauseUnobserved] += d
			continue
		}
		for j := range found {
			c[i][j] += time.Duration(float64(d) * float64(found[j]) / float64(left))
		}
	}
}

func (s causes) size() (n int) {
	for ; s != 0; s &= s - 1 {
		n++
	}
	return n
}

// near is the part of a gap by which two causes may differ and still both be the largest.
const near = 0.01

// sameLargest reports whether a cause is the largest both in truth and as found.
func (r *compared) sameLargest(found sums) bool {
	truths := r.confusion.truths()
	slack := time.Duration(near * float64(r.length))
	mostTrue, mostFound := slices.Max(truths[:])-slack, slices.Max(found[:])-slack
	for c := range found {
		if truths[c] > 0 && truths[c] >= mostTrue && found[c] >= mostFound {
			return true
		}
	}
	return false
}

// err returns the part of the gap whose cause is wrong.
func (r *compared) err() float64 { return float64(r.confusion.wrong()) / float64(r.length) }

// errOf returns how wrong the duration of a cause is, as a part of the gap.
func (r *compared) errOf(c gap.Cause) float64 {
	return float64((r.confusion.truths()[c] - r.confusion.founds()[c]).Abs()) / float64(r.length)
}

// print prints the true causes, then the parts of the explanation.
func (r *compared) print(w io.Writer) {
	fmt.Fprintf(w, "span %v, %v, %s wrong:", r.span, r.length, percent(r.err()))
	for c, d := range r.confusion.truths() {
		if d > 0 {
			fmt.Fprintf(w, " %v %v", gap.Cause(c), d)
		}
	}
	fmt.Fprintln(w)
	for _, p := range r.parts {
		fmt.Fprintf(w, "\t%v %v by %v %+v\n", p.Cause, p.Duration, p.Proof, p.Evidence)
	}
}
