package gap_test

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

const specDefaultSkew = 256 * time.Millisecond

var specEpoch = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// specNode is a span in a naive model of what the package documentation says. Its times are since
// specEpoch, with the clock corrected.
type specNode struct {
	*gap.Span
	id, named         gap.SpanID // named is the parent by ChildOf, even if missing; zero if none
	kind              gap.Kind
	start, end, moved time.Duration
	parent, call      *specNode // call is the span itself, except for a later wait
	children, frame   []*specNode
	mask, on          uint64 // the slices that it lasts, and those in which the path is in or below it
}

// specModel is a trace. The starts and ends of its spans divide time into slices: slice k lasts
// from cuts[k] to cuts[k+1], and is bit k of a set.
type specModel struct {
	nodes, roots []*specNode // nodes are in the order of Trace.Nodes
	byID         map[gap.SpanID]*specNode
	cuts         []time.Duration
}

func newSpecModel(spans []gap.Span, maxSkew time.Duration) *specModel {
	m := &specModel{byID: map[gap.SpanID]*specNode{}}
	for i := range spans {
		n := &specNode{Span: &spans[i], id: spans[i].SpanID, start: spans[i].Start.Sub(specEpoch)}
		n.end, n.call, n.frame = n.start+n.Duration, n, []*specNode{n}
		for n.kind = gap.KindConsumer; n.kind > 0 && n.kind.String() != specTag(n.Span, "span.kind"); n.kind-- {
		}
		m.byID[n.id], m.nodes = n, append(m.nodes, n)
		if n.Warnings != nil { // Jaeger has corrected the clocks
			maxSkew = -1
		}
	}
	for _, n := range m.nodes {
		for _, kind := range []gap.RefType{gap.ChildOf, gap.FollowsFrom} {
			for _, r := range n.References {
				if r.Type != kind || n.parent != nil {
					continue
				}
				n.parent = m.byID[r.SpanID]
				if kind == gap.ChildOf && (n.named == 0 || n.parent != nil) {
					n.named = r.SpanID
				}
			}
		}
	}
	var siblings []*specNode // spans below one that names the same missing parent
	for _, n := range m.nodes {
		if n.parent != nil && n.named != 0 && m.byID[n.named] == nil && n.parent.named == n.named {
			siblings = append(siblings, n)
		}
	}
	for _, n := range siblings {
		n.parent = nil
	}
	for _, n := range m.nodes {
		if n.parent == nil {
			m.roots = append(m.roots, n)
		} else {
			n.parent.children = append(n.parent.children, n)
		}
	}
	// The waits of a level make its frames. The frames correct the clocks of the next level.
	for level := m.roots; len(level) > 0; {
		m.findWaits(level)
		var next []*specNode
		for _, n := range level {
			for _, c := range n.children {
				if m.callWithClock(c) == nil {
					c.correctClock(maxSkew)
				}
			}
			for _, c := range n.children {
				if call := m.callWithClock(c); call != nil && call.moved != c.moved && maxSkew >= 0 {
					c.move(call.moved - c.moved)
				}
			}
			next = append(next, n.children...)
		}
		level = next
	}
	for _, n := range m.nodes {
		m.cuts = append(m.cuts, n.start, n.end)
	}
	slices.Sort(m.cuts)
	m.cuts, m.nodes = slices.Compact(m.cuts), nil
	m.list(m.roots)
	m.findPath()
	return m
}

func specTag(s *gap.Span, key string) any {
	if i := slices.IndexFunc(s.Tags, func(f gap.Field) bool { return f.Key == key }); i >= 0 {
		return s.Tags[i].Value
	}
	return nil
}

// specOrder is the order of Node.Children.
func specOrder(a, b *specNode) int {
	return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(a.id, b.id))
}

func (m *specModel) list(siblings []*specNode) {
	slices.SortFunc(siblings, specOrder)
	for _, n := range siblings {
		n.mask = m.slices(n.start, n.end)
		m.nodes = append(m.nodes, n)
		m.list(n.children)
	}
}

func (m *specModel) slices(start, end time.Duration) (set uint64) {
	for k, cut := range m.cuts {
		if start <= cut && cut < end {
			set |= 1 << k
		}
	}
	return set
}

func (m *specModel) length(set uint64) (sum time.Duration) {
	for ; set != 0; set &= set - 1 {
		k := bits.TrailingZeros64(set)
		sum += m.cuts[k+1] - m.cuts[k]
	}
	return sum
}

// runs calls f for each maximal interval of the set.
func (m *specModel) runs(set uint64, f func(run uint64, start, end time.Duration)) {
	for set != 0 {
		lo := bits.TrailingZeros64(set)
		hi := lo + bits.TrailingZeros64(^(set >> lo))
		run := set & (1<<hi - 1)
		f(run, m.cuts[lo], m.cuts[hi])
		set &^= run
	}
}

