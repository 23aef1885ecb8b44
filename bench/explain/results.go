package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/machine"
	"github.com/gaptrace/gaptrace/gap"
)

// The goals, and what -short accepts, which even a busy machine reaches.
const (
	goalMean    = 0.02 // of the error over all scenarios
	goalWorst   = 0.05 // of the mean error of a scenario
	goalLargest = 0.95 // the part of the gaps whose largest cause is right

	grossMean    = 0.25
	grossLargest = 0.70

	longGap = 2 * time.Millisecond // the largest cause counts only in longer gaps
)

// results is everything that was measured.
type results struct {
	Date, Machine, Go string
	Seed              uint64
	N, Processors     int
	Rows              []*row
}

// row is a scenario. All figures are parts of a gap.
type row struct {
	scenario

	gaps    []compared
	Notes   []string // of package explain
	Skipped string   // why it was not measured

	Gaps                int
	Length              time.Duration // mean
	Mean, Median, Worst float64       // of the part whose cause is wrong
	Long, Largest       int           // gaps longer than longGap; those whose largest cause is right
	Unknown             float64       // part whose truth is not known
	Causes              []causeRow
	Confusion           confusion
	Locked, Held        time.Duration // time in locks; the part whose holder is right
	Broken              []string      // promises that package explain did not keep
}

// causeRow is how exact the duration of one cause is.
type causeRow struct {
	Cause       gap.Cause
	Part        float64 // of all gaps, in truth
	Found       float64 // of all gaps, as it was found
	Mean, Worst float64
}

func newResults(seed uint64, n int) *results {
	load := ""
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Fields(string(text))[0] + " before"
	}
	return &results{
		Date: time.Now().Format(time.DateOnly), Go: runtime.Version(), Seed: seed, N: n, Processors: processors,
		Machine: fmt.Sprintf("%d × %s, %s%s", runtime.NumCPU(), machine.Processor(), runtime.GOOS, load),
	}
}

// compute computes the figures from the gaps.
func (r *row) compute() {
	var errs []float64
	var length, unknown time.Duration
	wrongSum, unexplained := 0, 0
	for i := range r.gaps {
		g := &r.gaps[i]
		errs = append(errs, g.err())
		length += g.length
		unknown += g.unknown
		r.Locked += g.locked
		r.Held += g.held
		r.Confusion.add(&g.confusion)
		if g.length > longGap {
			r.Long++
			if g.largest {
				r.Largest++
			}
		}
		if !g.explained {
			unexplained++
		} else if !g.total {
			wrongSum++
		}
	}
	r.Gaps = len(r.gaps)
	if r.Gaps == 0 {
		return
	}
	n := float64(r.Gaps)
	r.Length = length / time.Duration(r.Gaps)
	r.Unknown = float64(unknown) / float64(length)
	r.Mean, r.Worst = meanAndWorst(errs)
	slices.Sort(errs)
	r.Median = (errs[(len(errs)-1)/2] + errs[len(errs)/2]) / 2
	truths, founds := r.Confusion.truths(), r.Confusion.founds()
	for c := range gap.Cause(gap.NumCauses) {
		if truths[c] == 0 && float64(founds[c]) < 0.001*float64(length) {
			continue
		}
		one := causeRow{Cause: c, Part: float64(truths[c]) / float64(length), Found: float64(founds[c]) / float64(length)}
		for i := range r.gaps {
			e := r.gaps[i].errOf(c)
			one.Mean += e / n
			one.Worst = max(one.Worst, e)
		}
		r.Causes = append(r.Causes, one)
	}
	if unexplained > 0 {
		r.Broken = append(r.Broken, fmt.Sprintf("%d of %d gaps have no explanation", unexplained, r.Gaps))
	}
	if wrongSum > 0 {
		r.Broken = append(r.Broken, fmt.Sprintf("the parts of %d of %d gaps do not add up", wrongSum, r.Gaps))
	}
}

func meanAndWorst(all []float64) (mean, worst float64) {
	for _, x := range all {
		mean += x / float64(len(all))
		worst = max(worst, x)
	}
	return mean, worst
}

func percent(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) }

// Name, About and Truth describe the scenario.
func (r *row) Name() string  { return r.name }
func (r *row) About() string { return r.about }
func (r *row) Truth() string { return r.truth }

// Why returns why the mean error exceeds the goal, or "".
func (r *row) Why() string {
	if r.Mean <= goalWorst {
		return ""
	}
	return cmp.Or(r.why, "it is not known why")
}

// Right returns the part of the gaps whose largest cause is right.
func (r *row) Right() float64 {
	if r.Long == 0 {
		return math.NaN()
	}
	return float64(r.Largest) / float64(r.Long)
}

// Made returns the rows that were measured.
func (r *results) Made() (made []*row) {
	for _, row := range r.Rows {
		if row.Skipped == "" {
			made = append(made, row)
		}
	}
	return made
}

// Confusion returns the confusion of all scenarios.
func (r *results) Confusion() *confusion {
	var all confusion
	for _, row := range r.Made() {
		all.add(&row.Confusion)
	}
	return &all
}

// Used returns the causes that are true or were found.
func (c *confusion) Used() (used []gap.Cause) {
	truths, founds := c.truths(), c.founds()
	for cause := range gap.Cause(gap.NumCauses) {
		if truths[cause]+founds[cause] > 0 {
			used = append(used, cause)
		}
	}
	return used
}

