package budget

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/internal/suggest"
)

// Status is the outcome of a check.
type Status int

const (
	Kept    Status = iota // the value is within the limit
	Broken                // the value exceeds the limit
	Missing               // no operation matches the budget
	Skipped               // no operation matches an optional budget
)

// String returns the status as the JSON has it.
func (s Status) String() string { return [...]string{"kept", "broken", "missing", "skipped"}[s] }

// Result is the result of checking one limit of one operation.
type Result struct {
	Status             Status
	Service, Operation string // of a missing operation, the patterns
	Limit              Limit  // zero if the operation is missing
	Line               int    // in the file: of the limit, or of the budget
	Value              float64
	Spans              int64       // how many the operation has
	Worst              gap.TraceID // the trace with the highest value of a span
	hint               string      // for Missing: the end of the message
}

// Failed reports whether the result breaks the budget.
func (r *Result) Failed() bool { return r.Status == Broken || r.Status == Missing }

// Check compares m with the budgets of f. m must have been made for f. The results are in the order
// of the file. The operations that match one budget are ordered by service and name.
func Check(f *File, m *Measures) (results []Result) {
	var all []*measured
	for _, o := range m.operations {
		if o != nil {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b *measured) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.name, b.name))
	})
	for i := range f.Budgets {
		b := &f.Budgets[i]
		found := false
		for _, o := range all {
			if !b.matches(o.operation) {
				continue
			}
			found = true
			for _, l := range b.Limits {
				r := Result{Service: o.service, Operation: o.name, Limit: l, Line: l.Line, Spans: o.count}
				if r.Value, r.Worst = o.value(l, m.self); !l.allows(r.Value) {
					r.Status = Broken
				}
				results = append(results, r)
			}
		}
		if !found {
			r := Result{Status: Missing, Service: b.Service, Operation: b.Operation, Line: b.Line}
			if b.Optional {
				r.Status = Skipped
			} else {
				r.hint = b.hint(m)
			}
			results = append(results, r)
		}
	}
	return results
}

// hint says which operation the budget may have been meant for, or "".
func (b *Budget) hint(m *Measures) string {
	var services, names []string
	for o := range m.operations {
		if names = append(names, o.name); matches(b.Operation, o.name) {
			services = append(services, cmp.Or(printable.Name(o.service), "(no service)"))
		}
	}
	slices.Sort(names)
	slices.Sort(services)
	if services = slices.Compact(services); len(services) > 0 {
		const most = 3
		return "; it is an operation of " + strings.Join(services[:min(len(services), most)], ", ")
	}
	if best := suggest.Closest(b.Operation, names, max(2, len(b.Operation)/5), strings.ToLower); best != "" {
		return "; did you mean " + printable.Name(best) + "?"
	}
	return ""
}

// format formats a value of the metric: "30.0 ms", "20 %".
func (m Metric) format(value float64) string {
	if m == Share {
		return strconv.FormatFloat(100*value, 'g', 3, 64) + " %"
	}
	return printable.Duration(time.Duration(value))
}

// Span names the operation with its service.
func (r *Result) Span() string {
	name := cmp.Or(printable.Name(r.Operation), "(no name)")
	if r.Service != "" {
		name = printable.Name(r.Service) + ": " + name
	}
	return name
}

// Message describes the result: "self p95 is 41.2 ms, limit < 30.0 ms; worst trace …". A value that
// would look equal to its limit is shown with all digits.
func (r *Result) Message() string {
	if r.Status == Missing || r.Status == Skipped {
		return "does not occur in the traces" + r.hint
	}
	value, bound := r.Limit.Metric.format(r.Value), r.Limit.Bound()
	if value == bound && r.Value != r.Limit.bound {
		value, bound = r.Limit.Metric.exactly(r.Value), r.Limit.Metric.exactly(r.Limit.bound)
	}
	return fmt.Sprintf("%s is %s, limit %s %s; worst trace %s", r.Limit.What(), value, r.Limit.sign(), bound, r.Worst)
}

func (l Limit) sign() string {
	if l.orEqual {
		return "<="
	}
	return "<"
}

func (m Metric) exactly(value float64) string {
	if m == Share {
		return strconv.FormatFloat(100*value, 'g', -1, 64) + " %"
	}
	return time.Duration(value).String()
}

// Summary formats how many limits were checked and broken. on names the traces.
func Summary(results []Result, on string) string {
	var n [Skipped + 1]int
	for _, r := range results {
		n[r.Status]++
	}
	checked := n[Kept] + n[Broken]
	s := fmt.Sprintf("%d %s checked on %s: %d broken", checked, printable.Plural(checked, "limit"), on, n[Broken])
	if n[Missing] > 0 {
		s += fmt.Sprintf(", %d %s missing", n[Missing], printable.Plural(n[Missing], "operation"))
	}
	if n[Skipped] > 0 {
		s += fmt.Sprintf(", %d optional %s missing", n[Skipped], printable.Plural(n[Skipped], "operation"))
	}
	return s
}
