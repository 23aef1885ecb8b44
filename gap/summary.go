package gap

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Summary adds up many traces by service and operation, and their gaps by position. The zero
// Summary is empty.
//
// It keeps no trace. Each operation takes a few kB of memory, at most 32 kB, and each position of
// its gaps at most 16 kB, more if gaps have an [Explanation]: then each different part takes 200 B
// and its names. The number of operations has no bound, so their names should be low in
// cardinality.
//
// Summaries can be merged in any order and grouping. The result is the same as that of one Summary
// to which all traces were added.
//
// A Summary is not safe for concurrent use.
type Summary struct {
	// By is the key of a tag that splits operations: the spans with each value of the tag count as
	// an operation of their own, and so do those without the tag. "" splits none. Set it before the
	// first Add. The tag should have few values, since each takes the memory of an operation.
	By string

	services map[string]*service
	numbers  map[string]uint32 // by the name of an operation: its index in names, from 1
	names    []string
}

type service struct {
	name       string
	operations map[operationName]*operation
}

type operationName struct {
	name, tagValue string
	tagged         bool
}

type operation struct {
	Operation        // Count is zero if all spans have the tag Summary.By, or none was added
	number    uint32 // of the name, see Summary.numbers
	explained bool   // a gap has parts
	gaps      map[gapKey]*gapSum

	last    *gapSum // what addGaps returned last
	lastKey gapKey  // its key
}

// Operation is what a [Summary] holds for one operation of a service. A sum that overflows is the
// largest [time.Duration].
type Operation struct {
	Service, Name string
	Tagged        bool          // the spans have the tag Summary.By
	TagValue      string        // its value, as Span.Tag returns it; "" if Tagged is false
	Count         int64         // number of spans
	Duration      time.Duration // sum of [Node.Duration]
	SelfTime      time.Duration // sum of [Node.SelfTime]
	CriticalTime  time.Duration // sum of [Node.CriticalTime]
	Concurrency   time.Duration // sum of [Node.Concurrency]
	Share         float64       // SelfTime divided by that of all operations of the Summary; from 0 to 1
	Durations     Histogram     // of each span's duration
	SelfTimes     Histogram     // of each span's self time
	Worst         SpanRef       // the span with the most self time; of equals the one with the lowest ids
	Parts         []Part        // what the program did in its self time, see [GapGroup.Parts]
}

// SpanRef identifies a span in any trace that was added to a [Summary].
type SpanRef struct {
	TraceID    TraceID
	SpanID     SpanID
	SelfTime   time.Duration
	Incomplete bool // see [Trace.Incomplete]
}

// Add adds all spans of a trace.
func (s *Summary) Add(t *Trace) {
	a := adder{
		summary: s, trace: t, services: make([]*service, len(t.services)), operations: make([]*operation, len(t.operations)),
	}
	addGap := a.addGap
	for i := range t.nodes {
		n := &t.nodes[i]
		a.i, a.node, a.of = int32(i), n, a.operation(n.operation)
		if s.By != "" {
			if value, ok := n.span.Tag(s.By); ok {
				service := a.services[t.operations[n.operation].service]
				a.of = s.operation(service, operationName{a.of.Name, value, true})
			}
		}
		m := t.measure(int32(i), addGap)
		if self := time.Duration(m.self); a.of.Count == 0 || self >= a.of.Worst.SelfTime {
			a.of.keepWorst(SpanRef{t.id, n.id, self, t.incomplete})
		}
		duration := n.end - n.start
		a.of.add(1, duration, m)
		a.of.Durations.add(duration)
		a.of.SelfTimes.add(m.self)
	}
}

// adder is the state of Summary.Add.
type adder struct {
	summary    *Summary
	trace      *Trace
	services   []*service   // by index into trace.services; nil if not needed so far
	operations []*operation // by index into trace.operations; nil if not needed so far
	i          int32        // the span that is being added
	node       *node        // the same
	of         *operation   // its operation
}

func (a *adder) operation(i uint32) *operation {
	o := a.operations[i]
	if o == nil {
		key := a.trace.operations[i]
		if a.services[key.service] == nil {
			a.services[key.service] = a.summary.service(a.trace.services[key.service])
		}
		o = a.summary.operation(a.services[key.service], operationName{name: key.name})
		a.operations[i] = o
	}
	return o
}

func (a *adder) addGap(r rawGap) {
	key := gapKey{class: a.node.class, joined: r.call != none}
	if key.joined {
		r.after, r.before = r.call, r.call
	}
	key.after, key.before = a.number(r.after), a.number(r.before)
	sum := a.of.addGaps(key, 1, r.time, r.critical,
		&rawGapRef{a.trace.id, a.node.id, r.start, r.start - a.trace.start, r.time, r.critical, a.trace.incomplete},
	)
	sum.times.add(r.time)
	if a.trace.explanations != nil {
		if e := a.trace.explanations[gapID{a.i, r.call, r.start}]; e != nil {
			sum.parts.add(e)
			a.of.explained = true
		}
	}
}