// findWaits finds the later waits of calls. Calls with shorter operations come first, since a later
// wait of one, "x wait", is not a call that "x wait wait" can follow.
func (m *specModel) findWaits(calls []*specNode) {
	candidates := slices.Clone(m.nodes)
	slices.SortFunc(candidates, specOrder)
	calls = slices.Clone(calls)
	slices.SortFunc(calls, func(a, b *specNode) int { return len(a.Operation) - len(b.Operation) })
	for _, c := range calls {
		if c.call != c {
			continue
		}
		for _, w := range candidates {
			follows := slices.ContainsFunc(w.References, func(r gap.Reference) bool {
				return r.Type == gap.FollowsFrom && r.SpanID == c.id
			})
			sibling := c.named != 0 && w.named == c.named && w.parent == c.parent &&
				(c.parent == nil || c.parent.id == c.named)
			ofRoot := c.parent == nil && c.named == 0 && w.parent == c && w.named == 0
			if follows && w.Operation == c.Operation+" wait" && (sibling || ofRoot) &&
				w.start > c.start && w.start >= c.frameEnd() {
				c.frame, w.call = append(c.frame, w), c
			}
		}
	}
}

func (n *specNode) frameEnd() time.Duration { return n.call.frame[len(n.call.frame)-1].end }

// correctClock moves n, and with each span its children that share its clock.
func (n *specNode) correctClock(maxSkew time.Duration) {
	lo, hi := n.parent.call.start, n.parent.frameEnd()
	late := n.start >= hi && n.kind == gap.KindServer && n.parent.kind == gap.KindClient
	if !n.wouldBlock() || specSameClock(n.Process, n.parent.Process) || n.start >= lo && !late {
		return
	}
	shift := lo - n.start
	if late && n.end-n.start <= hi-lo {
		shift = hi - n.end
	}
	if shift.Abs() <= maxSkew {
		n.move(shift)
	}
}

// callWithClock returns the sibling that n seems to be a later wait of, if they share a clock.
func (m *specModel) callWithClock(n *specNode) *specNode {
	for _, r := range n.References {
		c := m.byID[r.SpanID]
		if r.Type != gap.FollowsFrom || c == nil || n.Operation != c.Operation+" wait" || n.parent != c.parent ||
			n.named != n.parent.id || c.named != n.named || !specSameClock(n.Process, c.Process) {
			continue
		}
		follows := slices.ContainsFunc(c.References, func(r gap.Reference) bool { return r.Type == gap.FollowsFrom })
		if !follows || !strings.HasSuffix(c.Operation, " wait") {
			return c
		}
	}
	return nil
}

func (n *specNode) move(shift time.Duration) {
	n.start, n.end, n.moved = n.start+shift, n.end+shift, n.moved+shift
	for _, c := range n.children {
		if specSameClock(c.Process, n.Process) {
			c.move(shift)
		}
	}
}

func specSameClock(a, b *gap.Process) bool {
	return a == nil || b == nil || a.Service == b.Service && slices.Equal(a.Tags, b.Tags) ||
		slices.ContainsFunc(a.Tags, func(f gap.Field) bool { return slices.Contains(b.Tags, f) })
}

// wouldBlock reports whether n blocks its parent, unless it starts too late.
func (n *specNode) wouldBlock() bool {
	return n.parent != nil && n.named == n.parent.id &&
		(n.kind != gap.KindConsumer || n.parent.kind != gap.KindProducer)
}

func (n *specNode) blocking() bool {
	return n.wouldBlock() && (n.start < n.parent.frameEnd() || n.start == n.parent.frameEnd() && n.start == n.end)
}

// below returns the children of all spans of the frame of n.
func (n *specNode) below() (all []*specNode) {
	for _, s := range n.call.frame {
		all = append(all, s.children...)
	}
	slices.SortFunc(all, specOrder)
	return all
}

func (n *specNode) blockers() []*specNode {
	return slices.DeleteFunc(n.below(), func(c *specNode) bool { return !c.blocking() })
}

func (n *specNode) class() gap.Class {
	switch server := func(c *specNode) bool { return c.kind == gap.KindServer }; {
	case n.kind != gap.KindClient:
		return gap.ClassSelf
	case slices.ContainsFunc(n.below(), server):
		return gap.ClassWire
	}
	return gap.ClassRemote
}

