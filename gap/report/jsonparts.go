package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// jsonParts is what the program did in a time. It is empty if that is unknown.
type jsonParts struct {
	Verdict string     `json:"verdict,omitempty"`
	Parts   []jsonPart `json:"parts,omitempty"`
}

type jsonPart struct {
	Cause     string        `json:"cause"`
	Duration  time.Duration `json:"duration_ns"`
	Frame     *jsonFrame    `json:"frame,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Client    string        `json:"client,omitempty"`
	Wrapper   string        `json:"wrapper,omitempty"`
	Rule      string        `json:"rule,omitempty"`
	HeldBy    *jsonHolder   `json:"held_by,omitempty"`
	Goroutine uint64        `json:"goroutine,omitempty"`
	Proof     string        `json:"proof,omitempty"`
	Samples   int           `json:"samples,omitempty"`
}

type jsonFrame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

type jsonHolder struct {
	TraceID   string `json:"trace_id"`
	SpanID    string `json:"span_id"`
	Service   string `json:"service"`
	Operation string `json:"operation"`
}

type jsonExplanation struct {
	jsonParts
	Moments []jsonMoment `json:"moments,omitempty"`
}

type jsonMoment struct {
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`
	Part  int           `json:"part"`
}

func partsOf(parts []gap.Part) jsonParts {
	if parts == nil {
		return jsonParts{}
	}
	all := jsonParts{Verdict: Verdict(parts)}
	for i := range parts {
		p := &parts[i]
		j := jsonPart{
			Cause: known(p.Cause).String(), Duration: max(p.Duration, 0), Reason: reason(p),
			Client: p.Client, Wrapper: p.Wrapper, Rule: p.Rule, Goroutine: p.Goroutine, Samples: max(p.Samples, 0),
		}
		if p.Cause == gap.CauseCPU || p.Cause == gap.CauseNoCPU {
			j.Proof = gap.Unconfirmed.String()
			if p.Proof == gap.ByClock || p.Proof == gap.BySamples {
				j.Proof = p.Proof.String()
			}
		}
		if p.Frame != (gap.Frame{}) {
			j.Frame = &jsonFrame{p.Frame.Function, p.Frame.File, max(p.Frame.Line, 0)}
		}
		if by := p.HeldBy; by != (gap.Holder{}) {
			j.HeldBy = &jsonHolder{by.TraceID.String(), by.SpanID.String(), by.Service, by.Operation}
		}
		all.Parts = append(all.Parts, j)
	}
	return all
}

func explanationOf(g gap.Gap, start time.Time) *jsonExplanation {
	e := &jsonExplanation{jsonParts: partsOf(g.Explanation.Parts)}
	for _, m := range momentsOf(g) {
		e.Moments = append(e.Moments, jsonMoment{m.Start.Sub(start), m.End.Sub(start), m.Part})
	}
	return e
}

// momentsOf returns the moments of a gap's explanation, ordered by time. What is not as package gap
// promises is corrected: they are clipped to the gap and to one another, and those without a part
// are left out.
func momentsOf(g gap.Gap) []gap.Moment {
	e := g.Explanation
	if e == nil || g.Joined() {
		return nil
	}
	sorted := e.Moments
	byStart := func(a, b gap.Moment) int { return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End)) }
	if !slices.IsSortedFunc(sorted, byStart) {
		sorted = slices.SortedStableFunc(slices.Values(sorted), byStart)
	}
	var all []gap.Moment
	at := g.Start
	for _, m := range sorted {
		m.Start, m.End = clamp(m.Start, at, g.End), clamp(m.End, at, g.End)
		if m.Start.Before(m.End) && m.Part >= 0 && m.Part < len(e.Parts) {
			all, at = append(all, m), m.End
		}
	}
	return all
}
