package diff

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/sample"
	"github.com/gaptrace/gaptrace/gap"
)

// maxValues is how many values of a place are kept, in 16 kB.
const maxValues = 1000

// Operation identifies the spans of an operation.
type Operation struct {
	Service, Name string
	Tagged        bool   // the spans have the tag of NewSide
	TagValue      string // its value
}

// Place is where in the spans of an operation gaps are.
type Place struct {
	Operation
	Position gap.Position
}

// Side collects one of the two sets of traces. Create it by [NewSide].
type Side struct {
	by         string
	traces     int
	spans      int
	incomplete int
	seenAgain  int
	critical   int64         // sum of the self time on critical paths
	durations  sample.Sample // of traces
	operations map[Operation]*operationSum
	places     map[Place]*placeSum
	roots      map[Operation]int // how many traces begin with this operation
	hosts      limitedSet
	samplers   limitedSet
}

// operationSum counts the traces and spans of an operation.
type operationSum struct{ traces, spans int64 }

// placeSum is what a Side keeps for a place.
type placeSum struct {
	traces, spans int64 // those that have the place
	critical      int64 // sum of the self time on critical paths
	values        sample.Sample
}

// NewSide returns an empty Side. by is the key of a tag that splits operations by its value, or "".
func NewSide(by string) *Side {
	return &Side{
		by: by, durations: sample.Sample{Most: maxValues},
		operations: map[Operation]*operationSum{}, places: map[Place]*placeSum{}, roots: map[Operation]int{},
		hosts: limitedSet{}, samplers: limitedSet{},
	}
}

// TagKeys returns the keys of span tags that a Side looks at, in addition to those that package gap
// needs.
func TagKeys() []string { return []string{samplerType, samplerParam} }

// Jaeger's clients set these tags on the first span of a trace.
const samplerType, samplerParam = "sampler.type", "sampler.param"

// AddSeenAgain counts a trace of which an earlier part was added as another trace.
func (s *Side) AddSeenAgain() { s.seenAgain++ }

// Count returns the number of traces that were added, and of their spans.
func (s *Side) Count() (traces, spans int) { return s.traces, s.spans }

// Add adds a trace. It ignores an empty one.
func (s *Side) Add(t *gap.Trace) {
	if t.Len() == 0 {
		return
	}
	s.traces++
	s.spans += t.Len()
	if t.Incomplete() {
		s.incomplete++
	}
	hash := sample.Hash(t.ID(), 0)
	s.durations.Add(hash, int64(t.Duration()))
	s.addRoot(t)

	spans := map[Operation]int64{}
	places := map[Place]*placeOfTrace{}
	processes := map[*gap.Process]bool{}
	for n := range t.Nodes() {
		if p := n.Span().Process; !processes[p] {
			processes[p] = true
			s.hosts.add(host(p))
		}
		o := s.operation(n)
		spans[o]++
		for g := range n.Gaps(0) {
			if g.Class != gap.ClassSelf {
				break // all gaps of a span have the same class
			}
			place := Place{o, g.Position()}
			in := places[place]
			if in == nil {
				in = &placeOfTrace{}
				places[place] = in
			}
			in.add(g)
		}
	}
	for o, n := range spans {
		s.addOperation(o, n)
	}
	for place, in := range places {
		s.addPlace(place, in, hash)
	}
}

// operation returns the operation of a span.
func (s *Side) operation(n gap.Node) Operation {
	o := Operation{Service: n.Service(), Name: n.Span().Operation}
	if s.by != "" {
		o.TagValue, o.Tagged = n.Span().Tag(s.by)
	}
	return o
}

// addRoot counts how the trace begins, and how it was sampled.
func (s *Side) addRoot(t *gap.Trace) {
	for n := range t.Roots() {
		o := Operation{Service: n.Service(), Name: n.Span().Operation}
		if _, known := s.roots[o]; !known {
			o = o.clone()
		}
		s.roots[o]++
		kind, _ := n.Span().Tag(samplerType)
		param, _ := n.Span().Tag(samplerParam)
		s.samplers.add(strings.TrimSpace(kind + " " + param))
		return // a trace has several roots only if spans are missing
	}
}

func (s *Side) addOperation(o Operation, spans int64) {
	sum := s.operations[o]
	if sum == nil {
		sum = &operationSum{}
		s.operations[o.clone()] = sum
	}
	sum.traces++
	sum.spans += spans
}

func (s *Side) addPlace(p Place, in *placeOfTrace, hash uint64) {
	sum := s.places[p]
	if sum == nil {
		sum = &placeSum{values: sample.Sample{Most: maxValues}}
		s.places[p.clone()] = sum
	}
	sum.traces++
	sum.spans += in.spans
	sum.critical = add(sum.critical, in.critical)
	sum.values.Add(hash, in.time/in.spans)
	s.critical = add(s.critical, in.critical)
}

// placeOfTrace adds up the gaps at a place in one trace.
type placeOfTrace struct {
	time, critical, spans int64
	last                  gap.Node // the span that was counted last
}

func (p *placeOfTrace) add(g gap.Gap) {
	if g.Node != p.last {
		p.spans++
		p.last = g.Node
	}
	p.time = add(p.time, int64(g.Time))
	p.critical = add(p.critical, int64(g.CriticalTime))
}

// add adds two numbers that are not negative. It returns the highest number if the sum overflows.
func add(a, b int64) int64 {
	if sum := a + b; sum >= 0 {
		return sum
	}
	return math.MaxInt64
}

// clone copies the names, which may share memory with the whole file that the trace was read from.
func (o Operation) clone() Operation {
	return Operation{strings.Clone(o.Service), strings.Clone(o.Name), o.Tagged, strings.Clone(o.TagValue)}
}

func (p Place) clone() Place {
	p.Operation = p.Operation.clone()
	for _, name := range []*string{&p.Position.After, &p.Position.Before, &p.Position.Within} {
		*name = strings.Clone(*name)
	}
	return p
}

// host returns the name of the machine that a process runs on, or "".
func host(p *gap.Process) string {
	if p == nil {
		return ""
	}
	for _, key := range []string{"hostname", "host.name", "host.id", "ip", "host.ip"} {
		for _, tag := range p.Tags {
			if tag.Key == key {
				return fmt.Sprint(tag.Value)
			}
		}
	}
	return ""
}

// limitedSet is a set of texts. If more than maxTexts are added, those that sort first are kept.
type limitedSet map[string]bool

const maxTexts = 100

func (s limitedSet) add(text string) {
	if text == "" || s[text] {
		return
	}
	s[strings.Clone(text)] = true
	if len(s) > maxTexts {
		delete(s, slices.Max(slices.Collect(maps.Keys(s))))
	}
}

// perTrace divides a sum by the number of traces.
func (s *Side) perTrace(sum int64) time.Duration {
	if s.traces == 0 {
		return 0
	}
	return time.Duration(math.Round(float64(sum) / float64(s.traces)))
}
