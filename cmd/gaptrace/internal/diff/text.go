package diff

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// TextOptions are the options of [Diff.Text]. The zero value is for a file.
type TextOptions struct {
	Names [2]string // of the inputs before and after
	Width int       // in columns; 0 for no bound
	Color bool      // use escape sequences
	ASCII bool      // use ASCII only, except in names
	All   bool      // also list the places that did not change
	Rows  int       // list at most this many places; 0 for all
}

// Text writes a table of the places that changed.
func (d *Diff) Text(w io.Writer, o TextOptions) error {
	t := &text{options: o}
	t.heads(d)
	t.table(d)
	if len(d.Warnings) > 0 {
		t.WriteString("\n")
	}
	for _, warning := range d.Warnings {
		t.line("warning: " + warning)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// text is the buffer that text is written to.
type text struct {
	strings.Builder
	options TextOptions
}

var (
	bold  = ansi.Style{}.Bold()
	faint = ansi.Style{}.Faint()
	red   = ansi.Style{}.ForegroundColor(ansi.Red)
	green = ansi.Style{}.ForegroundColor(ansi.Green)
)

func (t *text) styled(style ansi.Style, s string) string {
	if !t.options.Color || s == "" {
		return s
	}
	return style.Styled(s)
}

// ascii has a replacement for each character of our own texts that is not ASCII.
var ascii = strings.NewReplacer("µs", "us", "…", "...", "±", "+-", "→", "->", "−", "-", "≤", "<=", "∞", "inf", "×", "x")

// plain replaces them, if ASCII is set. Do not use it for names.
func (t *text) plain(s string) string {
	if t.options.ASCII {
		return ascii.Replace(s)
	}
	return s
}

func (t *text) maxWidth() int { return cmp.Or(t.options.Width, math.MaxInt) }

// line writes a line, which is wrapped if it is too wide.
func (t *text) line(s string) { t.WriteString(ansi.Wordwrap(t.plain(s), t.maxWidth(), "") + "\n") }

// heads writes what was compared.
func (t *text) heads(d *Diff) {
	for i, side := range []struct {
		name string
		Total
	}{{"before", d.Before}, {"after ", d.After}} {
		t.line(fmt.Sprintf("%s  %s: %s", side.name, printable.Name(t.options.Names[i]), side.Counts()))
	}
	t.line(fmt.Sprintf("a trace takes %s → %s, %s; critical self time %s → %s, %s",
		d.Before.Duration, d.After.Duration, d.Trace.Words(),
		printable.Duration(d.Before.Critical), printable.Duration(d.After.Critical), Signed(d.After.Critical-d.Before.Critical)))
}

// Counts formats the number of traces and spans.
func (t Total) Counts() string {
	return fmt.Sprintf("%d %s, %d %s",
		t.Traces, printable.Plural(t.Traces, "trace"), t.Spans, printable.Plural(t.Spans, "span"))
}

// String formats the median and its confidence interval: "3.00 ms ± 2 %". It returns "" for the
// median of nothing.
func (m Median) String() string {
	switch {
	case m.N == 0:
		return ""
	case !m.Bounded():
		return printable.Duration(m.Center) + " ± ∞"
	case m.Center == 0:
		return "0"
	}
	most := max(m.High-m.Center, m.Center-m.Low)
	return fmt.Sprintf("%s ± %.0f %%", printable.Duration(m.Center), 100*float64(most)/float64(m.Center))
}

// Words formats a change: "+59 % (p=0.001)", or "~ (p=0.234)" if it is not significant.
func (c Change) Words() string {
	p := "(" + pValue(c.P) + ")"
	switch {
	case !c.Significant:
		return "~ " + p
	case math.IsNaN(c.Ratio) || math.IsInf(c.Ratio, 0):
		return p
	case c.Ratio >= 10:
		return fmt.Sprintf("×%.3g %s", c.Ratio, p)
	}
	return fmt.Sprintf("%s %s", percent(c.Ratio-1), p)
}

// pValue formats a p-value: "p=0.012", "p<0.001".
func pValue(p float64) string {
	if p < 0.001 {
		return "p<0.001"
	}
	return fmt.Sprintf("p=%.3f", p)
}

// percent formats a part with its sign: "+59 %", "−3.1 %".
func percent(part float64) string {
	sign, digits := "+", 0
	if part < 0 {
		sign, part = "−", -part
	}
	if part < 0.1 {
		digits = 1
	}
	return fmt.Sprintf("%s%.*f %%", sign, digits, 100*part)
}

// Signed formats a duration with its sign.
func Signed(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < 0:
		return "−" + printable.Duration(-d)
	}
	return "+" + printable.Duration(d)
}

// Change describes how the place changed.
func (r *Row) Change() string {
	switch r.Kind {
	case New, Vanished:
		return fmt.Sprintf("%v (%s)", r.Kind, pValue(r.Occurs))
	case Same:
		return "~ (" + pValue(min(r.Time.P, r.Occurs)) + ")"
	}
	if !r.Time.Significant {
		more := "more often"
		if r.After.Share() < r.Before.Share() {
			more = "less often"
		}
		return fmt.Sprintf("%s (%s)", more, pValue(r.Occurs))
	}
	return r.Time.Words()
}

// OccursIn formats the part of the operation's spans that have the place: "100 %", or "12 → 60 %".
func (r *Row) OccursIn() string {
	before, after := shortPercent(r.Before.Share()), shortPercent(r.After.Share())
	if before == after {
		return after + " %"
	}
	return before + " → " + after + " %"
}

// shortPercent formats a part from 0 to 1. Only exactly 0 and 1 become "0" and "100".
func shortPercent(part float64) string {
	switch {
	case part == 0 || part == 1:
		return fmt.Sprintf("%.0f", 100*part)
	case part > 0.9995:
		return "99.9"
	case part < 0.0005:
		return "<0.1"
	case part > 0.995 || part < 0.01:
		return fmt.Sprintf("%.1f", 100*part)
	}
	return fmt.Sprintf("%.0f", 100*part)
}

// Span names the operation, with its service and the value of the tag that splits operations.
func (p Place) Span() string {
	name := cmp.Or(printable.Name(p.Name), "(no name)")
	if p.Service != "" {
		name = printable.Name(p.Service) + ": " + name
	}
	if p.Tagged {
		name += " [" + printable.Name(p.TagValue) + "]"
	}
	return name
}

// Where describes the position of the place in its span.
func (p Place) Where() string {
	at := p.Position
	for _, name := range []*string{&at.After, &at.Before, &at.Within} { // String ignores those that do not apply
		*name = cmp.Or(printable.Name(*name), "(no name)")
	}
	return at.String()
}

// listed returns the places to list, and how many others changed and did not change.
func (d *Diff) listed(all bool, most int) (rows []Row, more, same int) {
	for _, r := range d.Places {
		switch {
		case r.Kind == Same && !all:
			same++
		case most > 0 && len(rows) == most:
			more++
		default:
			rows = append(rows, r)
		}
	}
	return rows, more, same
}

// unlisted returns lines about the places that are not listed.
func (d *Diff) unlisted(more, same int) (lines []string) {
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more %s; --rows lists more", more, printable.Plural(more, "place")))
	}
	switch {
	case len(d.Places) == 0:
		lines = append(lines, "no span of either side has self time")
	case same == len(d.Places) && min(d.Before.Traces, d.After.Traces) < minValues:
		lines = append(lines, fmt.Sprintf("too few traces to find a change at any of %d places", same))
	case same == len(d.Places):
		lines = append(lines, fmt.Sprintf("no significant change at any of %d places", same))
	case same > 0:
		lines = append(lines, fmt.Sprintf(
			"%d more %s without a significant change", same, printable.Plural(same, "place")))
	}
	return lines
}

