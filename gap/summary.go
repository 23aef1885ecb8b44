package gap

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Summary is what many traces say of each operation of each service. Traces may be dropped when they have been
// added: it holds memory by operations, a few kB for each and at most 32, and not by spans. As that has no other
// bound, operations are to be low in cardinality. Summaries of parts can be merged, in any order and grouping, and
// that is the same as one of the whole. The zero Summary is empty. It is not to be used by several goroutines at once.
type Summary struct {
	services map[string]*service
}

type service struct {
	name       string
	operations map[string]*Operation
}

// Operation is what a Summary knows of an operation of a service. Sums stop at the highest [time.Duration].
type Operation struct {
	Service, Name string
	Count         int64         // spans
	Duration      time.Duration // of all of them, one after the other
	SelfTime      time.Duration // their self time, as of [Node.SelfTime]
	CriticalTime  time.Duration // how much of that lies on the critical path
	Concurrency   time.Duration // as of [Node.Concurrency]
	Share         float64       // of the self time of all operations of the Summary, from 0 to 1
	Durations     Histogram     // of each span
	SelfTimes     Histogram     // of each span
	Worst         SpanRef       // the span with the most self time, of equals that with the lowest ids
}

// SpanRef names a span.
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
			o.suggest(SpanRef{t.id, n.id, self})
		}
		o.sum(1, duration, m)
		o.Durations.add(duration)
		o.SelfTimes.add(m.self)
	}
}

// Merge adds all that was added to another Summary, which does not change.
func (s *Summary) Merge(other *Summary) {
	for name, theirs := range other.services {
		ours := s.service(name)
		for name, from := range theirs.operations {
			o := ours.operation(name)
			o.suggest(from.Worst)
			o.sum(from.Count, int64(from.Duration), measure{int64(from.SelfTime), int64(from.CriticalTime), int64(from.Concurrency)})
			o.Durations.merge(&from.Durations)
			o.SelfTimes.merge(&from.SelfTimes)
		}
	}
}

// Operations returns the operations, those with the most self time on the critical path first, of equals those with the
// most self time, then those of the longest duration, then by service and name.
func (s *Summary) Operations() iter.Seq[Operation] {
	return func(yield func(Operation) bool) {
		var high, low, carry uint64 // 128 bits of self time: exact, and so the same in any order
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
			told := *o
			told.Durations, told.SelfTimes = o.Durations.clone(), o.SelfTimes.clone()
			if self > 0 {
				told.Share = float64(o.SelfTime) / self
			}
			if !yield(told) {
				return
			}
		}
	}
}

// service returns a service by its name, of which it keeps a copy: it may be cut from all that a trace was read from.
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

// suggest makes an example the worst if it is.
func (o *Operation) suggest(e SpanRef) {
	if o.Count == 0 || compareExamples(e, o.Worst) < 0 {
		o.Worst = e
	}
}

func (o *Operation) sum(count, duration int64, m measure) {
	o.Count += count
	o.Duration = time.Duration(plus(int64(o.Duration), duration))
	o.SelfTime = time.Duration(plus(int64(o.SelfTime), m.self))
	o.CriticalTime = time.Duration(plus(int64(o.CriticalTime), m.critical))
	o.Concurrency = time.Duration(plus(int64(o.Concurrency), m.concurrency))
}

func compareExamples(a, b SpanRef) int {
	return cmp.Or(cmp.Compare(b.SelfTime, a.SelfTime), compareTraceIDs(a.TraceID, b.TraceID), cmp.Compare(a.SpanID, b.SpanID))
}

func compareOperations(a, b *Operation) int {
	return cmp.Or(
		cmp.Compare(b.CriticalTime, a.CriticalTime), cmp.Compare(b.SelfTime, a.SelfTime), cmp.Compare(b.Duration, a.Duration),
		cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name),
	)
}
