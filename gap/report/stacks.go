package report

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

const (
	maxStack    = 256 // frames
	maxExamples = 10  // traces per stack
)

// Stacks adds up the gaps of traces by stack: the operations from the root of a trace to the span
// that has the gap. A stack has at most 256 frames; the last one, "(deeper)", has the gaps of all
// deeper spans. Gaps of failed spans are kept apart. The zero Stacks is empty and ready to use.
//
// Memory grows with the number of different stacks. The order in which traces are added makes no
// difference. Stacks is not safe for concurrent use.
type Stacks struct {
	names      map[frameName]int32 // indexes into labels
	labels     []frameName
	frames     []frame            // parents before their children
	children   map[frameKey]int32 // indexes into frames
	adding     gap.TraceID        // the trace that is being added
	current    []current          // its sums in frames in which other traces have gaps
	traces     []gap.TraceID      // each was the first trace with gaps in some frame, see frame.only
	first      int32              // if adding is among traces, its index + 1; otherwise 0
	start, end time.Time          // of all traces
	explained  bool               // a frame has a cause
	caveats    caveats
}

// frameName names a frame, which stands for one of these:
//
//   - an operation of a service
//   - all spans that are deeper than maxStack: deeper is set
//   - the failed spans of its parent: failed is set
//   - a cause of its parent's gaps, at a line of the program: because is not zero, service is the
//     file, and operation the function
type frameName struct {
	service, operation string
	line               int32
	deeper, failed     bool
	because            uint8 // a gap.Cause + 1, or zero
}

// isCause reports whether the frame is a cause of gaps.
func (n frameName) isCause() bool { return n.because > 0 }

func (n frameName) cause() gap.Cause { return gap.Cause(n.because - 1) }

// code returns the line of the program that a cause is at.
func (n frameName) code() gap.Frame {
	return gap.Frame{Function: n.operation, File: n.service, Line: int(n.line)}
}

func (n frameName) label() string {
	switch {
	case n.isCause():
		return causeLabel(n)
	case n.deeper:
		return "(deeper)"
	case n.failed:
		return "(failed)"
	}
	return label(n.service, n.operation)
}

func compareNames(a, b frameName) int {
	return cmp.Or(
		cmp.Compare(a.label(), b.label()), cmp.Compare(a.service, b.service),
		cmp.Compare(a.operation, b.operation), compareBools(a.deeper, b.deeper), compareBools(a.failed, b.failed),
		cmp.Compare(a.because, b.because), cmp.Compare(a.line, b.line),
	)
}

type frameKey struct {
	parent int32 // noFrame for a root
	name   int32 // index into Stacks.labels
}

const noFrame = -1

// frame stands for a stack: itself and its ancestors. A large trace may have a million frames.
type frame struct {
	parent   int32
	name     int32
	depth    int32 // 1 for a root
	touched  int32 // 1 + its index in Stacks.current, or 0 if it is not there
	only     int32 // if one trace has gaps here, 1 + the index of its id in Stacks.traces; otherwise 0
	sum      values
	examples *[]example // if several traces have gaps here, those with the most self time; otherwise nil
}

// current holds the sums of a frame over the trace that is being added. If no other trace has gaps
// in the frame, frame.sum has them: for a single large trace, both would take much memory.
type current struct {
	frame  int32
	values values
}

// values holds the number of gaps, and sums of times in nanoseconds. The constants below are its
// indexes.
type values [6]int64

const (
	gapCount = iota
	selfTimes
	criticalTimes
	wireTimes
	remoteTimes
	pathTimes
)

// add adds other. A sum that would overflow becomes math.MaxInt64.
func (v *values) add(other values) {
	for i := range v {
		if v[i] > math.MaxInt64-other[i] {
			v[i] = math.MaxInt64
		} else {
			v[i] += other[i]
		}
	}
}

// addTrace adds the values of a trace to a frame that has those of others. The maxExamples traces
// with the most self time are its examples. Until then the only trace is not stored as an example,
// since its values are the frame's sum.
func (s *Stacks) addTrace(f *frame, e example) {
	if f.only > 0 {
		f.examples = &[]example{{s.traces[f.only-1], f.sum}}
		f.only = 0
	}
	f.sum.add(e.values)
	kept := *f.examples
	if len(kept) == maxExamples {
		if compareExamples(e, kept[maxExamples-1]) >= 0 {
			return
		}
		kept = kept[:maxExamples-1]
	}
	i, _ := slices.BinarySearchFunc(kept, e, compareExamples)
	*f.examples = slices.Insert(kept, i, e)
}

// examples returns the traces with the most self time in a frame, the most first.
func (s *Stacks) examples(f *frame) []example {
	switch {
	case f.only > 0:
		return []example{{s.traces[f.only-1], f.sum}}
	case f.examples != nil:
		return *f.examples
	}
	return nil
}

// example is a trace with its values in a frame.
type example struct {
	trace  gap.TraceID
	values values
}

func compareExamples(a, b example) int {
	return cmp.Or(
		cmp.Compare(b.values[selfTimes], a.values[selfTimes]),
		a.trace.Compare(b.trace), slices.Compare(b.values[:], a.values[:]),
	)
}

