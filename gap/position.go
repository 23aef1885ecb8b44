package gap

import (
	"cmp"
	"iter"
	"slices"
	"time"
)

// Position says where in its span a gap is, by the operations before and after it. It finds the
// same place in other traces.
type Position struct {
	After, Before  string // the operations of [Gap.After] and [Gap.Before]
	AtStart, AtEnd bool   // the gap starts or ends with its span, so it has no After or Before
	Joined         bool   // the gap is joined time, so only Within says where it is
	Within         string // the operation of [Gap.Call]
}

// String returns the position in words: "after get, before set", "before get" at the start of the
// span, "after set" at its end, "all of it" for a whole span, or "within get" for joined time.
func (p Position) String() string {
	switch {
	case p.Joined:
		return "within " + p.Within
	case p.AtStart && p.AtEnd:
		return "all of it"
	case p.AtStart:
		return "before " + p.Before
	case p.AtEnd:
		return "after " + p.After
	}
	return "after " + p.After + ", before " + p.Before
}

// Position returns where in its span the gap is.
func (g Gap) Position() Position {
	if g.Joined() {
		return Position{Joined: true, Within: g.Call.node().span.Operation}
	}
	p := Position{AtStart: g.After == Node{}, AtEnd: g.Before == Node{}}
	if !p.AtStart {
		p.After = g.After.node().span.Operation
	}
	if !p.AtEnd {
		p.Before = g.Before.node().span.Operation
	}
	return p
}

// GapGroup is what a [Summary] holds for the gaps at one position of an operation. A sum that
// overflows is the largest [time.Duration].
type GapGroup struct {
	Service, Operation string
	Tagged             bool   // see [Operation]
	TagValue           string // see [Operation]
	Class              Class
	Position           Position
	Count              int64
	Time               time.Duration // sum of [Gap.Time]
	CriticalTime       time.Duration // sum of [Gap.CriticalTime]
	Times              Histogram     // of [Gap.Time]
	Worst              GapRef        // the gap with the most CriticalTime, of equals that with the most Time

	// Parts say what the program did in all these gaps, the longest first. They have no HeldBy and
	// no Goroutine. They are nil if no gap has a [Gap.Explanation].
	Parts []Part
}

// GapRef identifies a gap in any trace that was added to a [Summary].
type GapRef struct {
	TraceID            TraceID
	SpanID             SpanID
	Start              time.Time     // in UTC
	At                 time.Duration // Start, counted from the start of the trace
	Time, CriticalTime time.Duration // see [Gap]
	Incomplete         bool          // see [Trace.Incomplete]; the gap may be a span that was not recorded
}

// Gaps returns the gaps by operation, class and position, ordered by CriticalTime, the most first.
// Ties are ordered by Time, by Count, then by what the gaps of a group have in common.
func (s *Summary) Gaps() iter.Seq[GapGroup] {
	return func(yield func(GapGroup) bool) {
		var all []gapsOf // without names and histograms, of which the caller may need only the first
		for _, service := range s.services {
			for _, o := range service.operations {
				for key, g := range o.gaps {
					all = append(all, gapsOf{o, key, g})
				}
			}
		}
		slices.SortFunc(all, s.compareGaps)
		for _, g := range all {
			if !yield(GapGroup{
				g.of.Service, g.of.Name, g.of.Tagged, g.of.TagValue, g.key.class, s.position(g.key), g.count,
				time.Duration(g.time), time.Duration(g.critical), g.times.clone(), g.worst.export(), g.parts.export(),
			}) {
				return
			}
		}
	}
}

// gapsOf is a GapGroup in the form in which the Summary has it.
type gapsOf struct {
	of  *operation
	key gapKey
	*gapSum
}

