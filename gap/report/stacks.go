package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

const (
	maxStack    = 256 // frames: what lies deeper counts at the last of them
	maxExamples = 10  // traces that a stack remembers
)

// Stacks adds up the gaps of traces by stack: the operations from the root of a trace to the span whose gap it is. It holds memory by
// the stacks that differ, and not by spans. The order in which traces are added makes no difference. The zero Stacks is empty. It
// is not to be used by several goroutines at once.
//
// A stack has at most 256 frames. Spans that lie deeper count at a frame "(deeper)".
type Stacks struct {
	names      map[frameName]int32
	labels     []frameName // by number
	frames     []frame     // parents before their children
	children   map[frameKey]int32
	touched    []int32 // frames of the trace that is being added
	start, end time.Time
}

// frameName is an operation, or what stands for all that lies too deep.
type frameName struct {
	service, operation string
	deeper             bool
}

func (n frameName) label() string {
	if n.deeper {
		return "(deeper)"
	}
	return label(n.service, n.operation)
}

func compareNames(a, b frameName) int {
	return cmp.Or(
		cmp.Compare(a.label(), b.label()), cmp.Compare(a.service, b.service), cmp.Compare(a.operation, b.operation), compareBools(a.deeper, b.deeper),
	)
}

type frameKey struct {
	parent int32 // none for a root
	name   int32
}

const noFrame = -1

// frame is a stack: the frame at its end, and through the parent all the others.
type frame struct {
	parent   int32
	name     int32
	depth    int32
	sum      values
	current  values    // of the trace that is being added
	examples []example // the traces with the most self time
}

// values are what a profile has for each stack. The first is a number of gaps, the others are nanoseconds.
type values [5]int64

const (
	gapCount = iota
	selfTimes
	criticalTimes
	wireTimes
	remoteTimes
)

var valueTypes = []profile.ValueType{
	gapCount:      {Type: "gaps", Unit: "count"},
	selfTimes:     {Type: "self", Unit: "nanoseconds"},
	criticalTimes: {Type: "critical", Unit: "nanoseconds"},
	wireTimes:     {Type: "wire", Unit: "nanoseconds"},
	remoteTimes:   {Type: "remote", Unit: "nanoseconds"},
}

func (v *values) add(other values) {
	for i := range v {
		if v[i] > math.MaxInt64-other[i] {
			v[i] = math.MaxInt64
		} else {
			v[i] += other[i]
		}
	}
}

// suggest keeps an example if it is one of the worst.
func (f *frame) suggest(e example) {
	if len(f.examples) == maxExamples {
		if compareExamples(e, f.examples[maxExamples-1]) >= 0 {
			return
		}
		f.examples = f.examples[:maxExamples-1]
	}
	i, _ := slices.BinarySearchFunc(f.examples, e, compareExamples)
	f.examples = slices.Insert(f.examples, i, e)
}

type example struct {
	trace  gap.TraceID
	values values
}

func compareExamples(a, b example) int {
	return cmp.Or(
		cmp.Compare(b.values[selfTimes], a.values[selfTimes]), compareTraceIDs(a.trace, b.trace), slices.Compare(b.values[:], a.values[:]),
	)
}

// Add adds all gaps of a trace.
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
	places := make([]int32, t.Len())
	for n := range t.Nodes() {
		name := s.name(frameName{service: n.Service(), operation: n.Span().Operation})
		parent := int32(noFrame)
		if p, ok := n.Parent(); ok {
			parent = places[p.Index()]
		}
		at := s.frame(parent, name)
		places[n.Index()] = at
		for g := range n.Gaps(0) {
			s.count(at, g)
		}
	}
	for _, i := range s.touched {
		f := &s.frames[i]
		f.sum.add(f.current)
		f.suggest(example{t.ID(), f.current})
		f.current = values{}
	}
	s.touched = s.touched[:0]
}

func (s *Stacks) count(at int32, g gap.Gap) {
	f := &s.frames[at]
	if f.current == (values{}) {
		s.touched = append(s.touched, at)
	}
	v := values{gapCount: 1}
	switch g.Class {
	case gap.ClassSelf:
		v[selfTimes], v[criticalTimes] = int64(g.Time), int64(g.CriticalTime)
	case gap.ClassWire:
		v[wireTimes] = int64(g.Time)
	default:
		v[remoteTimes] = int64(g.Time)
	}
	f.current.add(v)
}

// frame returns the frame of a name below a parent.
func (s *Stacks) frame(parent, name int32) int32 {
	depth := int32(1)
	if parent != noFrame {
		if depth = s.frames[parent].depth + 1; depth > maxStack {
			return parent
		}
		if depth == maxStack {
			name = s.name(frameName{deeper: true})
		}
	}
	key := frameKey{parent, name}
	i, known := s.children[key]
	if !known {
		if s.children == nil {
			s.children = map[frameKey]int32{}
		}
		i = int32(len(s.frames))
		s.children[key] = i
		s.frames = append(s.frames, frame{parent: parent, name: name, depth: depth})
	}
	return i
}

