package gap_test

import (
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// FuzzBuild makes spans of few ids and times, so that they collide in every way.
func FuzzBuild(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 100, 0, 0, 0, 0, 0, 2, 10, 20, 1, 1, 0, 3, 0, 3, 40, 20, 1, 1, 2, 2, 0})
	f.Add([]byte{1, 0, 100, 1, 2, 0, 0, 1, 1, 10, 20, 2, 1, 0, 0, 2, 2, 12, 2, 0, 1, 1, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		input := decode(data)
		trace, warnings := gap.Build(input)
		hold(t, trace, warnings)
		orderDoesNotMatter(t, input)
		kept := 0
		for _, s := range input {
			if s.TraceID == trace.ID() {
				kept++
			}
		}
		for _, w := range warnings {
			if w.Code == gap.Duplicate || w.Code == gap.SameID {
				kept--
			}
		}
		if trace.Len() != kept {
			t.Errorf("%d spans, want %d", trace.Len(), kept)
		}
	})
}

// decode reads a span from every eight bytes.
func decode(data []byte) []gap.Span {
	kinds := []string{"internal", "client", "server", "producer", "consumer", "client", "server", ""}
	processes := []*gap.Process{nil, {Service: "a"}, {Service: "b"}, {Service: "a"}}
	var all []gap.Span
	for b := range slices.Chunk(data, 8) {
		if len(b) < 8 || len(all) == 64 {
			break
		}
		s := gap.Span{
			SpanID: gap.SpanID(b[0] & 15), TraceID: gap.TraceID{Low: uint64(b[0] >> 7)},
			Start:     epoch.Add(time.Duration(b[1]) * time.Microsecond),
			Duration:  time.Duration(int8(b[2])) * time.Microsecond,
			Process:   processes[b[3]>>6],
			Operation: string('a' + rune(b[3]>>4&3)),
			Tags:      []gap.Field{{Key: "span.kind", Value: kinds[b[3]&7]}},
		}
		for _, ref := range b[4:7] {
			if ref&15 != 0 {
				s.References = append(s.References, gap.Reference{
					Type: gap.RefType(ref >> 4 & 1), TraceID: gap.TraceID{Low: uint64(ref >> 7)}, SpanID: gap.SpanID(ref & 15),
				})
			}
		}
		if b[7] != 0 {
			s.Tags = append(s.Tags, gap.Field{Key: "wait.joined_us", Value: int64(int8(b[7]))})
		}
		all = append(all, s)
	}
	return all
}