// Add adds the gaps of a trace.
func (s *Stacks) Add(t *gap.Trace) {
	if t.Len() == 0 {
		return
	}
	if s.start.IsZero() || t.Start().Before(s.start) {
		s.start = t.Start()
	}
	if t.End().After(s.end) {
		s.end = t.End()
	}
	s.caveats.add(t)
	s.adding, s.first = t.ID(), 0
	places := make([]int32, t.Len())
	for n := range t.Nodes() {
		name := s.name(frameName{service: n.Service(), operation: n.Span().Operation})
		parent := int32(noFrame)
		if p, ok := n.Parent(); ok {
			parent = places[p.Index()]
		}
		at := s.frame(parent, name)
		places[n.Index()] = at
		if n.Failed() {
			at = s.failed(at)
		}
		for g := range n.Gaps(0) {
			s.count(at, g)
		}
	}
	for i := range s.current {
		c := &s.current[i]
		f := &s.frames[c.frame]
		s.addTrace(f, example{s.adding, c.values})
		f.touched = 0
	}
	s.current = s.current[:0]
}

// AddSeenAgain says that n of the traces are further parts of traces that were added before, see
// [Report.AddSeenAgain]. A profile has the sum as a comment, and folded stacks as a stack of no
// time.
func (s *Stacks) AddSeenAgain(n int) { s.caveats.seenAgain += n }

// count adds a gap to the current values of a frame.
func (s *Stacks) count(at int32, g gap.Gap) {
	v := values{gapCount: 1}
	switch g.Class {
	case gap.ClassSelf:
		v[selfTimes], v[criticalTimes] = int64(g.Time), int64(g.CriticalTime)
	case gap.ClassWire:
		v[wireTimes] = int64(g.Time)
	default:
		v[remoteTimes] = int64(g.Time)
	}
	if !g.Joined() { // the path during joined time counts for the call that covers it
		v[pathTimes] = int64(g.CriticalTime)
	}
	if explained(g) {
		s.countParts(at, g, &v)
	}
	s.addCurrent(at, v)
}

// addCurrent adds values of the current trace to a frame.
func (s *Stacks) addCurrent(at int32, v values) {
	f := &s.frames[at]
	if f.sum == (values{}) {
		if s.first == 0 {
			s.traces = append(s.traces, s.adding)
			s.first = int32(len(s.traces))
		}
		f.only = s.first
	}
	if f.only > 0 && f.only == s.first {
		f.sum.add(v)
		return
	}
	if f.touched == 0 {
		s.current = append(s.current, current{frame: at})
		f.touched = int32(len(s.current))
	}
	s.current[f.touched-1].values.add(v)
}

// failed returns the frame below this one that has the gaps of failed spans.
func (s *Stacks) failed(of int32) int32 {
	if s.frames[of].depth == maxStack {
		return of // "(deeper)", which has failed spans too
	}
	return s.below(of, s.name(frameName{failed: true}))
}

// frame returns the frame with this name below parent, and adds it if it is missing. At maxStack it
// returns "(deeper)" instead.
func (s *Stacks) frame(parent, name int32) int32 {
	if parent != noFrame {
		switch s.frames[parent].depth {
		case maxStack:
			return parent
		case maxStack - 1:
			name = s.name(frameName{deeper: true})
		}
	}
	return s.below(parent, name)
}

// below returns the frame with this name below parent at any depth, and adds it if it is missing.
func (s *Stacks) below(parent, name int32) int32 {
	key := frameKey{parent, name}
	i, known := s.children[key]
	if !known {
		if s.children == nil {
			s.children = map[frameKey]int32{}
		}
		depth := int32(1)
		if parent != noFrame {
			depth = s.frames[parent].depth + 1
		}
		i = int32(len(s.frames))
		s.children[key] = i
		s.frames = append(s.frames, frame{parent: parent, name: name, depth: depth})
	}
	return i
}

// name returns the index of a name in labels, and adds it if it is missing.
func (s *Stacks) name(name frameName) int32 {
	i, known := s.names[name]
	if !known {
		if s.names == nil {
			s.names = map[frameName]int32{}
		}
		// A name may share memory with the whole file that the trace was read from.
		name.service, name.operation = strings.Clone(name.service), strings.Clone(name.operation)
		i = int32(len(s.labels))
		s.names[name] = i
		s.labels = append(s.labels, name)
	}
	return i
}

// sorted returns the frames depth first, siblings by name, whatever the order of the traces was.
func (s *Stacks) sorted() []int32 {
	byName := make([]int32, len(s.labels))
	for i := range byName {
		byName[i] = int32(i)
	}
	slices.SortFunc(byName, func(a, b int32) int { return compareNames(s.labels[a], s.labels[b]) })
	rank := make([]int32, len(s.labels))
	for i, name := range byName {
		rank[name] = int32(i)
	}
	order := make([]int32, len(s.frames)) // by name; below, depth first
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(rank[s.frames[a].name], rank[s.frames[b].name]) })
	last := slices.Repeat([]int32{noFrame}, len(s.frames)+1) // the last child of a frame, by frame+1
	before := make([]int32, len(s.frames))                   // the sibling before a frame
	for _, i := range order {
		parent := s.frames[i].parent + 1
		last[parent], before[i] = i, last[parent]
	}
	order = order[:0]
	stack := []int32{}
	push := func(parent int32) {
		for i := last[parent]; i != noFrame; i = before[i] {
			stack = append(stack, i)
		}
	}
	for push(0); len(stack) > 0; {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		order = append(order, i)
		push(i + 1)
	}
	return order
}

// stack calls f with the name of each frame of a stack, from frame i to the root.
func (s *Stacks) stack(i int32, f func(name int32)) {
	for ; i != noFrame; i = s.frames[i].parent {
		f(s.frames[i].name)
	}
}
