package report

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// valueTypes are the sample types of a profile, and valueUnits their units.
var (
	valueTypes = []string{
		gapCount: "gaps", selfTimes: "self", criticalTimes: "critical", wireTimes: "wire", remoteTimes: "remote",
		pathTimes: "path",
	}
	valueUnits = []string{gapCount: "count"} // all others are nanoseconds
)

// ProfileOptions are the options of [Stacks.Profile].
type ProfileOptions struct {
	Time string // what pprof shows first: one of Times, or a cause; "" means "self"
}

// Profile writes the gaps as a profile for go tool pprof, compressed, with frames "service:
// operation". A sample has six values: gaps (their number), and in nanoseconds self (self time),
// critical (the part of it on the critical path), wire and remote (the time of such gaps), and path
// (the critical path, of any class). The path of a trace's root adds up to the root's duration,
// with that of its later waits if it is a call. The option -sample_index of pprof chooses one.
//
// If gaps have explanations, a sample has a value for each cause, too: cpu, runnable, no-cpu,
// throttled, gc, syscall, cgo, network, lock, channel, select, sleep, other and unobserved. The
// last frame of such a sample is the line of the program, or "(cause)" if the line is unknown. The
// label cause has the cause.
//
// The ten traces with the most self time in a stack have a sample each, with the label trace_id.
// The other traces share one sample for that stack. Gaps of failed spans have samples of their own,
// with the label failed=true.
//
// Profile returns an error if it does not know o.Time, or if w returns one.
func (s *Stacks) Profile(w io.Writer, o ProfileOptions) error {
	if _, _, err := timeOf(o.Time); err != nil {
		return err
	}
	compressed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	p := newProfileWriter(compressed)
	s.writeProfile(p, cmp.Or(o.Time, valueTypes[selfTimes]))
	if err := p.close(); err != nil { // compressed would return it again
		return err
	}
	return compressed.Close()
}

func (s *Stacks) writeProfile(p *profileWriter, defaultType string) {
	types := slices.Clone(valueTypes)
	if s.explained {
		for c := range gap.Cause(gap.NumCauses) {
			types = append(types, causeKey(c))
		}
	}
	for i, t := range types {
		unit := "nanoseconds"
		if i < len(valueUnits) {
			unit = valueUnits[i]
		}
		p.sampleType(t, unit)
	}
	p.header(s, defaultType)
	locations := make([]uint64, len(s.labels)) // by name; 0: none yet
	var located []int32
	location := func(name int32) uint64 {
		if locations[name] == 0 {
			located = append(located, name)
			locations[name] = uint64(len(located))
		}
		return locations[name]
	}
	all := make([]int64, len(types)) // pprof adds up the samples, which must not overflow
	value := make([]int64, len(types))
	add := func(stack []uint64, v values, labels []sampleLabel, because uint8) {
		clear(value)
		copy(value, v[:])
		if because > 0 {
			value[len(v)+int(because)-1] = v[selfTimes]
		}
		for i, n := range value {
			value[i] = min(n, math.MaxInt64-all[i])
			all[i] += value[i]
		}
		p.sample(stack, value, labels)
	}
	var stack []uint64
	var labels []sampleLabel
	for _, i := range s.sorted() {
		f := &s.frames[i]
		if f.sum == (values{}) {
			continue
		}
		stack, labels = stack[:0], labels[:0]
		because := s.labels[f.name].because
		if because > 0 {
			labels = append(labels, sampleLabel{"cause", causeKey(gap.Cause(because - 1))})
		}
		s.stack(i, func(name int32) {
			if s.labels[name].failed {
				labels = append(labels, sampleLabel{"failed", "true"})
			} else {
				stack = append(stack, location(name))
			}
		})
		rest := f.sum
		for _, e := range s.examples(f) {
			for j := range rest {
				rest[j] = max(0, rest[j]-e.values[j]) // negative if the sum saturated
			}
			add(stack, e.values, append(labels, sampleLabel{"trace_id", e.trace.String()}), because)
		}
		if rest != (values{}) {
			add(stack, rest, labels, because)
		}
	}
	for i, name := range located {
		n := s.labels[name]
		function := n.label()
		if n.isCause() {
			function = functionLabel(n)
		}
		p.location(uint64(i+1), function, printable.Name(n.service), int64(n.line))
	}
}

// FoldedOptions are the options of [Stacks.Folded].
type FoldedOptions struct {
	Time string // one of Times, or a cause as Stacks.Profile has it; "" means "self"
}

// Times returns the times that stacks have: self, critical, wire, remote and path, the sample types
// of [Stacks.Profile] in nanoseconds.
func Times() []string { return slices.Clone(valueTypes[selfTimes:]) }

// timeOf returns the index of a time in values. If it is a cause, because is its frameName.because.
func timeOf(name string) (value int, because uint8, err error) {
	if i := slices.Index(valueTypes, cmp.Or(name, valueTypes[selfTimes])); i >= selfTimes {
		return i, 0, nil
	}
	for c := range gap.Cause(gap.NumCauses) {
		if name == causeKey(c) {
			return selfTimes, uint8(c) + 1, nil
		}
	}
	return 0, 0, fmt.Errorf("report: unknown time %q; times are: %s", name, strings.Join(Times(), ", "))
}

// Folded writes a line for each stack that has any of the time, for flame graph tools: the frames
// from the root on, separated by semicolons, a space, and the time in microseconds. Semicolons in
// names become commas. The time of failed spans is in a frame "(failed)" below theirs. An explained
// gap has two more frames: its cause, and the line of the program. Folded returns an error if it
// does not know o.Time.
func (s *Stacks) Folded(w io.Writer, o FoldedOptions) error {
	value, only, err := timeOf(o.Time)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w) // Flush returns the first error
	var stack []string
	for _, i := range s.sorted() {
		us := time.Duration(s.frames[i].sum[value]).Round(time.Microsecond).Microseconds()
		if us == 0 || only > 0 && s.labels[s.frames[i].name].because != only {
			continue
		}
		stack = stack[:0]
		s.stack(i, func(name int32) {
			n := s.labels[name]
			if n.isCause() {
				if code := codeLabel(n); code != "" {
					stack = append(stack, strings.ReplaceAll(code, ";", ","))
				}
			}
			stack = append(stack, strings.ReplaceAll(n.label(), ";", ","))
		})
		slices.Reverse(stack)
		fmt.Fprintln(b, strings.Join(stack, ";")+" "+strconv.FormatInt(us, 10))
	}
	for _, line := range s.caveats.lines() { // as stacks of no time, since not all tools allow comments
		fmt.Fprintf(b, "(%s) 0\n", line)
	}
	return b.Flush()
}
