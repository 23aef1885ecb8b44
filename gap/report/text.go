package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// TextOptions say how to write text. The zero value is for a file: 100 columns without colours, and tables as wide as they need.
type TextOptions struct {
	Width      int  // columns, at least 60. 0 means that lines may have any length; a waterfall then has 100
	Color      bool // with escape sequences (ECMA-48 SGR, the 8 colours that every terminal knows)
	ASCII      bool // for a terminal that knows nothing else. Names stay as they are
	Rows       int  // of a waterfall, at most and beside lines that say what is left out. 0 means 100, less than 0 all
	Operations int  // in the table, at most. 0 means 20, less than 0 all
}

// Text writes a waterfall of each trace that is drawn, a table of the worst gaps, and one of the operations.
func (r *Report) Text(w io.Writer, o TextOptions) error {
	t := &text{options: o}
	for _, d := range r.drawn.sorted() {
		t.section()
		t.heading(d)
		t.waterfall(d.trace)
	}
	if r.drawn.Len() > 0 {
		t.section()
		t.legend()
	}
	t.gaps(r)
	t.operations(r)
	t.warnings(r)
	_, err := io.WriteString(w, t.String())
	return err
}

// Waterfall writes one trace as a tree of its calls, each with a bar on one time axis. A span's gaps, the time that none of the spans below it
// covers, are marked on its bar where they lie. The later waits of a call are drawn on the call's line.
func Waterfall(w io.Writer, trace *gap.Trace, o TextOptions) error {
	t := &text{options: o}
	t.waterfall(trace)
	t.section()
	t.legend()
	_, err := io.WriteString(w, t.String())
	return err
}

// text is a report in the making.
type text struct {
	strings.Builder
	options TextOptions
}

func (t *text) width() int { return max(60, cmp.Or(t.options.Width, 100)) }

// atMost is how wide a table may be.
func (t *text) atMost() int {
	if t.options.Width > 0 {
		return t.width()
	}
	return math.MaxInt
}

// wrapped is a line, or several where it is too wide.
func (t *text) wrapped(s string) string { return ansi.Wordwrap(s, t.atMost(), "") }

// section leaves a line between what was written and what comes.
func (t *text) section() {
	if t.Len() > 0 {
		t.WriteByte('\n')
	}
}

// plain is s in the signs that the terminal has, but for what is in a name.
func (t *text) plain(s string) string {
	if t.options.ASCII {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "µs", "us"), "…", "...")
	}
	return s
}

func (t *text) duration(d time.Duration) string { return t.plain(duration(d)) }

// styled is s as the style has it, if there are colours.
func (t *text) styled(style ansi.Style, s string) string {
	if !t.options.Color || s == "" {
		return s
	}
	return style.Styled(s)
}

var (
	bold  = ansi.Style{}.Bold()
	faint = ansi.Style{}.Faint()
)

func (t *text) heading(d drawn) {
	total, self := span(d.trace), selfTime(d.trace)
	line := fmt.Sprintf("%s  %s, %d %s, self %s",
		t.styled(bold, "Trace "+d.trace.ID().String()), t.duration(total), d.trace.Len(), printable.Plural(d.trace.Len(), "span"), t.duration(self))
	if self > 0 {
		line += fmt.Sprintf(", critical %s", t.duration(d.critical))
	}
	t.WriteString(t.wrapped(line) + "\n")
	const most = 3
	for i, w := range d.warnings {
		if i == most {
			fmt.Fprintf(t, "  and %d more warnings\n", len(d.warnings)-most)
			break
		}
		t.WriteString(ansi.Truncate(t.plain("  warning: "+warning(w)), t.atMost(), t.glyphs().ellipsis) + "\n")
	}
	t.WriteByte('\n')
}

// column is one of numbers, with its heading. On a narrow terminal the columns of the highest rank go first, and those of rank 0 stay.
type column struct {
	heading string
	width   int
	rank    int
}

var (
	gapColumns       = []column{{"critical", 8, 0}, {"self", 8, 0}, {"at", 9, 0}}
	operationColumns = []column{
		{"count", 7, 0},
		{"p50", 8, 0},
		{"p95", 8, 2},
		{"p99", 8, 1},
		{"self p50", 8, 0},
		{"self p95", 8, 2},
		{"self p99", 8, 1},
		{"critical", 8, 3},
		{"share", 7, 0},
	}
)

// line is one of a table: numbers, what they are about, and the trace to look at.
type line struct {
	numbers     []string
	name, trace string
}

