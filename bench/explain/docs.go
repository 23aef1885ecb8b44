package main

import (
	"embed"
	"errors"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap"
)

//go:embed explain.md.tmpl explain.svg.tmpl results.md.tmpl
var templates embed.FS

// document is what -write writes.
type document struct {
	*results

	Costs *costs
	Speed speeds
}

// The part of docs/explain.md that write replaces lies between these lines.
const (
	beginMark = "<!-- Written by bench/explain. -->"
	endMark   = "<!-- The end of what bench/explain wrote. -->"
)

// write writes the figures into the repository at dir.
func (d *document) write(dir string) error {
	text, err := d.execute("explain.md.tmpl")
	if err == nil {
		err = replacePart(filepath.Join(dir, "docs", "explain.md"), text)
	}
	for name, page := range map[string]string{
		"explain.svg.tmpl": "docs/explain.svg",
		"results.md.tmpl":  "bench/explain/results.md",
	} {
		text, failed := d.execute(name)
		if failed == nil {
			failed = os.WriteFile(filepath.Join(dir, filepath.FromSlash(page)), []byte(text), 0o644)
		}
		err = errors.Join(err, failed)
	}
	return err
}

func (d *document) execute(name string) (string, error) {
	functions := template.FuncMap{
		"percent": percent, "wrap": wrap, "join": strings.Join,
		"heads": func() []string { return heads }, "costHeads": func() []string { return costHeads },
		"million":   func(x float64) string { return fmt.Sprintf("%.2f", x/1e6) },
		"millions":  func(n int) string { return fmt.Sprintf("%.1f million", float64(n)/1e6) },
		"megabytes": func(n int64) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) },
		"part":      func(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) },
	}
	t, err := template.New(name).Funcs(functions).ParseFS(templates, name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, d)
	return b.String(), err
}

// wrap wraps text at 100 columns, as documents of this repository are. The first line begins with
// first, and the others are indented as much.
func wrap(first, text string) string {
	const columns = 100
	var b strings.Builder
	b.WriteString(first)
	width := 0
	for i, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			width = utf8.RuneCountInString(first)
		case width+1+length > columns:
			b.WriteString("\n" + strings.Repeat(" ", utf8.RuneCountInString(first)))
			width = utf8.RuneCountInString(first)
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += length
	}
	return b.String()
}

// replacePart replaces the part of a document between the marks.
func replacePart(name, part string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), beginMark+"\n")
	_, after, ended := strings.Cut(rest, endMark)
	if !found || !ended {
		return fmt.Errorf("%s: want the lines %q and %q, to write the figures between them", name, beginMark, endMark)
	}
	return os.WriteFile(name, []byte(before+beginMark+"\n"+part+endMark+after), 0o644)
}

// Remarks returns what the tables of scenarios do not say: which scenarios were not measured, and
// why an error exceeds the goal.
func (r *results) Remarks() (remarks []string) {
	for _, row := range r.Rows {
		if row.Skipped != "" {
			remarks = append(remarks, fmt.Sprintf("*%s* was not measured: %s.", row.name, row.Skipped))
		} else if why := row.Why(); why != "" {
			remarks = append(remarks, fmt.Sprintf("*%s*, over 5 %%: %s.", row.name, why))
		}
	}
	return remarks
}

// About returns how the figures were measured.
func (d *document) About() string {
	return fmt.Sprintf("Measured on %s: %s, %s, GOMAXPROCS %d, %d requests of each scenario, seed %d.",
		d.Date, d.Machine, d.Go, d.Processors, d.N, d.Seed)
}

// Intro returns what the table of costs says.
func (c *costs) Intro() string {
	return fmt.Sprintf("What recording costs a request of an HTTP server that takes %s of CPU time: medians of %d rounds,"+
		" in which the modes take turns.", us(c.Rows[0].CPU), c.Rounds)
}

// Intro returns what the table of speeds says.
func (s speeds) Intro() string {
	return fmt.Sprintf("How fast an execution trace is explained, in a process that does nothing else. The trace was recorded at"+
		" %.0f MB a second, as of a busy program. Goals: %.1f million events a second, %.0f MB of memory.",
		speedPace/1e6, goalEvents/1e6, goalMemory/1e6)
}

