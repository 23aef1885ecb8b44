package report

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// These bound what explanations add to a page.
const (
	maxDetails    = 50  // gaps of a trace with their evidence
	maxRowDetails = 4   // of these, gaps of a row
	maxPieces     = 40  // pieces of the bar of such a gap
	maxFewPieces  = 8   // pieces of the bar of any other gap
	maxShownParts = 6   // parts of such a gap
	maxTitle      = 300 // bytes of a verdict in a title
)

// causeKey returns the name of a cause for a place that allows no space.
func causeKey(c gap.Cause) string { return strings.ReplaceAll(c.String(), " ", "-") }

// causeHeights are the top and the height of a cause in a bar that is ten units high. Full height
// is for a goroutine that ran, less for one that was ready to run, and half or less for one that
// waited. So few causes have the same height. Everybody can distinguish the colours of those. What
// was not observed is left empty.
var causeHeights = func() (heights [gap.NumCauses][2]int64) {
	for c := range heights {
		switch gap.Cause(c) {
		case gap.CauseUnobserved:
		case gap.CauseCPU, gap.CauseGC, gap.CauseSyscall, gap.CauseCgo:
			heights[c] = [2]int64{0, 10}
		case gap.CauseRunnable, gap.CauseNoCPU, gap.CauseThrottled:
			heights[c] = [2]int64{3, 7}
		case gap.CauseLock, gap.CauseNetwork:
			heights[c] = [2]int64{5, 5}
		default:
			heights[c] = [2]int64{7, 3}
		}
	}
	return heights
}()

// htmlCause is an entry of the legend.
type htmlCause struct {
	cause gap.Cause
	Time  time.Duration // in all gaps of the trace
}

// Key returns the name of the cause in the style sheet.
func (c htmlCause) Key() string { return causeKey(c.cause) }

// Name returns the cause in words.
func (c htmlCause) Name() string { return causeNames[c.cause] }

// Swatch returns the path of its sample.
func (c htmlCause) Swatch() string { return swatch(c.cause) }

func swatch(c gap.Cause) string {
	height := causeHeights[c]
	if height == [2]int64{} {
		height = [2]int64{0, 10} // the frame of an empty gap
	}
	return string(appendBox(nil, 0, 30, height))
}

// explain finds the causes of the gaps of a trace, and its longest gaps.
func (t *htmlTrace) explain() {
	if !t.trace.HasExplanations() {
		return
	}
	var sums [gap.NumCauses]time.Duration
	for g := range t.trace.Gaps(0) {
		switch {
		case explained(g):
			for c, time := range causeTimes(g.Explanation.Parts) {
				sums[c] = addTimes(sums[c], time)
			}
		case g.Class == gap.ClassSelf:
			sums[gap.CauseUnobserved] = addTimes(sums[gap.CauseUnobserved], g.Time)
		}
	}
	for c, sum := range sums {
		if sum > 0 {
			t.Causes = append(t.Causes, htmlCause{gap.Cause(c), sum})
		}
	}
	slices.SortStableFunc(t.Causes, func(a, b htmlCause) int { return cmp.Compare(b.Time, a.Time) })
	all, _ := longest(t.trace, maxDetails, explained)
	t.details = map[gap.Node][]gap.Gap{}
	for _, g := range all {
		t.details[g.Node] = append(t.details[g.Node], g)
	}
}

// causeTimes adds up parts by cause. A cause that does not exist counts as CauseOther.
func causeTimes(parts []gap.Part) (sums [gap.NumCauses]time.Duration) {
	for i := range parts {
		c := known(parts[i].Cause)
		sums[c] = addTimes(sums[c], max(parts[i].Duration, 0))
	}
	return sums
}

// htmlWhy is the evidence for a gap.
type htmlWhy struct {
	At, Time string
	Verdict  string
	Parts    []htmlPart
	More     int // parts that are left out
}

type htmlPart struct {
	htmlCause
	Evidence string
}

// why returns the evidence for the longest gaps of a row, and how many of its gaps with evidence
// are left out.
func (t *htmlTrace) why(r row) (shown []htmlWhy, more int) {
	if t.details == nil {
		return nil, 0
	}
	all := top[gap.Gap]{most: maxRowDetails, compare: func(a, b gap.Gap) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), a.Start.Compare(b.Start))
	}}
	for _, n := range r.nodes {
		for _, g := range t.details[n] {
			all.add(g)
			more++
		}
	}
	gaps := all.sorted()
	slices.SortStableFunc(gaps, func(a, b gap.Gap) int { return a.Start.Compare(b.Start) })
	for _, g := range gaps {
		shown = append(shown, t.evidence(g))
	}
	return shown, more - len(shown)
}

func (t *htmlTrace) evidence(g gap.Gap) htmlWhy {
	w := htmlWhy{
		At: duration(g.Start.Sub(t.trace.Start())), Time: duration(g.Time), Verdict: Verdict(g.Explanation.Parts),
	}
	for i := range g.Explanation.Parts {
		switch p := &g.Explanation.Parts[i]; {
		case p.Duration <= 0:
		case len(w.Parts) == maxShownParts:
			w.More++
		default:
			w.Parts = append(w.Parts, htmlPart{htmlCause{known(p.Cause), p.Duration}, evidence(p)})
		}
	}
	return w
}

