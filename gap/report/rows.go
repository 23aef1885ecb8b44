package report

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// row is one line of a waterfall. It shows a call with its later waits or any other span, or stands
// for spans that are left out.
type row struct {
	nodes   []gap.Node // the call's span first; empty if the row stands for spans that are left out
	leftOut int        // the number of these spans, except those in short
	short   int        // the number of these that are too short to be drawn
	depth   int
	rails   uint64 // bit i is set if the ancestor at depth i has more siblings below this row
	last    bool   // no sibling follows
	service string // "" if the parent has the same service
}

// failed reports whether a span of the row failed.
func (r row) failed() bool { return slices.ContainsFunc(r.nodes, gap.Node.Failed) }

// shownTags yields the tags of a row's first span that have one of the keys, in the order of the
// keys. Keys and values are safe to print.
func shownTags(r row, keys []string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		if len(r.nodes) == 0 {
			return
		}
		for _, key := range keys {
			const most = 1000 // bytes of a value
			value, ok := r.nodes[0].Span().Tag(key)
			if ok && !yield(printable.Name(key), printable.Text(value, most)) {
				return
			}
		}
	}
}

// family is a span whose children become rows.
type family struct {
	siblings
	next    int // index into calls
	depth   int // of the children
	rails   uint64
	service string
}

// siblings are spans with one parent, or those of one call.
type siblings struct {
	calls          [][]gap.Node
	leftOut, short int
}

// rows returns the rows of a trace's waterfall. They leave out spans that are shorter than
// shortest, except failed ones and the ancestors of others. If most is positive, they show at most
// this many spans: those with the most self time on the critical path, then those nearest to the
// roots. They also show the later waits of these spans.
func rows(t *gap.Trace, most int, shortest time.Duration) []row {
	var all []row
	c := choose(t, most, shortest)
	roots := &family{}
	c.add(&roots.siblings, t.Roots())
	stack := []*family{roots}
	for len(stack) > 0 {
		f := stack[len(stack)-1]
		if f.next == len(f.calls) {
			if f.leftOut+f.short > 0 {
				all = append(all, row{leftOut: f.leftOut, short: f.short, depth: f.depth, rails: f.rails, last: true})
			}
			stack = stack[:len(stack)-1]
			continue
		}
		r := row{nodes: f.calls[f.next], depth: f.depth, rails: f.rails}
		f.next++
		r.last = f.next == len(f.calls) && f.leftOut+f.short == 0
		service := r.nodes[0].Service()
		if service != f.service || f.depth == 0 {
			r.service = cmp.Or(service, "?")
		}
		all = append(all, r)

		below := &family{depth: f.depth + 1, rails: f.rails, service: service}
		if !r.last && f.depth < 64 {
			below.rails |= 1 << f.depth
		}
		for _, n := range r.nodes {
			c.add(&below.siblings, n.Children())
		}
		stack = append(stack, below)
	}
	return all
}

// choice says which spans of a trace are shown, by [gap.Node.Index].
type choice struct {
	shown []bool // nil for all
	long  []bool // those that are not too short to be drawn; nil for all
}

// add groups spans with one parent by call. It also counts the spans that are not shown, including
// all spans below them.
func (c choice) add(to *siblings, spans iter.Seq[gap.Node]) {
	for n := range spans {
		if n.Call() != n {
			continue // it is with its call
		}
		switch {
		case c.long != nil && !c.long[n.Index()]:
			to.short += spansOf(n)
		case c.shown != nil && !c.shown[n.Index()]:
			to.leftOut += spansOf(n)
		default:
			to.calls = append(to.calls, slices.AppendSeq([]gap.Node{n}, n.Waits()))
		}
	}
}

// spansOf returns the number of spans in a row for n, and below it.
func spansOf(n gap.Node) int {
	sum := 1 + n.Descendants()
	for wait := range n.Waits() {
		if parent, ok := wait.Parent(); !ok || parent != n { // the waits of a root are below it
			sum += 1 + wait.Descendants()
		}
	}
	return sum
}

// longSpans returns the spans that are long enough to be drawn, and all their ancestors. It returns
// their number, too. Failed spans are always drawn.
func longSpans(t *gap.Trace, shortest time.Duration) (long []bool, count int) {
	if shortest <= 0 {
		return nil, t.Len()
	}
	long = make([]bool, t.Len())
	for n := range t.Nodes() {
		if n.Duration() < shortest && !n.Failed() {
			continue
		}
		for ok := true; ok && !long[n.Call().Index()]; n, ok = n.Parent() {
			n = n.Call()
			long[n.Index()] = true
			count++
		}
	}
	return long, count
}

// choose returns which spans are shown. It includes the ancestors of each shown span.
func choose(t *gap.Trace, most int, shortest time.Duration) choice {
	long, count := longSpans(t, shortest)
	if most <= 0 || count <= most {
		return choice{shown: long, long: long}
	}
	drawn := func(n gap.Node) bool { return long == nil || long[n.Call().Index()] }
	type candidate struct {
		node               gap.Node
		critical, duration time.Duration // cached, since CriticalTime looks at all children
	}
	// Each of the worst spans may have many ancestors, so this bounds the walk below.
	worst := top[candidate]{most: min(4*most, t.Len()), compare: func(a, b candidate) int {
		switch {
		case a.critical != b.critical:
			return cmp.Compare(b.critical, a.critical)
		case a.duration != b.duration:
			return cmp.Compare(b.duration, a.duration)
		}
		return cmp.Compare(a.node.Index(), b.node.Index())
	}}
	for n := range t.Nodes() {
		if !drawn(n) {
			continue
		}
		worst.add(candidate{n, n.CriticalTime(), n.Duration()})
	}
	shown := make([]bool, t.Len())
	left := most
	var path []gap.Node
	for _, c := range worst.sorted() {
		n := c.node
		path = path[:0]
		for ok := true; ok && !shown[n.Call().Index()] && len(path) <= left; n, ok = n.Parent() {
			n = n.Call()
			path = append(path, n)
		}
		if len(path) > left {
			continue // too deep
		}
		for _, p := range path {
			shown[p.Index()] = true
		}
		left -= len(path)
	}
	nearest := top[gap.Node]{most: left, compare: func(a, b gap.Node) int {
		if a.Depth() != b.Depth() {
			return cmp.Compare(a.Depth(), b.Depth())
		}
		return cmp.Compare(a.Index(), b.Index())
	}}
	for n := range t.Nodes() {
		if left > 0 && n.Call() == n && !shown[n.Index()] && drawn(n) {
			nearest.add(n)
		}
	}
	for _, n := range nearest.kept {
		shown[n.Index()] = true
	}
	return choice{shown: shown, long: long}
}