// The plot has two bars for each scenario: what happened in its gaps, and below it what package
// explain found. A dot shows the mean error, on a logarithmic axis.
const (
	plotLeft, barWidth  = 140, 420
	dotLeft, dotRight   = 600, 830
	plotTop, lineHeight = 66, 30
	least, most         = 0.0001, 1
)

var colours = [gap.NumCauses]string{
	gap.CauseUnobserved: "#d9d9d9", gap.CauseCPU: "#2ca02c", gap.CauseRunnable: "#ff7f0e", gap.CauseNoCPU: "#d62728",
	gap.CauseThrottled: "#8c1a1a", gap.CauseGC: "#8c564b", gap.CauseSyscall: "#7f7f7f", gap.CauseCgo: "#98df8a",
	gap.CauseNetwork: "#1f77b4", gap.CauseLock: "#9467bd", gap.CauseChannel: "#e377c2", gap.CauseSelect: "#f7b6d2",
	gap.CauseSleep: "#aec7e8", gap.CauseOther: "#bcbd22",
}

// Bar is a rectangle of the plot, Dot a mark, Label a text.
type (
	Bar struct {
		X, Y, Width, Height float64
		Colour, Title       string
	}
	Dot struct {
		X, Y  float64
		Title string
	}
	Label struct {
		X, Y float64
		Text string
	}
)

// Width and Height return the size of the plot.
func (r *results) Width() int  { return dotRight + 30 }
func (r *results) Height() int { return plotTop + lineHeight*len(r.Made()) + 44 }

// Bottom returns the position of the axis.
func (r *results) Bottom() int { return r.Height() - 36 }

// Lines returns the name of each scenario.
func (r *results) Lines() (lines []Label) {
	for i, row := range r.Made() {
		lines = append(lines, Label{plotLeft - 10, plotTop + lineHeight*(float64(i)+0.5), row.name})
	}
	return lines
}

// Bars returns the bars: the truth, and below it what was found.
func (r *results) Bars() (bars []Bar) {
	const height = 11
	for i, row := range r.Made() {
		y := plotTop + lineHeight*float64(i) + 3
		for j, all := range []sums{row.Confusion.truths(), row.Confusion.founds()} {
			what := []string{"in truth", "found"}[j]
			total := 0.0
			for _, d := range all {
				total += float64(d)
			}
			x := float64(plotLeft)
			for c, d := range all {
				if d == 0 {
					continue
				}
				part := float64(d) / total
				bars = append(bars, Bar{
					x, y + height*float64(j), part * barWidth, height, colours[c],
					fmt.Sprintf("%s, %s: %v %.1f %%", row.name, what, gap.Cause(c), 100*part),
				})
				x += part * barWidth
			}
		}
	}
	return bars
}

// Dots returns the mean errors.
func (r *results) Dots() (dots []Dot) {
	for i, row := range r.Made() {
		dots = append(dots, Dot{
			across(row.Mean), plotTop + lineHeight*(float64(i)+0.5), fmt.Sprintf("%s: %s", row.name, percent(row.Mean)),
		})
	}
	return dots
}

func across(value float64) float64 {
	part := math.Log(min(max(value, least), most)/least) / math.Log(most/least)
	return dotLeft + part*(dotRight-dotLeft)
}

// Ticks returns a label for each decade.
func (r *results) Ticks() (ticks []Label) {
	for _, value := range []float64{0.0001, 0.001, 0.01, 0.1, 1} {
		ticks = append(ticks, Label{across(value), 0, fmt.Sprintf("%g %%", 100*value)})
	}
	return ticks
}

// Goal returns the position of the goal for the mean of all scenarios.
func (r *results) Goal() float64 { return across(goalMean) }

// Legend returns a colour and a name for each cause that occurs.
func (r *results) Legend() (legend []Bar) {
	const perLine = 7
	for i, c := range r.Confusion().Used() {
		legend = append(legend, Bar{
			20 + 118*float64(i%perLine), 12 + 20*float64(i/perLine), 10, 10, colours[c], html.EscapeString(c.String()),
		})
	}
	return legend
}