// findPath sets, for each span, in which slices the critical path is in it or below it.
func (m *specModel) findPath() {
	orphans := map[gap.SpanID][]*specNode{}
	for _, n := range m.nodes {
		if n.call.parent == nil && n.call.named == 0 { // a root, or a later wait of one
			n.on = n.mask
		} else if n.parent == nil {
			orphans[n.named] = append(orphans[n.named], n)
		}
	}
	for _, siblings := range orphans {
		slices.SortFunc(siblings, specOrder)
		m.walk(siblings, 1<<(len(m.cuts)-1)-1)
	}
	for _, n := range m.nodes { // parents first, and a call before its frame's children
		if n.call != n {
			continue
		}
		var on uint64
		for _, s := range n.frame {
			on |= s.on
		}
		m.walk(n.blockers(), on)
	}
	for level := m.roots; len(level) > 0; { // parents first: leave out what lies between spans
		var next []*specNode
		for _, n := range level {
			for _, c := range n.children {
				var on uint64
				for _, s := range n.call.frame {
					on |= s.on
				}
				c.on &= on
			}
			next = append(next, n.children...)
		}
		level = next
	}
}

// walk goes back from the last slice of the path to the first, and divides all of them among the
// children.
func (m *specModel) walk(children []*specNode, path uint64) {
	for k := bits.Len64(path) - 1; k >= bits.TrailingZeros64(path) && k >= 0; k-- { // slice k is next
		var next *specNode
		for _, c := range children {
			ends, nextEnds := c.mask>>k&3 == 1, next != nil && next.mask>>k&3 == 1
			if c.mask>>k&1 == 1 && (next == nil || ends && !nextEnds) {
				next = c
			}
		}
		for ; next != nil && k >= 0 && next.mask>>k&1 == 1; k-- {
			if k >= bits.TrailingZeros64(path) {
				next.on |= 1 << k
			}
		}
		if next != nil {
			k++
		}
	}
}

// self returns the slices in which the critical path is in n itself.
func (n *specNode) self() uint64 {
	on := n.on
	for _, c := range n.blockers() {
		on &^= c.on
	}
	return on
}

const (
	specSpanLine = "span %d [%v,%v) below %d moved %v blocking %t outlives %t detached %t incomplete %t self %v"
	specGapLine  = "gap of %d [%v,%v) %v critical %v after %d before %d"
	specPathLine = "path in %d [%v,%v) %v"
)

// lines describes each span with its uncovered gaps, then the critical path.
func (m *specModel) lines() (lines []string) {
	paths := map[*specNode]map[int]string{} // by root, then by slice
	for _, n := range m.roots {
		paths[n] = map[int]string{}
	}
	for _, n := range m.nodes {
		var after, before gap.SpanID
		var self time.Duration
		blockers, free := n.blockers(), n.mask
		for _, c := range blockers {
			free &^= c.mask
		}
		if n.kind != gap.KindClient {
			self = m.length(free)
		}
		if n.parent != nil {
			before = n.parent.id
		}
		lines = append(lines, fmt.Sprintf(specSpanLine, n.id, n.start, n.end, before, n.moved, n.blocking(),
			n.blocking() && n.end > n.parent.frameEnd(), n.wouldBlock() && !n.blocking(),
			n.named != 0 && m.byID[n.named] == nil, self))
		m.runs(free, func(run uint64, start, end time.Duration) {
			after, before = 0, 0
			for _, c := range slices.Backward(blockers) {
				if c.start == c.end {
					continue
				}
				if c.end == start && start != n.start {
					after = c.call.id
				}
				if c.start == end && end != n.end {
					before = c.call.id
				}
			}
			critical := m.length(run & n.self())
			lines = append(lines, fmt.Sprintf(specGapLine, n.id, start, end, n.class(), critical, after, before))
		})
		m.runs(n.self(), func(run uint64, start, end time.Duration) {
			k := bits.TrailingZeros64(run)
			paths[n.rootAt(k)][k] = fmt.Sprintf(specPathLine, n.id, start, end, n.class())
		})
	}
	for _, root := range m.roots {
		for k := range m.cuts {
			if line, ok := paths[root][k]; ok {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// rootAt returns the root of n. If that is a call of which a later wait is a root, too, it returns
// the one in which the path is in slice k.
func (n *specNode) rootAt(k int) *specNode {
	for n.parent != nil {
		n = n.parent
	}
	for _, s := range n.call.frame {
		if s.parent == nil && s.on>>k&1 == 1 {
			return s
		}
	}
	return n
}

// joined returns at most how long the joined gap of n for each call is, and all of them together.
func (m *specModel) joined(n *specNode) (each map[gap.SpanID]time.Duration, all time.Duration) {
	var covered uint64
	each = map[gap.SpanID]time.Duration{}
	for _, c := range n.children {
		us, _ := specTag(c.Span, "wait.joined_us").(int64)
		if us <= 0 || c.call != c || !c.blocking() {
			continue
		}
		var cover uint64
		for _, s := range c.frame {
			cover |= s.mask & m.slices(n.call.start, n.frameEnd())
		}
		if cover != 0 {
			each[c.id] = min(m.length(cover), time.Duration(us)*time.Microsecond)
			covered |= cover
		}
	}
	return each, m.length(covered)
}
