package report

import (
	"fmt"
	"html/template"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// htmlTrace is a trace, for the template.
type htmlTrace struct {
	drawn
	page     *htmlPage
	Number   int // from 1
	length   time.Duration
	unit     time.Duration
	unitName string
	rows     []row
	ids      map[gap.Node]anchor

	Causes  []htmlCause            // that occur in its gaps
	details map[gap.Node][]gap.Gap // its longest explained gaps
}

// ID returns the trace id.
func (t *htmlTrace) ID() gap.TraceID { return t.trace.ID() }

// Jaeger returns the URL of the trace in Jaeger's UI, or "".
func (t *htmlTrace) Jaeger() string { return t.page.jaegerURL(t.trace.ID(), 0) }

// Facts returns the texts below the trace's heading.
func (t *htmlTrace) Facts() []string {
	self := t.trace.SelfTime()
	facts := []string{
		duration(t.trace.Duration()), fmt.Sprintf("%d %s", t.trace.Len(), printable.Plural(t.trace.Len(), "span")),
		t.trace.Start().Format("2006-01-02 15:04:05.000 UTC"), "self time " + duration(self),
	}
	if self > 0 {
		facts[3] += fmt.Sprintf(", %s of it on the critical path", duration(t.critical))
	}
	if t.trace.Incomplete() {
		facts = append(facts, "spans are missing")
	}
	return facts
}

// WarningCount returns the number of warnings.
func (t *htmlTrace) WarningCount() int { return len(t.warnings) }

// Warnings returns the texts of the first 100 warnings.
func (t *htmlTrace) Warnings() (texts []string) {
	const most = 100
	for _, w := range t.warnings[:min(len(t.warnings), most)] {
		texts = append(texts, warning(w))
	}
	if more := len(t.warnings) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", more))
	}
	return texts
}

// tick is a label of the time axis.
type tick struct {
	Percent string
	Label   string
}

// Ticks returns the labels of the time axis. There are at most six, which fit on a phone.
func (t *htmlTrace) Ticks() (ticks []tick) {
	step := roundStep(func(step time.Duration) bool { return t.length/step < 6 })
	for at := time.Duration(0); at < t.length; at += step {
		label := strconv.FormatFloat(float64(at)/float64(t.unit), 'f', -1, 64) + " " + t.unitName
		if float64(at) > 0.92*float64(t.length) {
			label = "" // it would not fit
		}
		ticks = append(ticks, tick{string(appendCoordinate(nil, 100*float64(at)/float64(t.length))) + "%", label})
		if at > math.MaxInt64-step {
			break
		}
	}
	return ticks
}

// deepestList is how deep lists are nested. Rows below are in the last one: browsers put everything
// deeper than about 500 elements on one level anyway.
const deepestList = 64

// Rows returns the rows.
func (t *htmlTrace) Rows() iter.Seq[htmlRow] {
	return func(yield func(htmlRow) bool) {
		t.page.path.in(t.trace, t.rows)
		t.page.bar.reset(t)
		open := t.open()
		for i, r := range t.rows {
			h := t.row(i)
			next := 0 // the depth of the next row
			if i+1 < len(t.rows) {
				next = t.rows[i+1].depth
			}
			if h.Fold = next > r.depth && r.depth < deepestList; h.Fold {
				h.Open = open[i]
			} else {
				lists := min(r.depth, deepestList) - min(next, deepestList)
				h.Close = template.HTML(strings.Repeat("</ul></details></li>", lists))
			}
			if !yield(h) {
				return
			}
		}
	}
}

// Large reports whether the trace has so many rows that not all are open.
func (t *htmlTrace) Large() bool {
	const few = 200
	return len(t.rows) > few
}

// open returns which rows are not folded: all of them if there are few, otherwise those that lead
// to the critical path or to a failed span.
func (t *htmlTrace) open() []bool {
	open := make([]bool, len(t.rows))
	var parents []int
	for i, r := range t.rows {
		parents = append(parents[:r.depth], i)
		if !t.Large() || t.page.path.rows[i].first != noPart || r.failed() {
			for depth := r.depth - 1; depth >= 0 && !open[parents[depth]]; depth-- {
				open[parents[depth]] = true
			}
		}
	}
	return open
}

