package diff

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// warnings returns the reasons why the result may mislead. They are safe to print.
func (d *Diff) warnings(before, after *Side) (all []string) {
	warn := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for _, side := range []struct {
		name string
		Total
	}{{"before", d.Before}, {"after", d.After}} {
		if side.Traces < minValues {
			warn("only %d %s %s: %d are needed to tell a change from chance",
				side.Traces, printable.Plural(side.Traces, "trace"), side.name, minValues)
		}
		if side.Incomplete > 0 {
			warn("%d of %d traces %s lack spans: a gap may be the time of such a span",
				side.Incomplete, side.Traces, side.name)
		}
		if side.SeenAgain > 0 {
			warn("%d of %d traces %s are parts of traces that were already counted; raise --join-window",
				side.SeenAgain, side.Traces, side.name)
		}
	}
	if len(before.hosts) < maxTexts && len(after.hosts) < maxTexts && disjoint(before.hosts, after.hosts) {
		warn("recorded on different hosts: %s before, %s after; the hosts may be the cause of a change",
			before.hosts, after.hosts)
	}
	if !maps.Equal(before.samplers, after.samplers) && len(before.samplers)+len(after.samplers) > 0 {
		warn("sampled in different ways: %s before, %s after; the sides may have different kinds of requests",
			before.samplers, after.samplers)
	} else if !before.samplers.all() {
		warn("not all requests were recorded: the sampler is %s", before.samplers)
	}
	if d.By != "" && !slices.ContainsFunc(d.Places, func(r Row) bool { return r.Tagged }) {
		warn("no span has the tag %s of --by, so it splits no operation", printable.Text(d.By, 60))
	}
	const most = 0.1
	if moved := before.moved(after); moved > most {
		warn("the sides have different kinds of requests: %.0f %% of the traces begin with another operation, "+
			"which changes costs per trace; --operation selects traces", 100*moved)
	}
	return all
}

// String lists the first texts.
func (s limitedSet) String() string {
	const most = 3
	var words []string
	for _, text := range slices.Sorted(maps.Keys(s)) {
		if len(words) == most {
			words = append(words, "…")
			break
		}
		words = append(words, printable.Text(text, 60))
	}
	if words == nil {
		return "unknown"
	}
	return strings.Join(words, ", ")
}

// all reports whether the samplers keep all traces, or are unknown.
func (s limitedSet) all() bool {
	for sampler := range s {
		if sampler != "const true" && sampler != "const 1" {
			return false
		}
	}
	return true
}

// disjoint reports whether two sets have elements, but none in common.
func disjoint(a, b limitedSet) bool {
	for x := range a {
		if b[x] {
			return false
		}
	}
	return len(a) > 0 && len(b) > 0
}

// moved returns the part of the traces that would have to begin with another operation for both
// sides to begin with the same ones: half the sum of all differences between their shares.
func (s *Side) moved(other *Side) (sum float64) {
	if s.traces == 0 || other.traces == 0 {
		return 0
	}
	share := func(s *Side, o Operation) float64 { return float64(s.roots[o]) / float64(s.traces) }
	all := maps.Clone(s.roots)
	maps.Copy(all, other.roots)
	for o := range all {
		sum += math.Abs(share(s, o) - share(other, o))
	}
	return sum / 2
}
