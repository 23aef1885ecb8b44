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

// TextOptions are the options of [Report.Text] and [Waterfall]. The zero value is for a file.
type TextOptions struct {
	Width      int  // in columns, raised to 60; 0 means 100 for waterfalls, and no bound for other lines
	Color      bool // use escape sequences for the 8 standard colours
	ASCII      bool // use ASCII only, except in names
	Rows       int  // show at most this many spans in a waterfall; 0 means 100, less than 0 all
	Operations int  // list at most this many operations; 0 means 20, less than 0 all

	// Tags are the keys of tags that waterfalls show, each on a line below its span. Of a call with
	// later waits they show the call's.
	Tags []string
}

// Text writes the waterfall of each drawn trace, a table of the listed gaps, and one of the
// operations. If gaps have explanations, it writes the [Verdict] of the ten longest below each
// waterfall, and below each row of the tables.
func (r *Report) Text(w io.Writer, o TextOptions) error {
	t := &text{options: o}
	for _, d := range r.drawn.sorted() {
		t.section()
		t.heading(d)
		t.waterfall(d.trace)
		t.verdicts(d.trace)
	}
	if r.drawn.Len() > 0 {
		t.section()
		t.legend()
	}
	t.gaps(r)
	t.operations(r)
	t.notes(r)
	t.warnings(r)
	_, err := io.WriteString(w, t.String())
	return err
}

// Waterfall writes one trace as a tree of its spans, each with a bar on a common time axis. The
// gaps of a span are marked on its bar. The later waits of a call are on the call's line. The
// [Verdict] of each of the ten longest gaps follows, if they have explanations.
func Waterfall(w io.Writer, trace *gap.Trace, o TextOptions) error {
	t := &text{options: o}
	t.waterfall(trace)
	t.verdicts(trace)
	t.section()
	t.legend()
	_, err := io.WriteString(w, t.String())
	return err
}

// text is the buffer that a report is written to.
type text struct {
	strings.Builder
	options TextOptions
	path    path // of the waterfall that is being written
	failed  bool // a row shows a failed span, which the legend explains
	moved   bool // a row shows a span that was moved
}

func (t *text) width() int { return max(60, cmp.Or(t.options.Width, 100)) }

// maxWidth returns how wide lines other than a waterfall's may be.
func (t *text) maxWidth() int {
	if t.options.Width > 0 {
		return t.width()
	}
	return math.MaxInt
}

// wrapped breaks a line that is too wide.
func (t *text) wrapped(s string) string { return ansi.Wordwrap(s, t.maxWidth(), "") }

// section writes an empty line, except at the start.
func (t *text) section() {
	if t.Len() > 0 {
		t.WriteByte('\n')
	}
}

// plain replaces the characters of our own texts that are not ASCII, if ASCII is set. Do not use it
// for names.
func (t *text) plain(s string) string {
	if t.options.ASCII {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "µs", "us"), "…", "...")
	}
	return s
}

func (t *text) duration(d time.Duration) string { return t.plain(duration(d)) }

// styled adds the style to s if colours are on.
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
	self := d.trace.SelfTime()
	line := fmt.Sprintf("%s  %s, %d %s, self %s",
		t.styled(bold, "Trace "+d.trace.ID().String()), t.duration(d.trace.Duration()),
		d.trace.Len(), printable.Plural(d.trace.Len(), "span"), t.duration(self))
	if self > 0 {
		line += fmt.Sprintf(", critical %s", t.duration(d.critical))
	}
	if d.trace.Incomplete() {
		line += ", spans are missing"
	}
	t.WriteString(t.wrapped(line) + "\n")
	const most = 3
	for i, w := range d.warnings {
		if i == most {
			more := len(d.warnings) - most
			fmt.Fprintf(t, "  and %d more %s\n", more, printable.Plural(more, "warning"))
			break
		}
		t.WriteString(ansi.Truncate(t.plain("  warning: "+warning(w)), t.maxWidth(), t.glyphs().ellipsis) + "\n")
	}
	t.WriteByte('\n')
}

