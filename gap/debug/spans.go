package debug

import (
	"slices"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
)

// WithTags serves all tags and logs in format=jaeger. They may be secret: the wrappers redact those
// that they set, but other instrumentation may not. By default, the format has no logs and only the
// tags that analysis needs.
func WithTags() Option { return func(h *handler) { h.tags = true } }

// hostTags are the tags of processes that show which processes share a clock.
var hostTags = []string{"ip", "hostname", "host.id", "host.ip", "host.name"}

// served returns the spans without what format=jaeger must not show.
func (h *handler) served(spans []gap.Span) []gap.Span {
	if h.tags {
		return spans
	}
	keys := read.NewConfig(nil, 0).Keys
	isKept := func(f gap.Field) bool { return keys[f.Key] }
	isHost := func(f gap.Field) bool { return slices.Contains(hostTags, f.Key) }
	processes := map[*gap.Process]*gap.Process{nil: nil}
	bare := slices.Clone(spans)
	for i := range bare {
		s := &bare[i]
		p, known := processes[s.Process]
		if !known {
			p = &gap.Process{Service: s.Process.Service, Tags: filtered(s.Process.Tags, isHost)}
			processes[s.Process] = p
		}
		s.Process, s.Tags, s.Logs = p, filtered(s.Tags, isKept), nil
	}
	return bare
}

func filtered(fields []gap.Field, keep func(gap.Field) bool) (kept []gap.Field) {
	for _, f := range fields {
		if keep(f) {
			kept = append(kept, f)
		}
	}
	return kept
}
