package gap_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// FuzzBuild decodes spans with few ids and times, so that they collide in every way.
func FuzzBuild(f *testing.F) {
	for _, scale := range []uint8{0, 40, 56} {
		f.Add([]byte{}, scale)
		f.Add([]byte{1, 0, 100, 0, 0, 0, 0, 0, 2, 10, 20, 1, 1, 0, 3, 0, 3, 40, 20, 1, 1, 2, 2, 0}, scale)
		f.Add([]byte{1, 0, 100, 1, 2, 0, 0, 1, 1, 10, 20, 2, 1, 0, 0, 2, 2, 12, 2, 0, 1, 1, 0, 0}, scale)
		f.Add([]byte{1, 0, 100, 66, 0, 0, 0, 0, 2, 200, 20, 129, 1, 0, 0, 0, 3, 210, 5, 128, 2, 0, 0, 0}, scale)
	}
	f.Fuzz(func(t *testing.T, data []byte, scale uint8) {
		input := decode(data, scale)
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
			if w.Code == gap.WarnDuplicate || w.Code == gap.WarnSameID {
				kept -= 1 + w.More
			}
		}
		if trace.Len() != kept {
			t.Errorf("%d spans, want %d", trace.Len(), kept)
		}
	})
}

// FuzzSummary decodes traces of 64 bytes each, and spreads them over three summaries.
func FuzzSummary(f *testing.F) {
	f.Add([]byte{}, uint8(0))
	three := []byte{1, 0, 100, 66, 0, 0, 0, 0, 2, 20, 20, 129, 1, 0, 0, 0, 3, 21, 5, 128, 2, 0, 0, 9}
	f.Add(bytes.Repeat(three, 9), uint8(0))
	f.Add(bytes.Repeat([]byte{1, 0, 100, 66, 0, 0, 0, 0, 2, 10, 120, 129, 1, 0, 0, 0}, 9), uint8(56))
	f.Fuzz(func(t *testing.T, data []byte, scale uint8) {
		var whole, merged gap.Summary
		var parts [3]gap.Summary
		i := 0
		for b := range slices.Chunk(data, 64) {
			trace, _ := gap.Build(decode(b, scale))
			whole.Add(trace)
			parts[i%3].Add(trace)
			i++
		}
		for _, part := range []int{2, 0, 1} {
			merged.Merge(&parts[part])
		}
		if !alike(&merged, &whole) {
			t.Errorf("whole\n%smerged\n%s", table(&whole), table(&merged))
		}
		holdSummary(t, &whole)
	})
}

// decode makes a span of every eight bytes. Times are bytes: microseconds of today, or shifted left
// by scale and counted from 1970, which may be out of range.
func decode(data []byte, scale uint8) []gap.Span {
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
		if scale %= 57; scale > 0 {
			s.Start = time.Unix(0, int64(int8(b[1]))<<scale)
			s.Duration = time.Duration(int8(b[2])) << scale
		}
		for _, ref := range b[4:7] {
			if ref&15 != 0 {
				s.References = append(s.References, gap.Reference{
					Type:    gap.RefType(ref >> 4 & 1),
					TraceID: gap.TraceID{Low: uint64(ref >> 7)}, SpanID: gap.SpanID(ref & 15),
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