func (s *Summary) compareGaps(a, b gapsOf) int {
	switch {
	case a.critical != b.critical:
		return cmp.Compare(b.critical, a.critical)
	case a.time != b.time:
		return cmp.Compare(b.time, a.time)
	case a.count != b.count:
		return cmp.Compare(b.count, a.count)
	case a.of != b.of:
		return cmp.Or(
			cmp.Compare(a.of.Service, b.of.Service), cmp.Compare(a.of.Name, b.of.Name),
			cmp.Compare(a.of.TagValue, b.of.TagValue), compareBools(a.of.Tagged, b.of.Tagged),
		)
	}
	return cmp.Or(cmp.Compare(a.key.class, b.key.class), s.position(a.key).Compare(s.position(b.key)))
}

// Compare orders positions by their names, in the same way every time. It returns -1, 0 or +1.
func (p Position) Compare(other Position) int {
	return cmp.Or(
		cmp.Compare(p.Within, other.Within), cmp.Compare(p.After, other.After), cmp.Compare(p.Before, other.Before),
		compareBools(p.Joined, other.Joined), compareBools(p.AtStart, other.AtStart), compareBools(p.AtEnd, other.AtEnd),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return +1
}

// gapKey is what the gaps of a group have in common, besides their operation. Names are numbers,
// see Summary.numbers.
type gapKey struct {
	after, before uint32 // zero for AtStart and AtEnd; both are the call's for joined time
	class         Class
	joined        bool
}

// gapSum is a GapGroup without what its gapKey and operation say.
type gapSum struct {
	count, time, critical int64
	times                 Histogram
	worst                 rawGapRef
	parts                 partSums
}

// rawGapRef is a GapRef in integers.
type rawGapRef struct {
	trace                     TraceID
	span                      SpanID
	start, at, time, critical int64
	incomplete                bool
}

func (r rawGapRef) export() GapRef {
	return GapRef{
		r.trace, r.span, moment(r.start), time.Duration(r.at), time.Duration(r.time), time.Duration(r.critical),
		r.incomplete,
	}
}

// worse reports whether r is the worse gap. Equally bad gaps are ordered by the other fields, so
// that the order of traces makes no difference.
func (r *rawGapRef) worse(other *rawGapRef) bool {
	switch {
	case r.critical != other.critical:
		return r.critical > other.critical
	case r.time != other.time:
		return r.time > other.time
	case r.trace != other.trace:
		return r.trace.Compare(other.trace) < 0
	case r.start != other.start:
		return r.start < other.start
	case r.span != other.span:
		return r.span < other.span
	case r.at != other.at: // the traces are parts of one, and start at different times
		return r.at < other.at
	}
	return r.incomplete && !other.incomplete
}

// addGaps adds gaps with this key to an operation. The worst of them is worst.
func (o *operation) addGaps(key gapKey, count, time, critical int64, worst *rawGapRef) *gapSum {
	g := o.last
	if g == nil || key != o.lastKey {
		g = o.gaps[key]
	}
	if g == nil {
		if o.gaps == nil {
			o.gaps = make(map[gapKey]*gapSum)
		}
		g = &gapSum{worst: *worst}
		o.gaps[key] = g
	} else if worst.worse(&g.worst) {
		g.worst = *worst
	}
	o.last, o.lastKey = g, key
	g.count = addSaturating(g.count, count)
	g.time = addSaturating(g.time, time)
	g.critical = addSaturating(g.critical, critical)
	return g
}

// position returns the Position that a key stands for.
func (s *Summary) position(key gapKey) Position {
	name := func(number uint32) string {
		if number == 0 {
			return ""
		}
		return s.names[number-1]
	}
	if key.joined {
		return Position{Joined: true, Within: name(key.after)}
	}
	return Position{name(key.after), name(key.before), key.after == 0, key.before == 0, false, ""}
}

// mergeGaps adds to o the gaps of the same operation in another Summary.
func (s *Summary) mergeGaps(o *operation, other *Summary, from *operation) {
	for key, g := range from.gaps {
		if key.after != 0 {
			key.after = s.number(other.names[key.after-1])
		}
		if key.before != 0 {
			key.before = s.number(other.names[key.before-1])
		}
		sum := o.addGaps(key, g.count, g.time, g.critical, &g.worst)
		sum.times.merge(&g.times)
		sum.parts.merge(g.parts)
		o.explained = o.explained || g.parts != nil
	}
}
