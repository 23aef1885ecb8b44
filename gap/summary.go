package gap

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Summary adds up many traces by service and operation. The zero Summary is empty.
//
// It keeps no trace. Each operation takes a few kB of memory, 32 kB at most. The number of
// operations has no bound, so their names should be low in cardinality. Summaries can be merged in
// any order and grouping. The result is the same as that of one Summary to which all traces were
// added.
//
// A Summary is not safe for concurrent use.
type Summary struct {
	services map[string]*service
}

type service struct {
	name       string
	operations map[string]*Operation
}

// Operation is what a [Summary] holds for one operation of a service. A sum that overflows is the
// largest [time.Duration].
type Operation struct {
	Service, Name string
	Count         int64         // number of spans
	Duration      time.Duration // sum over the spans
	SelfTime      time.Duration // sum of [Node.SelfTime]
	CriticalTime  time.Duration // sum of [Node.CriticalTime]
	Concurrency   time.Duration // sum of [Node.Concurrency]
	Share         float64       // SelfTime divided by that of all operations of the Summary, from 0 to 1
	Durations     Histogram     // of each span's duration
	SelfTimes     Histogram     // of each span's self time
	Worst         SpanRef       // the span with the most self time; of equals the one with the lowest ids
}

// SpanRef identifies a span in any trace that was added to a [Summary].
type SpanRef struct {
	TraceID  TraceID
	SpanID   SpanID
	SelfTime time.Duration
}

// Add adds all spans of a trace.
func (s *Summary) Add(t *Trace) {
	services := make([]*service, len(t.services))
	operations := make([]*Operation, len(t.operations))
	for i := range t.nodes {
		n := &t.nodes[i]
		o := operations[n.operation]
		if o == nil {
			key := t.operations[n.operation]
			if services[key.service] == nil {
				services[key.service] = s.service(t.services[key.service])
			}
			o = services[key.service].operation(key.name)
			operations[n.operation] = o
		}
		m, duration := t.measure(int32(i)), n.end-n.start
		if self := time.Duration(m.self); o.Count == 0 || self >= o.Worst.SelfTime {
			o.keepWorst(SpanRef{t.id, n.id, self})
		}
		o.add(1, duration, m)
		o.Durations.add(duration)
		o.SelfTimes.add(m.self)
	}
}

// Merge adds everything that was added to other, which does not change.
func (s *Summary) Merge(other *Summary) {
	for name, theirs := range other.services {
		ours := s.service(name)
		for name, from := range theirs.operations {
			o := ours.operation(name)
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
// Ties are ordered by self time, by duration, then by service and name.
func (s *Summary) Operations() iter.Seq[Operation] {
	return func(yield func(Operation) bool) {
		var high, low, carry uint64 // a sum in 128 bits is exact, so it does not depend on the order
		var all []*Operation
		for _, service := range s.services {
			for _, o := range service.operations {
				all = append(all, o)
				low, carry = bits.Add64(low, uint64(o.SelfTime), 0)
				high += carry
			}
		}
		slices.SortFunc(all, compareOperations)
		self := float64(high)*(1<<64) + float64(low)
		for _, o := range all {
			result := *o
			result.Durations, result.SelfTimes = o.Durations.clone(), o.SelfTimes.clone()
			if self > 0 {
				result.Share = float64(o.SelfTime) / self
			}
			if !yield(result) {
				return
			}
		}
	}
}

// service returns the service with this name, and adds it if it is missing. It keeps a copy of the
// name, which may be a part of the whole file that the trace was read from.
func (s *Summary) service(name string) *service {
	found := s.services[name]
	if found == nil {
		if s.services == nil {
			s.services = make(map[string]*service)
		}
		found = &service{strings.Clone(name), make(map[string]*Operation)}
		s.services[found.name] = found
	}
	return found
}

func (s *service) operation(name string) *Operation {
	o := s.operations[name]
	if o == nil {
		o = &Operation{Service: s.name, Name: strings.Clone(name)}
		s.operations[o.Name] = o
	}
	return o
}

// keepWorst sets Worst if ref is worse.
func (o *Operation) keepWorst(ref SpanRef) {
	if o.Count == 0 || compareSpanRefs(ref, o.Worst) < 0 {
		o.Worst = ref
	}
}

func (o *Operation) add(count, duration int64, m measure) {
	o.Count += count
	o.Duration = time.Duration(addSaturating(int64(o.Duration), duration))
	o.SelfTime = time.Duration(addSaturating(int64(o.SelfTime), m.self))
	o.CriticalTime = time.Duration(addSaturating(int64(o.CriticalTime), m.critical))
	o.Concurrency = time.Duration(addSaturating(int64(o.Concurrency), m.concurrency))
}

func compareSpanRefs(a, b SpanRef) int {
	return cmp.Or(
		cmp.Compare(b.SelfTime, a.SelfTime), a.TraceID.Compare(b.TraceID), cmp.Compare(a.SpanID, b.SpanID),
	)
}

func compareOperations(a, b *Operation) int {
	return cmp.Or(
		cmp.Compare(b.CriticalTime, a.CriticalTime),
		cmp.Compare(b.SelfTime, a.SelfTime), cmp.Compare(b.Duration, a.Duration),
		cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name),
	)
}