// evidence formats what is known about a part, except its cause and duration.
func evidence(p *gap.Part) string {
	var words []string
	add := func(format, text string) {
		if text != "" {
			words = append(words, fmt.Sprintf(format, printable.Name(text)))
		}
	}
	add("at %s", p.Frame.String())
	add("in %s", p.Frame.Function[strings.LastIndexByte(p.Frame.Function, '/')+1:])
	add("%s", reason(p))
	add("client %s", p.Client)
	if advice := advice(p); advice != "" {
		words = append(words, advice)
	}
	if by := holder(p); by != "" {
		words = append(words, by)
	}
	if p.Goroutine != 0 {
		words = append(words, fmt.Sprintf("goroutine %d", p.Goroutine))
	}
	if p.Samples > 0 {
		words = append(words, fmt.Sprintf("%d %s", p.Samples, printable.Plural(p.Samples, "sample")))
	}
	switch measured := p.Cause == gap.CauseCPU || p.Cause == gap.CauseNoCPU; {
	case measured && p.Proof == gap.ByClock:
		words = append(words, "by the CPU clock")
	case p.Cause == gap.CauseCPU && p.Proof != gap.BySamples:
		words = append(words, "not confirmed")
	}
	return strings.Join(words, ", ")
}

// piece is a part of a bar that has one cause.
type piece struct {
	cause    gap.Cause
	from, to time.Duration // from the start of the gap
}

// pieces divides a gap by cause, in the order of time. If that would make more than most pieces, it
// divides the gap in proportion, the longest cause first.
func pieces(g gap.Gap, most int) (all []piece) {
	for _, m := range momentsOf(g) {
		p := piece{known(g.Explanation.Parts[m.Part].Cause), m.Start.Sub(g.Start), m.End.Sub(g.Start)}
		if last := len(all) - 1; last >= 0 && all[last].cause == p.cause && all[last].to == p.from {
			all[last].to = p.to
			continue
		}
		if len(all) == most {
			return inProportion(g)
		}
		all = append(all, p)
	}
	if all == nil {
		return inProportion(g)
	}
	return all
}

func inProportion(g gap.Gap) (all []piece) {
	total := time.Duration(0)
	for c, sum := range causeTimes(g.Explanation.Parts) {
		total = addTimes(total, sum)
		if sum > 0 {
			all = append(all, piece{cause: gap.Cause(c), to: sum})
		}
	}
	slices.SortStableFunc(all, func(a, b piece) int { return cmp.Compare(b.to, a.to) })
	scale := 1.0
	if total > g.Time {
		scale = float64(g.Time) / float64(total)
	}
	at := time.Duration(0)
	for i := range all {
		p := &all[i]
		p.from, p.to = at, min(at+time.Duration(float64(p.to)*scale), g.Time)
		at = p.to
	}
	return all
}

// known reports whether a gap is divided by cause. In a trace with explanations, a gap without one
// was not observed.
func (b *htmlBar) known(g gap.Gap) bool { return g.Class == gap.ClassSelf && b.trace.HasExplanations() }

// narrowOf returns the element for gaps that are too narrow to be drawn apart and have the same
// longest cause as g.
func (b *htmlBar) narrowOf(g gap.Gap) *narrowGaps {
	largest := int(gap.CauseUnobserved)
	if g.Explanation != nil {
		times := causeTimes(g.Explanation.Parts)
		for c, time := range times {
			if time > times[largest] {
				largest = c
			}
		}
	}
	if b.causes == nil {
		b.causes = &causeNarrow{}
	}
	return &b.causes[largest]
}

// explained writes the end of an explained gap's title, and its pieces: an element for each cause.
func (b *htmlBar) explained(g gap.Gap, x, width float64) {
	verdict := printable.Text(Verdict(g.Explanation.Parts), maxTitle)
	if verdict != "" {
		b.gaps = append(append(b.gaps, "\n"...), template.HTMLEscapeString(verdict)...)
	}
	b.gaps = append(b.gaps, `</title></rect>`...)
	most := maxFewPieces
	if slices.ContainsFunc(b.details[g.Node], func(d gap.Gap) bool { return d.Start.Equal(g.Start) && !d.Joined() }) {
		most = maxPieces
	}
	all := pieces(g, most)
	scale := width / float64(max(g.Time, 1))
	for c, height := range causeHeights {
		if height == [2]int64{} {
			continue
		}
		open := false
		for _, p := range all {
			if p.cause != gap.Cause(c) {
				continue
			}
			if !open {
				b.gaps = append(append(append(b.gaps, `<path class="c-`...), causeKey(p.cause)...), `" d="`...)
				open = true
			}
			b.gaps = appendBox(b.gaps, x+float64(p.from)*scale, float64(p.to-p.from)*scale, height)
		}
		if open {
			b.gaps = append(b.gaps, `"/>`...)
		}
	}
}
