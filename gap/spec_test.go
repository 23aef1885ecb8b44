package gap_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
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

func specID(n gap.Node) gap.SpanID {
	if n == (gap.Node{}) {
		return 0
	}
	return n.Span().SpanID
}

// specDescribe returns the lines for a trace, and those for its joined gaps.
func specDescribe(t *gap.Trace) (lines, joined []string) {
	for n := range t.Nodes() {
		at, self := len(lines), n.SelfTime()
		lines = append(lines, "")
		for g := range n.Gaps(0) {
			line := fmt.Sprintf(specGapLine, specID(g.Node), g.Start.Sub(specEpoch), g.End.Sub(specEpoch),
				g.Class, g.CriticalTime, specID(g.After), specID(g.Before))
			if !g.Joined() {
				lines = append(lines, line)
				continue
			}
			joined = append(joined, fmt.Sprint(line, " joined ", specID(g.Call), " ", g.Time))
			if n.Kind() != gap.KindClient {
				self -= g.Time
			}
		}
		parent, _ := n.Parent()
		lines[at] = fmt.Sprintf(specSpanLine, specID(n), n.Start().Sub(specEpoch), n.End().Sub(specEpoch),
			specID(parent), n.Moved(), n.Blocking(), n.Outlives(), n.Detached(), n.Incomplete(), self)
	}
	for s := range t.CriticalPath() {
		lines = append(lines, fmt.Sprintf(specPathLine, specID(s.Node), s.Start.Sub(specEpoch),
			s.End.Sub(specEpoch), s.Class))
	}
	return lines, joined
}

// specSums checks joined gaps, positions and critical times.
func specSums(t *gap.Trace, m *specModel) string {
	var total time.Duration
	for n := range t.Nodes() {
		each, most := m.joined(m.byID[specID(n)])
		var limits, joined, critical time.Duration
		for _, limit := range each {
			limits += limit
		}
		last, seen := time.Time{}, map[gap.Node]bool{}
		for g := range n.Gaps(0) {
			want := gap.Position{AtStart: g.After == gap.Node{}, AtEnd: g.Before == gap.Node{}}
			if !want.AtStart {
				want.After = g.After.Span().Operation
			}
			if !want.AtEnd {
				want.Before = g.Before.Span().Operation
			}
			if g.Joined() {
				c := m.byID[specID(g.Call)]
				if g.Time <= 0 || g.Time > each[c.id] || seen[g.Call] ||
					g.Start.Sub(specEpoch) != max(c.start, c.parent.call.start) ||
					g.End.Sub(specEpoch) != min(c.frameEnd(), c.parent.frameEnd()) || g.Class != m.byID[specID(n)].class() {
					return fmt.Sprintf("joined gap of %d for %d: %+v; most: %v", specID(n), c.id, g, each)
				}
				want = gap.Position{Within: c.Operation, Joined: true}
				seen[g.Call], joined = true, joined+g.Time
			}
			if got := g.Position(); got != want {
				return fmt.Sprintf("position of a gap of %d: got %+v, want %+v", specID(n), got, want)
			}
			if !g.Joined() && g.Start.Before(last) || g.CriticalTime < 0 || g.CriticalTime > g.Time {
				return fmt.Sprintf("gap of %d: order or critical time: %+v", specID(n), g)
			}
			if critical += g.CriticalTime; !g.Joined() {
				last = g.End
			}
		}
		if joined > most || limits <= most && joined != limits {
			return fmt.Sprintf("joined gaps of %d: %v; each at most %v, all %v", specID(n), joined, each, most)
		}
		if n.Kind() == gap.KindClient {
			critical = 0
		}
		if n.CriticalTime() != critical {
			return fmt.Sprintf("critical time of %d: got %v, want %v", specID(n), n.CriticalTime(), critical)
		}
		total += critical
	}
	if got, want := t.CriticalTime(), min(total, t.Duration()); got != want {
		return fmt.Sprintf("critical time of the trace: got %v, want %v", got, want)
	}
	return ""
}

