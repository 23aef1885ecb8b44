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
	leftOut int        // the number of these spans
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
	calls   [][]gap.Node
	leftOut int
	next    int // index into calls
	depth   int // of the children
	rails   uint64
	service string
}

// rows returns the rows of a trace's waterfall. If most is positive, they show at most this many
// spans: those with the most self time on the critical path, then those nearest to the roots. They
// also show the later waits of these spans.
func rows(t *gap.Trace, most int) []row {
	var all []row
	shown := choose(t, most)
	roots, leftOut := calls(t.Roots(), shown)
	stack := []*family{{calls: roots, leftOut: leftOut}}
	for len(stack) > 0 {
		f := stack[len(stack)-1]
		if f.next == len(f.calls) {
			if f.leftOut > 0 {
				all = append(all, row{leftOut: f.leftOut, depth: f.depth, rails: f.rails, last: true})
			}
			stack = stack[:len(stack)-1]
			continue
		}
		r := row{nodes: f.calls[f.next], depth: f.depth, rails: f.rails}
		f.next++
		r.last = f.next == len(f.calls) && f.leftOut == 0
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
			children, leftOut := calls(n.Children(), shown)
			below.calls = append(below.calls, children...)
			below.leftOut += leftOut
		}
		stack = append(stack, below)
	}
	return all
}

// calls groups siblings by call. It also counts the spans that are not shown, including all spans
// below them.
func calls(siblings iter.Seq[gap.Node], shown []bool) (calls [][]gap.Node, leftOut int) {
	for n := range siblings {
		if n.Call() != n {
			continue // it is with its call
		}
		frame := slices.AppendSeq([]gap.Node{n}, n.Waits())
		if shown == nil || shown[n.Index()] {
			calls = append(calls, frame)
			continue
		}
		for _, span := range frame {
			if parent, ok := span.Parent(); !ok || parent != n { // the waits of a root are below it
				leftOut += 1 + span.Descendants()
			}
		}
	}
	return calls, leftOut
}

// choose returns which spans are shown, by [gap.Node.Index], or nil for all. It includes the
// ancestors of each shown span.
func choose(t *gap.Trace, most int) []bool {
	if most <= 0 || t.Len() <= most {
		return nil
	}
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
		if left > 0 && n.Call() == n && !shown[n.Index()] {
			nearest.add(n)
		}
	}
	for _, n := range nearest.kept {
		shown[n.Index()] = true
	}
	return shown
}