// htmlRow is a row of a waterfall, for the template.
type htmlRow struct {
	ID            string
	Level, Indent int
	Service, Name string
	Long          bool // the name may not fit
	Failed        bool
	Notes         []string
	Tags          []htmlTag
	Why           []htmlWhy
	MoreWhy       int // gaps that Why leaves out
	Bar           template.HTML
	Time, Self    string
	LeftOut       string // if set, the row stands for spans that are left out

	Fold, Open bool          // it has a list of the rows below it, which is open
	Below      string        // what the list has
	Close      template.HTML // ends the lists whose last row this is
}

// htmlTag is a tag that a row shows.
type htmlTag struct{ Key, Value string }

// row prepares a row for the template.
func (t *htmlTrace) row(i int) htmlRow {
	const deepest = 10 // as in page.css
	r := t.rows[i]
	h := htmlRow{Level: r.depth + 1, Indent: min(r.depth, deepest)}
	if len(r.nodes) == 0 {
		h.LeftOut = leftOut(r)
		return h
	}
	first := r.nodes[0]
	if a, ok := t.ids[first]; ok {
		h.ID = a.String()
	}
	h.Service, h.Name = printable.Name(r.service), htmlName(first.Span().Operation)
	h.Long = utf8.RuneCountInString(h.Service)+utf8.RuneCountInString(h.Name) > 24
	var total, self time.Duration
	below := 0
	for _, n := range r.nodes {
		total += n.Duration()
		self += n.SelfTime()
		below += n.Descendants()
	}
	h.Below = fmt.Sprintf("%d %s below", below, printable.Plural(below, "span"))
	h.Time = t.amount(total)
	if self > 0 {
		h.Self = t.amount(self)
	}
	h.Bar = t.page.bar.draw(r.nodes, self, t.page.path.of(i))
	h.Failed, h.Notes = r.failed(), notes(r, t.page.bar.joined)
	h.Why, h.MoreWhy = t.why(r)
	for key, value := range shownTags(r, t.page.Tags) {
		h.Tags = append(h.Tags, htmlTag{key, value})
	}
	return h
}

// leftOut says which spans a row stands for.
func leftOut(r row) string {
	short := fmt.Sprintf("%d %s shorter than 0.1 %% not drawn", r.short, printable.Plural(r.short, "span"))
	switch {
	case r.leftOut == 0:
		return short
	case r.short == 0:
		short = ""
	default:
		short = ", " + short
	}
	return fmt.Sprintf("%d more %s%s", r.leftOut, printable.Plural(r.leftOut, "span"), short)
}

// notes returns what a row says in addition to its times.
func notes(r row, joined time.Duration) (notes []string) {
	n := r.nodes[0]
	if later := len(r.nodes) - 1; later > 0 {
		notes = append(notes, fmt.Sprintf("+%d %s", later, printable.Plural(later, "wait")))
	}
	if joined > 0 {
		notes = append(notes, duration(joined)+" in joined waits")
	}
	if n.Incomplete() {
		notes = append(notes, "parent missing")
	}
	if moved := n.Moved(); moved != 0 {
		notes = append(notes, fmt.Sprintf("moved by %s", signed(moved)))
	}
	if n.Outlives() {
		notes = append(notes, "outlives parent")
	}
	if n.Detached() {
		notes = append(notes, "detached")
	}
	return notes
}

// amount formats a duration in the unit of the trace, so that durations are easy to compare. A very
// short one has a smaller unit.
func (t *htmlTrace) amount(d time.Duration) string {
	if d < t.unit/10 {
		return duration(d)
	}
	return strconv.FormatFloat(float64(d)/float64(t.unit), 'f', 2, 64) + " " + t.unitName
}

// htmlTraceGap is a row of the table of a trace's gaps.
type htmlTraceGap struct {
	Span               htmlSpan
	Class              gap.Class
	At, Time, Critical string
	Position           string
	Verdict            string
}

// Gaps returns the longest gaps of the trace, ordered by start. Their table is the waterfall for
// those who cannot see it.
func (t *htmlTrace) Gaps() (gaps []htmlTraceGap) {
	all, _ := longest(t.trace, 100, func(g gap.Gap) bool { return g.Class != gap.ClassRemote })
	for _, g := range all {
		s := g.Node.Span()
		verdict := ""
		if explained(g) {
			verdict = Verdict(g.Explanation.Parts)
		}
		gaps = append(gaps, htmlTraceGap{
			Verdict: verdict,
			Span:    t.page.span(g.Node.Service(), s.Operation, t.trace.ID(), s.SpanID),
			Class:   g.Class, Position: position(g.Position()),
			At: duration(g.Start.Sub(t.trace.Start())), Time: duration(g.Time), Critical: duration(g.CriticalTime),
		})
	}
	return gaps
}