// specCheck returns the first difference between the model and Build, or "".
func specCheck(spans []gap.Span, maxSkew time.Duration) string {
	var opts []gap.Option
	if maxSkew != specDefaultSkew {
		opts = append(opts, gap.WithMaxSkew(maxSkew))
	}
	m := newSpecModel(spans, cmp.Or(maxSkew, specDefaultSkew))
	trace, warnings := gap.Build(spans, opts...)
	lines, joined := specDescribe(trace)
	if diff := specDiff(lines, m.lines()); diff != "" {
		return diff
	}
	if diff := specSums(trace, m); diff != "" {
		return diff
	}
	shuffled := slices.Clone(spans)
	rand.New(rand.NewPCG(1, uint64(len(spans)))).Shuffle(len(spans), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})
	again, warningsAgain := gap.Build(shuffled, opts...)
	linesAgain, joinedAgain := specDescribe(again)
	return specDiff(append(slices.Concat(linesAgain, joinedAgain), fmt.Sprint(warningsAgain)),
		append(slices.Concat(lines, joined), fmt.Sprint(warnings)))
}

func specDiff(got, want []string) string {
	at := func(lines []string, i int) string {
		return strings.Join(lines[min(i, len(lines)):min(i+1, len(lines))], "")
	}
	for i := range max(len(got), len(want)) {
		if g, w := at(got, i), at(want, i); g != w {
			return "got  " + g + "\nwant " + w
		}
	}
	return ""
}

// specGen generates a trace. Times are microseconds.
type specGen struct {
	*rand.Rand
	spans []gap.Span
	made  []specMade
	room  int
	ids   []int
	skew  map[string]int // by host, or by service if it has none
}

type specMade struct {
	id         gap.SpanID
	op         string
	kind       gap.Kind
	proc       int
	start, end int
}

// specProcesses are on four machines. The last one shares a clock with two of them.
var specProcesses = []*gap.Process{
	nil,
	{Service: "a", Tags: []gap.Field{{Key: "hostname", Value: "h1"}}},
	{Service: "b", Tags: []gap.Field{{Key: "hostname", Value: "h1"}}},
	{Service: "c", Tags: []gap.Field{{Key: "ip", Value: "h2"}}},
	{Service: "c", Tags: []gap.Field{{Key: "ip", Value: "h2"}}},
	{Service: "d", Tags: []gap.Field{{Key: "ip", Value: "h3"}, {Key: "hostname", Value: "h4"}}},
	{Service: "e"},
	{Service: "f", Tags: []gap.Field{{Key: "ip", Value: "h2"}, {Key: "hostname", Value: "h1"}}},
}

func (g *specGen) one(in int) bool { return g.IntN(in) == 0 }

func (g *specGen) add(op string, kind gap.Kind, proc, start, length int, refs ...gap.Reference) specMade {
	made := specMade{gap.SpanID(g.ids[len(g.spans)]), op, kind, proc, start, start + length}
	s := gap.Span{
		TraceID: gap.TraceID{Low: 1}, SpanID: made.id, Operation: op, Process: specProcesses[proc],
		Start:    specEpoch.Add(time.Duration(start+g.skew[specHost(specProcesses[proc])]) * time.Microsecond),
		Duration: time.Duration(length) * time.Microsecond,
		Tags:     []gap.Field{{Key: "span.kind", Value: kind.String()}},
	}
	for _, r := range refs {
		if r.SpanID != 0 {
			s.References = append(s.References, r)
		}
	}
	g.Shuffle(len(s.References), func(i, j int) {
		s.References[i], s.References[j] = s.References[j], s.References[i]
	})
	g.spans, g.made, g.room = append(g.spans, s), append(g.made, made), g.room-1
	return made
}

func specHost(p *gap.Process) string {
	if p == nil || p.Tags == nil {
		return ""
	}
	return fmt.Sprint(p.Tags[0].Value)
}

func specRefs(childOf gap.SpanID, follows ...gap.SpanID) []gap.Reference {
	refs := []gap.Reference{{Type: gap.ChildOf, SpanID: childOf}}
	for _, id := range follows {
		refs = append(refs, gap.Reference{Type: gap.FollowsFrom, SpanID: id})
	}
	return refs
}