var columns = []string{"critical", "before", "after", "change", "occurs"}

// table writes the places, the names last because they may be long.
func (t *text) table(d *Diff) {
	rows, more, same := d.listed(t.options.All, t.options.Rows)
	if len(rows) > 0 {
		title := "Changes of self time, by their cost on the critical path of a trace"
		t.WriteString("\n" + t.styled(bold, ansi.Truncate(title, t.maxWidth(), t.plain("…"))) + "\n")
	}
	cells := [][]string{columns}
	for i := range rows {
		r := &rows[i]
		cells = append(cells, []string{
			Signed(r.Cost), r.Before.Time.String(), r.After.Time.String(), r.Change(), r.OccursIn(),
		})
	}
	widths := make([]int, len(columns))
	for _, row := range cells {
		for i := range row {
			row[i] = t.plain(row[i])
			widths[i] = max(widths[i], ansi.StringWidth(row[i]))
		}
	}
	for i, row := range cells {
		if len(rows) == 0 {
			break
		}
		name, where, style := "span, and where in it", "", faint
		if i > 0 {
			name, where, style = rows[i-1].Span(), rows[i-1].Where(), rows[i-1].style()
		}
		t.row(row, widths, name, where, style, i == 0)
	}
	lines := d.unlisted(more, same)
	if len(lines) > 0 && len(rows) == 0 {
		t.WriteString("\n")
	}
	for _, line := range lines {
		t.line(line)
	}
}

// row writes a row of the table. The position in the span goes to the next line if it does not fit.
func (t *text) row(cells []string, widths []int, name, where string, style ansi.Style, head bool) {
	var b strings.Builder
	for i, cell := range cells {
		pad := strings.Repeat(" ", widths[i]-ansi.StringWidth(cell))
		if !head && (i == 0 || i == 3) {
			cell = t.styled(style, cell)
		}
		if i == 3 { // words are aligned on the left
			b.WriteString("  " + cell + pad)
		} else {
			b.WriteString("  " + pad + cell)
		}
	}
	indent := ansi.StringWidth(b.String()) + 2
	full := name
	if where != "" {
		full += ", " + where
	}
	left := max(t.maxWidth()-indent, 24)
	fits := ansi.StringWidth(full) <= left
	if !fits {
		full = ansi.Truncate(name, left, t.plain("…"))
	}
	line := strings.TrimPrefix(b.String(), "  ") + "  " + full
	if head {
		line = t.styled(faint, line)
	}
	t.WriteString(line + "\n")
	if !fits && where != "" {
		t.WriteString(strings.Repeat(" ", indent-2) + ansi.Truncate(where, left, t.plain("…")) + "\n")
	}
}

// style returns the style of a change: red if it costs time, green if it saves time.
func (r *Row) style() ansi.Style {
	switch {
	case r.Kind == Same || r.Cost == 0:
		return ansi.Style{}
	case r.Cost > 0:
		return red
	}
	return green
}