// Part returns the part of a cause's true time that was found to be of another cause, in percent.
func (c *confusion) Part(truth, found gap.Cause) string {
	total := c.truths()[truth]
	switch part := float64(c[truth][found]) / float64(total); {
	case total == 0 || part == 0:
		return ""
	case part < 0.0005:
		return "0.0"
	default:
		return fmt.Sprintf("%.1f", 100*part)
	}
}

// Overall returns the mean error over all scenarios, and the part of all gaps whose largest cause
// is right.
func (r *results) Overall() (mean, largest float64) {
	long, right := 0, 0
	for _, row := range r.Made() {
		mean += row.Mean / float64(len(r.Made()))
		long += row.Long
		right += row.Largest
	}
	return mean, float64(right) / float64(max(1, long))
}

// Verdict returns the lines of the summary.
func (r *results) Verdict() []string {
	made := r.Made()
	if len(made) == 0 {
		return []string{"not measured"}
	}
	mean, largest := r.Overall()
	var over, broken []string
	for _, row := range made {
		if row.Mean > goalWorst {
			over = append(over, fmt.Sprintf("%s (%s)", row.name, percent(row.Mean)))
		}
		for _, b := range row.Broken {
			broken = append(broken, row.name+": "+b)
		}
	}
	lines := []string{
		"time whose cause is wrong, mean over all scenarios: " + percent(mean) + " of a gap (goal: 2 %)",
		"scenarios over 5 %: " + cmp.Or(strings.Join(over, ", "), "none"),
		"largest cause right: in " + percent(largest) + " of the gaps over 2 ms (goal: 95 %)",
	}
	return append(lines, broken...)
}

var heads = []string{"scenario", "gaps", "length", "mean", "median", "worst", "largest right", "not known"}

// Cells returns the figures of a row, formatted.
func (r *row) Cells() []string {
	return []string{
		fmt.Sprint(r.Gaps), fmt.Sprintf("%.1f ms", r.Length.Seconds()*1e3), percent(r.Mean), percent(r.Median),
		percent(r.Worst), fmt.Sprintf("%d of %d", r.Largest, r.Long), percent(r.Unknown),
	}
}

// Holder returns how much of the time in locks has the right holder, or "".
func (r *row) Holder() string {
	if r.Locked == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", 100*float64(r.Held)/float64(r.Locked))
}

func (r *results) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(heads, "\t"))
	for _, row := range r.Made() {
		fmt.Fprintf(table, "%s\t%s\n", row.name, strings.Join(row.Cells(), "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nscenario: cause, part of the gaps in truth and as found, mean and worst error of its duration")
	for _, row := range r.Made() {
		fmt.Fprintf(w, "%s:", row.name)
		for i, c := range row.Causes {
			comma := ","
			if i == 0 {
				comma = ""
			}
			fmt.Fprintf(w, "%s %v %.1f %.1f %% (%.2f, %.2f)", comma, c.Cause, 100*c.Part, 100*c.Found, 100*c.Mean, 100*c.Worst)
		}
		fmt.Fprintln(w)
		if holder := row.Holder(); holder != "" {
			fmt.Fprintf(w, "\tthe holder is right in %s of the time in locks\n", holder)
		}
		for _, note := range row.Notes {
			fmt.Fprintf(w, "\tnote: %s\n", note)
		}
		for _, b := range row.Broken {
			fmt.Fprintf(w, "\tbroken: %s\n", b)
		}
	}
	fmt.Fprintln(w, "\nconfusion: percent of the time of a true cause (row) that was found to be of each cause")
	if err := r.Confusion().print(w); err != nil {
		return err
	}
	for _, row := range r.Rows {
		if row.Skipped != "" {
			fmt.Fprintf(w, "%s: skipped: %s\n", row.name, row.Skipped)
		}
	}
	fmt.Fprintf(w, "\n%s\n", strings.Join(r.Verdict(), "\n"))
	_, err := fmt.Fprintf(w, "\nseed %d, %d requests of each, GOMAXPROCS %d; %s, %s, %s\n",
		r.Seed, r.N, r.Processors, r.Machine, r.Go, r.Date)
	return err
}

func (c *confusion) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, found := range c.Used() {
		fmt.Fprintf(table, "\t%v", found)
	}
	fmt.Fprintln(table, "\t")
	for _, truth := range c.Used() {
		fmt.Fprint(table, truth)
		for _, found := range c.Used() {
			fmt.Fprintf(table, "\t%s", c.Part(truth, found))
		}
		fmt.Fprintln(table, "\t")
	}
	return table.Flush()
}

func (r *results) printGaps(w io.Writer) {
	for _, row := range r.Made() {
		fmt.Fprintln(w, row.name)
		for i := range row.gaps {
			row.gaps[i].print(w)
		}
	}
}

// gross returns an error if the explanations are more wrong than a busy machine can make them.
func (r *results) gross() error {
	var errs []error
	for _, row := range r.Made() {
		for _, b := range row.Broken {
			errs = append(errs, errors.New(row.name+": "+b))
		}
	}
	mean, largest := r.Overall()
	if mean > grossMean {
		errs = append(errs, fmt.Errorf("the mean error is %s, more than %s", percent(mean), percent(grossMean)))
	}
	if largest < grossLargest {
		errs = append(errs, fmt.Errorf("the largest cause is right in %s of the gaps, less than %s",
			percent(largest), percent(grossLargest)))
	}
	return errors.Join(errs...)
}