// call adds a call and up to three waits, of which some break a rule, and spans below them.
func (g *specGen) call(parent gap.SpanID, proc, lo, hi int) {
	kind := []gap.Kind{gap.KindClient, gap.KindClient, gap.KindClient, gap.KindInternal, gap.KindProducer}[g.IntN(5)]
	op := []string{"x", "x", "y"}[g.IntN(3)]
	c := g.add(op, kind, proc, lo+g.IntN(max(1, (hi-lo)/2)), g.IntN(6), specRefs(parent)...)
	if g.one(4) {
		us := []int64{1, 2, 3, 5, 9, 1000, -1}[g.IntN(7)]
		s := &g.spans[len(g.spans)-1]
		s.Tags = append(s.Tags, gap.Field{Key: "wait.joined_us", Value: us})
	}
	frame, at := []specMade{c}, c.end
	for n := g.IntN(4); n > 0 && g.room > 0; n-- {
		name, childOf, follows, start := op+" wait", parent, []gap.SpanID{c.id}, at+g.IntN(5)
		other := g.made[g.IntN(len(g.made))]
		switch g.IntN(30) { // break a rule, or seem to
		case 0:
			name = op + " waits"
		case 1:
			follows = nil
		case 2:
			follows[0] = other.id
		case 3:
			childOf = other.id
		case 4:
			childOf = 101
		case 5:
			start = c.start - 1 + g.IntN(at-c.start+1)
		case 6:
			childOf = 0
		case 7:
			name, follows[0] = frame[len(frame)-1].op+" wait", frame[len(frame)-1].id
		case 8:
			proc = g.IntN(len(specProcesses))
		case 9, 10:
			if other.op != op && parent < 101 { // an orphan wait stays below its call
				follows = append(follows, other.id)
			}
		}
		frame = append(frame, g.add(name, kind, proc, start, g.IntN(7), specRefs(childOf, follows...)...))
		at = max(at, start+3)
	}
	g.below(frame)
}

// below adds spans below those of a frame.
func (g *specGen) below(frame []specMade) {
	lo, hi := frame[0].start, frame[len(frame)-1].end
	for n := g.IntN(4); n > 0 && g.room > 0; n-- {
		p := frame[g.IntN(len(frame))]
		proc, refs := p.proc, specRefs(p.id)
		if g.one(20) {
			proc = g.IntN(len(specProcesses))
		}
		start := lo + g.IntN(max(1, hi-lo+1))
		length := g.IntN(max(1, hi-start+1))
		if g.one(6) {
			start, length = start+g.IntN(13)-6, g.IntN(14)
		}
		switch roll := g.IntN(10); {
		case p.kind == gap.KindClient && roll < 6: // a server that works in all of the frame
			start = lo + g.IntN(3)
			length = max(0, hi-start-2+g.IntN(4))
			s := g.add("serve", gap.KindServer, g.IntN(len(specProcesses)), start, length, refs...)
			g.below([]specMade{s})
		case p.kind == gap.KindProducer && roll < 6:
			if g.one(2) {
				refs = specRefs(0, p.id)
			}
			proc = g.IntN(len(specProcesses))
			g.below([]specMade{g.add("consume", gap.KindConsumer, proc, start+4, length, refs...)})
		case roll < 7:
			g.call(p.id, proc, lo, hi)
		case roll == 7:
			g.add("follow", gap.KindInternal, proc, start, length, specRefs(0, p.id)...)
		default:
			kind := []gap.Kind{gap.KindInternal, gap.KindClient, gap.KindProducer}[g.IntN(3)]
			g.below([]specMade{g.add("work", kind, proc, start, length, refs...)})
		}
	}
}