var (
	gapColumns = []column{
		{"critical", 8, 0},
		{"self", 8, 0},
		{"count", 7, 0},
		{"p50", 8, 3},
		{"p95", 8, 2},
		{"worst", 8, 1},
		{"at", 9, 3},
	}
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

func (t *text) gaps(r *Report) {
	var lines []tableRow
	for _, g := range r.Gaps() {
		lines = append(lines, tableRow{
			numbers: []string{
				t.duration(g.CriticalTime), t.duration(g.Time), fmt.Sprint(g.Count),
				t.duration(g.Times.Quantile(0.5)), t.duration(g.Times.Quantile(0.95)), t.duration(g.Worst.Time),
				"+" + t.duration(g.Worst.At),
			},
			name:    t.label(g.Service, g.Operation) + valueOf(g.Tagged, g.TagValue),
			detail:  ", " + t.ellipsis(position(g.Position)),
			verdict: verdictOf(g.Parts, g.Time),
			trace:   traceOf(g.Worst.TraceID, g.Worst.Incomplete), incomplete: g.Worst.Incomplete,
		})
	}
	if len(lines) > 0 {
		t.table("Worst gaps, by self time on the critical path", gapColumns, "span, and where in it", "worst in trace", lines)
	}
}

func (t *text) operations(r *Report) {
	var lines []tableRow
	most, more := cmp.Or(t.options.Operations, 20), 0
	for o := range r.summary.Operations() {
		if most >= 0 && len(lines) == most {
			more++
			continue
		}
		l := tableRow{
			numbers: []string{fmt.Sprint(o.Count)},
			name:    t.label(o.Service, o.Name) + valueOf(o.Tagged, o.TagValue),
			verdict: verdictOf(o.Parts, o.SelfTime),
		}
		if o.Worst.SelfTime > 0 { // otherwise no trace is worse than another
			l.trace, l.incomplete = traceOf(o.Worst.TraceID, o.Worst.Incomplete), o.Worst.Incomplete
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
	title := fmt.Sprintf("Operations of %s, by self time on the critical path", r.counts())
	t.table(title, operationColumns, r.operationHead(), "worst in trace", lines)
	if more > 0 {
		fmt.Fprintf(t, "and %d more %s\n", more, printable.Plural(more, "operation"))
	}
}

// operationHead returns the heading of operations. It names the tag that splits them.
func (r *Report) operationHead() string {
	if r.summary.By == "" {
		return "operation"
	}
	return "operation [" + printable.Name(r.summary.By) + "]"
}

// valueOf returns what follows the name of an operation: the value of the tag that splits it.
func valueOf(tagged bool, value string) string {
	if !tagged {
		return ""
	}
	return " [" + printable.Name(value) + "]"
}

// position formats where in its span a gap is. The names in it are untrusted.
func position(p gap.Position) string {
	for _, name := range []*string{&p.After, &p.Before, &p.Within} { // String ignores those that do not apply
		*name = cmp.Or(printable.Name(*name), "(no name)")
	}
	return p.String()
}

// lacksSpans marks a trace that lacks spans.
const lacksSpans = "(spans are missing)"

// traceOf formats the id of a trace, with a mark if the trace lacks spans.
func traceOf(id gap.TraceID, incomplete bool) string {
	if incomplete {
		return id.String() + " " + lacksSpans
	}
	return id.String()
}

var quantiles = [...]float64{0.5, 0.95, 0.99}

func (t *text) warnings(r *Report) {
	if len(r.warnings) == 0 {
		return
	}
	var words []string
	for _, code := range sortedCodes(r.warnings) {
		words = append(words, fmt.Sprintf("%d %s", r.warnings[code], printable.Name(string(code))))
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

// warning formats a warning. Its message may contain names, which are untrusted.
func warning(w gap.Warning) string { return printable.Text(w.String(), 300) }

func (t *text) label(service, operation string) string { return t.ellipsis(label(service, operation)) }

// ellipsis replaces the character that truncation leaves in names, if ASCII is set.
func (t *text) ellipsis(s string) string {
	if t.options.ASCII {
		s = strings.ReplaceAll(s, "…", t.glyphs().ellipsis)
	}
	return s
}

// label formats an operation with its service.
func label(service, operation string) string {
	if operation = printable.Name(operation); service != "" {
		operation = printable.Name(service) + ": " + operation
	}
	return operation
}