// table writes lines, none of them wider than the terminal as far as that goes.
func (t *text) table(title string, columns []column, name, trace string, lines []line) {
	t.section()
	fmt.Fprintf(t, "%s\n", t.styled(bold, ansi.Truncate(title, t.atMost(), t.glyphs().ellipsis)))
	head := line{name: name, trace: trace}
	left := t.atMost() - 2
	names, traces := ansi.StringWidth(name), ansi.StringWidth(trace)
	for _, c := range columns {
		head.numbers = append(head.numbers, c.heading)
		left -= 1 + c.width
	}
	for _, l := range lines {
		names, traces = max(names, ansi.StringWidth(l.name)), max(traces, len(l.trace))
	}
	const least = 24 // columns of a name that are worth more than other columns
	dropped := math.MaxInt
	for rank := 3; rank > 0 && left < min(names, least); rank-- {
		for _, c := range columns {
			if c.rank == rank {
				left += 1 + c.width
			}
		}
		dropped = rank
	}
	if left-min(names, least) < traces+2 {
		traces = 0
	} else {
		left -= traces + 2
	}
	names = min(names, max(left, 16))
	for i, l := range append([]line{head}, lines...) {
		var b strings.Builder
		for j, number := range l.numbers {
			if columns[j].rank < dropped {
				fmt.Fprintf(&b, " %*s", columns[j].width, number)
			}
		}
		label := ansi.Truncate(l.name, names, t.glyphs().ellipsis)
		b.WriteString("  " + label)
		if traces > 0 {
			b.WriteString(strings.Repeat(" ", names-ansi.StringWidth(label)+2) + l.trace)
		}
		if i == 0 {
			t.WriteString(t.styled(faint, b.String()) + "\n")
		} else {
			t.WriteString(b.String() + "\n")
		}
	}
}

func (t *text) gaps(r *Report) {
	if r.gaps.Len() == 0 {
		return
	}
	var lines []line
	for _, g := range r.gaps.sorted() {
		l := line{
			numbers: []string{t.duration(g.CriticalTime), t.duration(g.Time), "+" + t.duration(g.At)},
			name:    t.label(g.Service, g.Operation), trace: g.TraceID.String(),
		}
		if g.Joined {
			l.name += " (between waits that were joined)"
		}
		if g.Incomplete {
			l.name += " (spans are missing)"
		}
		lines = append(lines, l)
	}
	t.table("Worst gaps, by self time on the critical path", gapColumns, "span", "trace", lines)
}

func (t *text) operations(r *Report) {
	var lines []line
	most, more := cmp.Or(t.options.Operations, 20), 0
	for o := range r.summary.Operations() {
		if most >= 0 && len(lines) == most {
			more++
			continue
		}
		l := line{
			numbers: []string{fmt.Sprint(o.Count)},
			name:    t.label(o.Service, o.Name), trace: o.Worst.TraceID.String(),
		}
		for _, h := range []*gap.Histogram{&o.Durations, &o.SelfTimes} {
			for _, q := range quantiles {
				l.numbers = append(l.numbers, t.duration(h.Quantile(q)))
			}
		}
		l.numbers = append(l.numbers, t.duration(o.CriticalTime), fmt.Sprintf("%.1f %%", 100*o.Share))
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return
	}
	title := fmt.Sprintf("Operations of %d %s, %d %s, by self time on the critical path",
		r.traces, printable.Plural(r.traces, "trace"), r.spans, printable.Plural(r.spans, "span"))
	t.table(title, operationColumns, "operation", "worst in trace", lines)
	if more > 0 {
		fmt.Fprintf(t, "and %d more %s\n", more, printable.Plural(more, "operation"))
	}
}

var quantiles = [...]float64{0.5, 0.95, 0.99}

func (t *text) warnings(r *Report) {
	if len(r.warnings) == 0 {
		return
	}
	var words []string
	for _, code := range sortedCodes(r.warnings) {
		words = append(words, fmt.Sprintf("%d %s", r.warnings[code], code))
	}
	t.section()
	t.WriteString(t.wrapped("Warnings: "+strings.Join(words, ", ")) + "\n")
}

func sortedCodes(warnings map[gap.WarningCode]int) []gap.WarningCode {
	codes := make([]gap.WarningCode, 0, len(warnings))
	for code := range warnings {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}

// warning is one as people may see it: it holds names.
func warning(w gap.Warning) string { return printable.Text(w.String(), 300) }

func (t *text) label(service, operation string) string {
	l := label(service, operation)
	if t.options.ASCII {
		l = strings.ReplaceAll(l, "…", t.glyphs().ellipsis) // where it was cut
	}
	return l
}

// label names an operation for people.
func label(service, operation string) string {
	if operation = printable.Name(operation); service != "" {
		operation = printable.Name(service) + ": " + operation
	}
	return operation
}
