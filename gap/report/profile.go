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

var valueTypes = []profile.ValueType{
	gapCount:      {Type: "gaps", Unit: "count"},
	selfTimes:     {Type: "self", Unit: "nanoseconds"},
	criticalTimes: {Type: "critical", Unit: "nanoseconds"},
	wireTimes:     {Type: "wire", Unit: "nanoseconds"},
	remoteTimes:   {Type: "remote", Unit: "nanoseconds"},
	pathTimes:     {Type: "path", Unit: "nanoseconds"},
}

// Profile returns the gaps as a profile for go tool pprof, with frames "service: operation". A
// sample has six values: gaps (their number), and in nanoseconds self (self time), critical (the
// part of it on the critical path), wire and remote (the time of such gaps), and path (the critical
// path, of any class). The path of a trace's root adds up to the root's duration, with that of its
// later waits if it is a call. The option -sample_index of pprof chooses one; the default is self.
//
// If gaps have explanations, a sample has a value for each cause, too: cpu, runnable, no-cpu,
// throttled, gc, syscall, cgo, network, lock, channel, select, sleep, other and unobserved. The
// last frame of such a sample is the line of the program, and the label cause has the cause.
//
// The ten traces with the most self time in a stack have a sample each, with the label trace_id.
// The other traces share one sample for that stack. Gaps of failed spans have samples of their own,
// with the label failed=true.
func (s *Stacks) Profile() *profile.Profile {
	p := &profile.Profile{
		DefaultSampleType: valueTypes[selfTimes].Type,
		// Without HasFunctions pprof would look for a binary.
		Mapping: []*profile.Mapping{{ID: 1, File: "traces", HasFunctions: true}},
	}
	for _, t := range valueTypes {
		p.SampleType = append(p.SampleType, &t) // a copy, since encoding a profile writes to it
	}
	if s.explained {
		for c := range gap.Cause(gap.NumCauses) {
			p.SampleType = append(p.SampleType, &profile.ValueType{Type: causeKey(c), Unit: "nanoseconds"})
		}
	}
	if len(s.frames) > 0 {
		p.TimeNanos, p.DurationNanos = s.start.UnixNano(), int64(s.end.Sub(s.start))
	}
	p.Comments = s.caveats.lines()
	locations := make([]*profile.Location, len(s.labels))
	location := func(name int32) *profile.Location {
		if locations[name] == nil {
			id := uint64(len(p.Location) + 1)
			n := s.labels[name]
			l, file := n.label(), printable.Name(n.service)
			if n.isCause() {
				l = functionLabel(n)
			}
			// pprof takes a SystemName for C++ and removes what looks like templates and parameters
			// from it: GET /users/<id> and GET /users/<name> would become one function.
			function := &profile.Function{ID: id, Name: l, Filename: file}
			locations[name] = &profile.Location{
				ID: id, Mapping: p.Mapping[0], Line: []profile.Line{{Function: function, Line: int64(n.line)}},
			}
			p.Function, p.Location = append(p.Function, function), append(p.Location, locations[name])
		}
		return locations[name]
	}
	all := make([]int64, len(p.SampleType)) // pprof adds up the samples, which must not overflow
	add := func(stack []*profile.Location, v values, labels map[string][]string, cause uint8) {
		sample := &profile.Sample{Location: stack, Value: make([]int64, len(all)), Label: labels}
		copy(sample.Value, v[:])
		if cause > 0 {
			sample.Value[len(v)+int(cause)-1] = v[selfTimes]
			labels["cause"] = []string{causeKey(gap.Cause(cause - 1))}
		}
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
		failed, cause := false, s.labels[f.name].because
		s.stack(i, func(name int32) {
			if s.labels[name].failed { // a label says so
				failed = true
				return
			}
			stack = append(stack, location(name))
		})
		rest := f.sum
		for _, e := range f.examples {
			for j := range rest {
				rest[j] = max(0, rest[j]-e.values[j]) // negative if the sum saturated
			}
			add(stack, e.values, labels(failed, e.trace.String()), cause)
		}
		if rest != (values{}) {
			add(stack, rest, labels(failed), cause)
		}
	}
	return p
}

// labels returns the labels of a sample.
func labels(failed bool, trace ...string) map[string][]string {
	labels := map[string][]string{}
	if len(trace) > 0 {
		labels["trace_id"] = trace
	}
	if failed {
		labels["failed"] = []string{"true"}
	}
	return labels
}

// FoldedOptions are the options of [Stacks.Folded].
type FoldedOptions struct {
	Time string // one of Times, or a cause as Stacks.Profile has it; "" means "self"
}

// Times returns the times that stacks have: self, critical, wire, remote and path, the sample types
// of [Stacks.Profile] in nanoseconds.
func Times() []string {
	var names []string
	for _, t := range valueTypes[selfTimes:] {
		names = append(names, t.Type)
	}
	return names
}

// Folded writes a line for each stack that has any of the time, for flame graph tools: the frames
// from the root on, separated by semicolons, a space, and the time in microseconds. Semicolons in
// names become commas. The time of failed spans is in a frame "(failed)" below theirs. An explained
// gap has two more frames: its cause, and the line of the program. Folded returns an error if it
// does not know o.Time.
func (s *Stacks) Folded(w io.Writer, o FoldedOptions) error {
	value := selfTimes + slices.Index(Times(), cmp.Or(o.Time, valueTypes[selfTimes].Type))
	only := uint8(0) // frameName.because, if one cause is asked for
	if value < selfTimes {
		for c := range gap.Cause(gap.NumCauses) {
			if o.Time == causeKey(c) {
				value, only = selfTimes, uint8(c)+1
			}
		}
	}
	if value < selfTimes {
		return fmt.Errorf("report: unknown time %q; times are: %s", o.Time, strings.Join(Times(), ", "))
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