// specTrace returns a trace and the bound on clock correction to build it with.
func specTrace(seed uint64) ([]gap.Span, time.Duration) {
	g := &specGen{Rand: rand.New(rand.NewPCG(seed, 7)), skew: map[string]int{}}
	g.ids, g.room = g.Perm(60), 1+g.IntN(14)
	for i := range g.ids {
		g.ids[i]++
	}
	if g.one(2) {
		for _, host := range []string{"h1", "h2", "h3", ""} {
			near := g.IntN(41) - 20
			g.skew[host] = []int{0, near / 2, near * 2, near + 256_000, near - 256_000}[g.IntN(5)]
		}
	}
	for first := true; g.room > 0 && (first || g.one(2)); first = false {
		proc, lo := g.IntN(len(specProcesses)), g.IntN(10)
		missing := []gap.SpanID{101, 101, 102}
		switch g.IntN(6) {
		case 0:
			g.call(0, proc, 0, 30)
		case 1, 2:
			for n := 1 + g.IntN(3); n > 0 && g.room > 0; n-- {
				if g.one(2) {
					g.call(missing[g.IntN(3)], proc, g.IntN(20), 40)
				} else {
					refs := specRefs(missing[g.IntN(3)])
					g.below([]specMade{g.add("root", gap.KindServer, proc, g.IntN(20), g.IntN(20), refs...)})
				}
			}
		default:
			g.below([]specMade{g.add("root", gap.Kind(g.IntN(5)), proc, lo, 40-g.IntN(20), nil...)})
		}
	}
	if g.one(50) {
		g.spans[0].Warnings = []string{"This span's timestamps were adjusted by -4.5ms"}
	}
	skews := []time.Duration{0, -1, 5 * time.Microsecond, 30 * time.Microsecond, time.Second}
	if g.one(2) {
		return g.spans, specDefaultSkew
	}
	return g.spans, skews[g.IntN(len(skews))]
}

// specShrink returns a part of the trace that still differs.
func specShrink(spans []gap.Span, maxSkew time.Duration) []gap.Span {
	for i := 0; i < len(spans); i++ {
		gone := spans[i].SpanID
		var fewer []gap.Span
		for _, s := range slices.Delete(slices.Clone(spans), i, i+1) {
			s.References = slices.DeleteFunc(slices.Clone(s.References), func(r gap.Reference) bool {
				return r.Type == gap.FollowsFrom && r.SpanID == gone
			})
			fewer = append(fewer, s)
		}
		if specCheck(fewer, maxSkew) != "" {
			spans, i = fewer, -1
		}
	}
	return spans
}

func specPrint(spans []gap.Span) string {
	var b strings.Builder
	for _, s := range spans {
		start := s.Start.Sub(specEpoch)
		fmt.Fprintf(&b, "%d %q [%v,%v) %v", s.SpanID, s.Operation, start, start+s.Duration, s.Tags)
		for _, r := range s.References {
			fmt.Fprintf(&b, " %c%d", "<~"[r.Type], r.SpanID) // < ChildOf, ~ FollowsFrom
		}
		if s.Process != nil {
			fmt.Fprint(&b, " ", *s.Process)
		}
		fmt.Fprintln(&b, "", strings.Join(s.Warnings, ""))
	}
	return b.String()
}

type specGroup struct {
	service, operation string
	class              gap.Class
	position           gap.Position
}

type specTotal struct {
	count          int64
	time, critical time.Duration
}

func TestSpecification(t *testing.T) {
	for batch := range uint64(400) {
		var summary gap.Summary
		want, got := map[specGroup]specTotal{}, map[specGroup]specTotal{}
		for seed := batch * 50; seed < batch*50+50; seed++ {
			spans, maxSkew := specTrace(seed)
			if specCheck(spans, maxSkew) != "" {
				spans = specShrink(spans, maxSkew)
				t.Fatalf("seed %d, max skew %v:\n%s%s", seed, maxSkew, specPrint(spans), specCheck(spans, maxSkew))
			}
			trace, _ := gap.Build(spans)
			summary.Add(trace)
			for g := range trace.Gaps(0) {
				key := specGroup{g.Node.Service(), g.Node.Span().Operation, g.Class, g.Position()}
				sum := want[key]
				want[key] = specTotal{sum.count + 1, sum.time + g.Time, sum.critical + g.CriticalTime}
			}
		}
		last := specTotal{1 << 60, 1 << 60, 1 << 60}
		for g := range summary.Gaps() {
			total := specTotal{g.Count, g.Time, g.CriticalTime}
			got[specGroup{g.Service, g.Operation, g.Class, g.Position}] = total
			if cmp.Or(cmp.Compare(last.critical, total.critical), cmp.Compare(last.time, total.time),
				cmp.Compare(last.count, total.count)) < 0 {
				t.Fatalf("batch %d: group %+v comes after %v", batch, g, last)
			}
			last = total
		}
		if !maps.Equal(got, want) {
			t.Fatalf("batch %d: groups of gaps:\ngot  %v\nwant %v", batch, got, want)
		}
	}
}
