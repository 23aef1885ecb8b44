package explain

import (
	"io"

	"github.com/gaptrace/gaptrace/gap"
)

// Explainer implements the interface of the same name in package gap/debug. It calls [Read] and
// [Recording.Explain].
type Explainer struct{ Options }

// Explain returns the traces with explanations from an execution trace. The notes say what could
// not be known.
func (e Explainer) Explain(
	executionTrace io.Reader, traces []*gap.Trace,
) (explained []*gap.Trace, notes []string, err error) {
	wanted := map[gap.TraceID]bool{}
	for _, t := range traces {
		wanted[t.ID()] = true
	}
	keep := e.Keep
	e.Keep = func(id gap.TraceID) bool { return wanted[id] && (keep == nil || keep(id)) }
	recording, err := Read(executionTrace, e.Options)
	if err != nil {
		return nil, nil, err
	}
	missing := 0
	for _, t := range traces {
		if !recording.Has(t) {
			missing++
		}
		explained = append(explained, recording.Explain(t))
	}
	notes = recording.Notes()
	if note := missingNote(missing, len(traces)); note != "" {
		notes = append(notes, note)
	}
	return explained, notes, nil
}
