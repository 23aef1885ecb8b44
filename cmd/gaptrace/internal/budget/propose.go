package budget

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

const (
	headroom = 1.2                       // how much more than today is allowed
	leastMax = float64(time.Millisecond) // a lower limit would break for reasons of the machine
	leastOf  = 0.01                      // of all self time: operations with less have no limit for it
)

// Propose returns a budget for each operation with self time: its measured values plus 20 %,
// rounded up to two digits. Limits of times are at least 1 ms. m must have been made without a
// file. The operations with the most self time on critical paths are first. An operation without a
// name has no budget, since no pattern is about it alone. Nor has one without a service if a
// service has an operation of that name.
func Propose(m *Measures) *File {
	inService := map[string]bool{}
	for o := range m.operations {
		if o.service != "" {
			inService[o.name] = true
		}
	}
	var all []*measured
	for _, o := range m.operations {
		if o.metrics[Self].max > 0 && o.name != "" && (o.service != "" || !inService[o.name]) {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *measured) int {
		return cmp.Or(
			cmp.Compare(b.metrics[Critical].sum, a.metrics[Critical].sum), cmp.Compare(b.metrics[Self].sum, a.metrics[Self].sum),
			cmp.Compare(a.service, b.service), cmp.Compare(a.name, b.name),
		)
	})
	f := &File{}
	for _, o := range all {
		b := Budget{Operation: exactly(o.name), Service: exactly(o.service)}
		b.limit("self p95", o.metrics[Self].quantile(0.95))
		if critical := o.metrics[Critical].quantile(0.5); critical > 0 {
			b.limit("critical p50", critical)
		}
		if share := o.metrics[Self].sum / m.self; share >= leastOf && roundUp(headroom*share) < 1 {
			b.add("share < " + strconv.FormatFloat(100*roundUp(headroom*share), 'g', 2, 64) + "%")
		}
		f.Budgets = append(f.Budgets, b)
	}
	return f
}

func (b *Budget) limit(what string, value float64) {
	most := time.Duration(roundUp(max(headroom*value, leastMax)))
	b.add(what + " < " + most.String())
}

func (b *Budget) add(text string) {
	l, err := parseLimit(text)
	if err != nil {
		panic(err) // a limit of our own
	}
	b.Limits = append(b.Limits, l)
}