// name returns the number of a name.
func (s *Stacks) name(name frameName) int32 {
	i, known := s.names[name]
	if !known {
		if s.names == nil {
			s.names = map[frameName]int32{}
		}
		name.service, name.operation = strings.Clone(name.service), strings.Clone(name.operation) // they may be cut from a large text
		i = int32(len(s.labels))
		s.names[name] = i
		s.labels = append(s.labels, name)
	}
	return i
}

// sorted returns the frames in an order that does not depend on that of the traces: depth first, siblings by name.
func (s *Stacks) sorted() []int32 {
	ranks := make([]int32, len(s.frames)) // breadth first: frames of one parent stand together
	for i := range ranks {
		ranks[i] = int32(i)
	}
	byName := make([]int32, len(s.labels))
	for i := range byName {
		byName[i] = int32(i)
	}
	slices.SortFunc(byName, func(a, b int32) int { return compareNames(s.labels[a], s.labels[b]) })
	rank := make([]int32, len(s.labels))
	for i, name := range byName {
		rank[name] = int32(i)
	}
	children := make([][]int32, len(s.frames)+1) // those of a parent at parent+1
	for i, f := range s.frames {
		children[f.parent+1] = append(children[f.parent+1], int32(i))
	}
	for _, siblings := range children {
		slices.SortFunc(siblings, func(a, b int32) int { return cmp.Compare(rank[s.frames[b].name], rank[s.frames[a].name]) })
	}
	order := ranks[:0]
	stack := slices.Clone(children[0])
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = append(stack[:len(stack)-1], children[i+1]...)
		order = append(order, i)
	}
	return order
}

// stack calls f for each frame of a stack, beginning with its end.
func (s *Stacks) stack(i int32, f func(name int32)) {
	for ; i != noFrame; i = s.frames[i].parent {
		f(s.frames[i].name)
	}
}

// Profile returns the gaps as a profile for go tool pprof. Its frames are named "service: operation". A sample has the number of gaps, their own
// time, how much of that is on the critical path, and the time of gaps that are on the wire or remote, in nanoseconds: self is
// shown unless -sample_index says otherwise. The ten traces with the most self time in a stack have samples of their own, with the label
// trace_id; the others share one.
func (s *Stacks) Profile() *profile.Profile {
	p := &profile.Profile{
		DefaultSampleType: valueTypes[selfTimes].Type,
		Mapping:           []*profile.Mapping{{ID: 1, File: "traces", HasFunctions: true}}, // so that nobody looks for a binary
	}
	for _, t := range valueTypes {
		p.SampleType = append(p.SampleType, &t) // one of its own: a profile writes to it when it is written
	}
	if len(s.frames) > 0 {
		p.TimeNanos, p.DurationNanos = s.start.UnixNano(), int64(s.end.Sub(s.start))
	}
	locations := make([]*profile.Location, len(s.labels))
	location := func(name int32) *profile.Location {
		if locations[name] == nil {
			id := uint64(len(p.Location) + 1)
			l := s.labels[name].label()
			function := &profile.Function{ID: id, Name: l, SystemName: l, Filename: printable.Name(s.labels[name].service)}
			locations[name] = &profile.Location{ID: id, Mapping: p.Mapping[0], Line: []profile.Line{{Function: function}}}
			p.Function, p.Location = append(p.Function, function), append(p.Location, locations[name])
		}
		return locations[name]
	}
	var all values // pprof adds up the samples, and must not overflow
	add := func(sample *profile.Sample) {
		for j, v := range sample.Value {
			sample.Value[j] = min(v, math.MaxInt64-all[j])
			all[j] += sample.Value[j]
		}
		p.Sample = append(p.Sample, sample)
	}
	for _, i := range s.sorted() {
		f := &s.frames[i]
		if f.sum == (values{}) {
			continue
		}
		var stack []*profile.Location
		s.stack(i, func(name int32) { stack = append(stack, location(name)) })
		rest := f.sum
		for _, e := range f.examples {
			for j := range rest {
				rest[j] = max(0, rest[j]-e.values[j]) // less than nothing is left of a sum that stopped at the highest number
			}
			add(&profile.Sample{
				Location: stack, Value: slices.Clone(e.values[:]), Label: map[string][]string{"trace_id": {e.trace.String()}},
			})
		}
		if rest != (values{}) {
			add(&profile.Sample{Location: stack, Value: rest[:]})
		}
	}
	return p
}

// Folded writes a line for each stack that has self time, as flame graph tools read them: its frames from the root on, with semicolons
// between, and its self time in microseconds. Semicolons in names become commas.
func (s *Stacks) Folded(w io.Writer) error {
	b := bufio.NewWriter(w) // which keeps an error, and tells it at Flush
	var stack []string
	for _, i := range s.sorted() {
		us := time.Duration(s.frames[i].sum[selfTimes]).Round(time.Microsecond).Microseconds()
		if us == 0 {
			continue
		}
		stack = stack[:0]
		s.stack(i, func(name int32) { stack = append(stack, strings.ReplaceAll(s.labels[name].label(), ";", ",")) })
		slices.Reverse(stack)
		fmt.Fprintln(b, strings.Join(stack, ";")+" "+strconv.FormatInt(us, 10))
	}
	return b.Flush()
}