// number returns the number of the operation of node i, or of its call if it is a later wait. It
// returns zero for none.
func (a *adder) number(i int32) uint32 {
	if i == none {
		return 0
	}
	return a.operation(a.trace.nodes[a.trace.call(i)].operation).number
}

// Merge adds everything that was added to other, which does not change. Both must have the same By.
func (s *Summary) Merge(other *Summary) {
	for name, theirs := range other.services {
		ours := s.service(name)
		for name, from := range theirs.operations {
			if from.Count == 0 {
				continue
			}
			o := s.operation(ours, name)
			s.mergeGaps(o, other, from)
			o.keepWorst(from.Worst)
			o.add(from.Count, int64(from.Duration), measure{
				int64(from.SelfTime), int64(from.CriticalTime), int64(from.Concurrency),
			})
			o.Durations.merge(&from.Durations)
			o.SelfTimes.merge(&from.SelfTimes)
		}
	}
}

// Operations returns the operations, ordered by self time on the critical path, the most first.
// Ties are ordered by self time, by duration, then by service, name and TagValue.
func (s *Summary) Operations() iter.Seq[Operation] {
	return func(yield func(Operation) bool) {
		var high, low, carry uint64 // a sum in 128 bits is exact, so it does not depend on the order
		var all []*operation
		for _, service := range s.services {
			for _, o := range service.operations {
				if o.Count == 0 {
					continue
				}
				all = append(all, o)
				low, carry = bits.Add64(low, uint64(o.SelfTime), 0)
				high += carry
			}
		}
		slices.SortFunc(all, compareOperations)
		self := float64(high)*(1<<64) + float64(low)
		for _, o := range all {
			result := o.Operation
			result.Durations, result.SelfTimes = o.Durations.clone(), o.SelfTimes.clone()
			result.Parts = o.parts()
			if self > 0 {
				result.Share = float64(o.SelfTime) / self
			}
			if !yield(result) {
				return
			}
		}
	}
}

// parts adds up the parts of all gaps that count as self time.
func (o *operation) parts() []Part {
	if !o.explained {
		return nil
	}
	var sums partSums
	for key, g := range o.gaps {
		if key.class == ClassSelf {
			sums.merge(g.parts)
		}
	}
	return sums.export()
}

// service returns the service with this name, and adds it if it is missing. It copies the name,
// which may share memory with the whole file that the trace was read from.
func (s *Summary) service(name string) *service {
	found := s.services[name]
	if found == nil {
		if s.services == nil {
			s.services = make(map[string]*service)
		}
		found = &service{strings.Clone(name), make(map[operationName]*operation)}
		s.services[found.name] = found
	}
	return found
}

// operation returns the operation with this name, and adds it if it is missing.
func (s *Summary) operation(of *service, name operationName) *operation {
	o := of.operations[name]
	if o == nil {
		number := s.number(name.name)
		name.name, name.tagValue = s.names[number-1], strings.Clone(name.tagValue)
		o = &operation{number: number, Operation: Operation{
			Service: of.name, Name: name.name, Tagged: name.tagged, TagValue: name.tagValue,
		}}
		of.operations[name] = o
	}
	return o
}

// number returns the number of an operation's name. It adds a copy of the name if it is missing.
func (s *Summary) number(name string) uint32 {
	number := s.numbers[name]
	if number == 0 {
		if s.numbers == nil {
			s.numbers = make(map[string]uint32)
		}
		name = strings.Clone(name)
		s.names = append(s.names, name)
		number = uint32(len(s.names))
		s.numbers[name] = number
	}
	return number
}

// keepWorst sets Worst if ref is worse.
func (o *Operation) keepWorst(ref SpanRef) {
	if o.Count == 0 || compareSpanRefs(ref, o.Worst) < 0 {
		o.Worst = ref
	}
}

func (o *Operation) add(count, duration int64, m measure) {
	o.Count = addSaturating(o.Count, count)
	o.Duration = time.Duration(addSaturating(int64(o.Duration), duration))
	o.SelfTime = time.Duration(addSaturating(int64(o.SelfTime), m.self))
	o.CriticalTime = time.Duration(addSaturating(int64(o.CriticalTime), m.critical))
	o.Concurrency = time.Duration(addSaturating(int64(o.Concurrency), m.concurrency))
}

func compareSpanRefs(a, b SpanRef) int {
	return cmp.Or(
		cmp.Compare(b.SelfTime, a.SelfTime), a.TraceID.Compare(b.TraceID), cmp.Compare(a.SpanID, b.SpanID),
		compareBools(a.Incomplete, b.Incomplete),
	)
}

func compareOperations(a, b *operation) int {
	return cmp.Or(
		cmp.Compare(b.CriticalTime, a.CriticalTime),
		cmp.Compare(b.SelfTime, a.SelfTime), cmp.Compare(b.Duration, a.Duration),
		cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.TagValue, b.TagValue), compareBools(a.Tagged, b.Tagged),
	)
}
