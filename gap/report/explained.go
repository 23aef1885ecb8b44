package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// AddNotes adds notes about what explanations of gaps leave open, such as that the execution trace
// was truncated. Text, HTML and JSON have each note once.
func (r *Report) AddNotes(notes []string) {
	for _, note := range notes {
		if !slices.Contains(r.notes, note) {
			r.notes = append(r.notes, note)
		}
	}
}

// shownNotes returns the notes that a person sees.
func (r *Report) shownNotes() (notes []string) {
	const most = 20
	for _, note := range r.notes[:min(len(r.notes), most)] {
		notes = append(notes, printable.Text(note, 500))
	}
	if more := len(r.notes) - most; more > 0 {
		notes = append(notes, fmt.Sprintf("and %d more", more))
	}
	return notes
}

// explained reports whether a gap's explanation is shown. Gaps of other classes are not the
// program's own time.
func explained(g gap.Gap) bool { return g.Class == gap.ClassSelf && g.Explanation != nil }

// verdictOf returns the verdict of gaps that together take the time whole. It adds how much of this
// time is explained, unless that is nearly all of it.
func verdictOf(parts []gap.Part, whole time.Duration) string {
	if parts == nil {
		return ""
	}
	verdict := Verdict(parts)
	if _, total := causeSums(parts); total > 0 && total < whole-whole/100 {
		verdict += " (" + share(total, whole) + " explained)"
	}
	return verdict
}

// verdicts writes what the longest gaps of a trace were, ordered by start.
func (t *text) verdicts(trace *gap.Trace) {
	if !trace.HasExplanations() {
		return
	}
	gaps, more := longest(trace, 10, explained)
	if len(gaps) == 0 {
		return
	}
	t.section()
	t.WriteString(t.styled(bold, "What the longest gaps were") + "\n")
	for _, g := range gaps {
		line := fmt.Sprintf("%9s  %s, %s", "+"+t.duration(g.Start.Sub(trace.Start())),
			t.label(g.Node.Service(), g.Node.Span().Operation), t.ellipsis(position(g.Position())))
		t.WriteString(ansi.Truncate(line, t.maxWidth(), t.glyphs().ellipsis) + "\n")
		t.verdict(11, Verdict(g.Explanation.Parts))
	}
	if more > 0 {
		fmt.Fprintf(t, "and %d shorter %s\n", more, printable.Plural(more, "gap"))
	}
}

// verdict writes a verdict below what it is about. It does nothing if the verdict is "".
func (t *text) verdict(indent int, verdict string) {
	if verdict == "" {
		return
	}
	const least = 50
	if t.maxWidth()-indent < least {
		indent = 4
	}
	wrapped := ansi.Wrap(t.ellipsis(t.plain(verdict)), t.maxWidth()-indent, "")
	for line := range strings.Lines(wrapped) {
		t.WriteString(strings.Repeat(" ", indent) + t.styled(selfStyle, strings.TrimSuffix(line, "\n")) + "\n")
	}
}

// notes writes the notes, a line for each.
func (t *text) notes(r *Report) {
	notes := r.shownNotes()
	if len(notes) == 0 {
		return
	}
	t.section()
	for _, note := range notes {
		t.WriteString(ansi.Wrap(t.ellipsis("Note: "+note), t.maxWidth(), "") + "\n")
	}
}
