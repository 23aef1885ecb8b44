package rollup_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/rollup"
)

var epoch = time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)

// randomSpans returns spans of few traces, with few IDs and times, so that they collide in every
// way. Copies of a span have the same process.
func randomSpans(random *rand.Rand) []gap.Span {
	processes := []*gap.Process{
		nil,
		{Service: ""},
		{Service: "-"},
		{Service: "a;b", Tags: []gap.Field{{Key: "ip", Value: "::1"}, {Key: "pod", Value: "x"}}},
		{Service: "a;b", Tags: []gap.Field{{Key: "ip", Value: "::1"}, {Key: "pod", Value: "y"}}},
		{Service: "b", Tags: []gap.Field{{Key: "zone", Value: int64(3)}, {Key: "host.ip", Value: []byte{0, 255}}}},
	}
	names := []string{
		"", "get", "HTTP GET /books/{id}", "get wait", "tab\tnew\nline\r", "50 %;=.", "\xff\xfe", "größe", ";.",
	}
	kinds := []any{"client", "server", "producer", "consumer", "internal", "SERVER", int64(1), nil}
	joined := []any{int64(3), int64(-1), "7", 2.0, "x"}
	value := func(of []any) any { return of[random.IntN(len(of))] }
	all := make([]gap.Span, 1+random.IntN(40))
	for i := range all {
		s := &all[i]
		s.TraceID = gap.TraceID{High: uint64(random.IntN(3)), Low: uint64(random.IntN(3))}
		if random.IntN(20) > 0 {
			s.TraceID.Low++
		}
		id := 1 + random.IntN(12)
		s.SpanID = gap.SpanID(id % 11)
		s.Process = processes[id%len(processes)]
		s.Start = epoch.Add(time.Duration(random.IntN(100)) * time.Microsecond)
		s.Duration = time.Duration(random.IntN(100)) * time.Microsecond
		switch random.IntN(30) {
		case 0:
			s.Start = time.Time{}
		case 1:
			s.Start, s.Duration = time.Unix(0, 0), 0
		case 2:
			s.Start = time.Unix(-math.MaxInt64/4, 7)
		case 3:
			s.Duration = -s.Duration
		case 4:
			s.Duration = math.MaxInt64
		case 5:
			s.Start = time.Unix(-1, 999_999_999)
		}
		s.Operation = names[random.IntN(len(names))]
		for range random.IntN(3) {
			ref := gap.Reference{Type: gap.RefType(random.IntN(2)), SpanID: gap.SpanID(random.IntN(12))}
			switch random.IntN(4) {
			case 0:
				ref.TraceID = s.TraceID
			case 1:
				ref.TraceID = gap.TraceID{High: uint64(random.IntN(2)), Low: 1}
			}
			s.References = append(s.References, ref)
		}
		if random.IntN(2) == 0 {
			s.Tags = append(s.Tags, gap.Field{Key: "span.kind", Value: value(kinds)})
		}
		if random.IntN(3) == 0 {
			s.Tags = append(s.Tags, gap.Field{Key: "wait.joined_us", Value: value(joined)})
		}
		if random.IntN(3) == 0 {
			s.Tags = append(s.Tags, gap.Field{Key: "error", Value: value([]any{true, false, "true"})})
		}
		if random.IntN(3) == 0 {
			s.Tags = append(s.Tags, gap.Field{Key: "by = x", Value: names[random.IntN(len(names))]})
		}
		if random.IntN(50) == 0 {
			s.Warnings = []string{"clock skew; span timestamps were adjusted by 3ms"}
		}
	}
	return append(all, all[:random.IntN(len(all))/4]...) // copies
}

// reference is the partial of the same spans without rows: all spans of a trace are put together in
// memory. The spans without a trace ID come in objects.
func reference(o rollup.Options, objects [][]gap.Span) *rollup.Partial {
	p := rollup.NewPartial(o)
	add := func(spans []gap.Span) {
		if len(spans) > 0 && o.Window.Contains(spans) {
			p.Add(gap.Build(spans, gap.WithMaxSkew(p.MaxSkew)))
		}
	}
	byID := map[gap.TraceID][]gap.Span{}
	wholes := map[uint64][]gap.TraceID{}
	for _, spans := range objects {
		var unknown []gap.Span
		for _, s := range spans {
			id := s.TraceID
			if id == (gap.TraceID{}) {
				unknown = append(unknown, s)
				continue
			}
			if byID[id] == nil && id.High != 0 && id.Low != 0 {
				wholes[id.Low] = append(wholes[id.Low], id)
			}
			byID[id] = append(byID[id], s)
		}
		add(unknown)
	}
	for id, spans := range byID {
		half := gap.TraceID{Low: id.Low}
		switch alone := len(wholes[id.Low]) == 1; {
		case alone && id == half:
			continue // with its whole
		case alone && id.Low != 0:
			spans = append(slices.Clone(spans), byID[half]...)
		}
		add(spans)
	}
	return p
}

func encoded(t testing.TB, p *rollup.Partial) []byte {
	t.Helper()
	b, err := p.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rows returns the rows of objects, in this order.
func rows(t testing.TB, w rollup.Window, objects ...[]gap.Span) []string {
	t.Helper()
	e := rollup.NewEncoder("by = x")
	var b []byte
	for _, spans := range objects {
		var err error
		kept := slices.DeleteFunc(slices.Clone(spans), func(s gap.Span) bool { return !w.Keeps(&s) })
		if b, err = e.AppendRows(b, kept); err != nil {
			t.Fatal(err)
		}
	}
	return slices.Collect(strings.Lines(string(b)))
}

func fold(t testing.TB, o rollup.Options, rows []string) *rollup.Partial {
	t.Helper()
	p, err := rollup.Fold(strings.NewReader(strings.Join(rows, "")), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// key returns the key by which rows are sorted.
func key(row string) string { return row[:32] }

// distribute sends each row to one of n parts by the first half of its key, and sorts the parts.
func distribute(random *rand.Rand, rows []string, n int) [][]string {
	parts := make([][]string, n)
	of := map[string]int{}
	for _, row := range rows {
		part, known := of[row[:16]]
		if !known {
			part = random.IntN(n)
			of[row[:16]] = part
		}
		parts[part] = append(parts[part], row)
	}
	for _, part := range parts {
		slices.SortFunc(part, func(a, b string) int { return strings.Compare(key(a), key(b)) })
	}
	return parts
}

// merge merges partials in random order and grouping, some through their text.
func merge(t testing.TB, random *rand.Rand, parts []*rollup.Partial) *rollup.Partial {
	t.Helper()
	for len(parts) > 1 {
		random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		if random.IntN(2) == 0 {
			var p rollup.Partial
			if err := p.UnmarshalText(encoded(t, parts[0])); err != nil {
				t.Fatal(err)
			}
			parts[0] = &p
		}
		if err := parts[0].Merge(parts[1]); err != nil {
			t.Fatal(err)
		}
		parts = slices.Delete(parts, 1, 2)
	}
	return parts[0]
}

const rounds = 400

// TestAnyDistributionGivesTheSame compares all steps with package gap alone.
func TestAnyDistributionGivesTheSame(t *testing.T) {
	for seed := range uint64(rounds) {
		random := rand.New(rand.NewPCG(seed, 30))
		o := rollup.Options{
			By: []string{"", "by = x"}[random.IntN(2)], MaxSkew: time.Duration(random.IntN(3)-1) * time.Millisecond,
		}
		var objects [][]gap.Span
		for range 1 + random.IntN(3) {
			objects = append(objects, randomSpans(random))
		}
		want := encoded(t, reference(o, objects))
		all := rows(t, rollup.Window{}, objects...)
		for _, row := range all {
			if !utf8.ValidString(row) || row[32] != '\t' || strings.ContainsAny(row[33:], "\t\r\x00\x7f") {
				t.Fatalf("seed %d: row %q", seed, row)
			}
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		var partials []*rollup.Partial
		for _, part := range distribute(random, all, 1+random.IntN(4)) {
			partials = append(partials, fold(t, o, part))
		}
		if got := encoded(t, merge(t, random, partials)); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: got\n%s\nwant\n%s\n%q", seed, dump(t, got), dump(t, want), all)
		}
	}
}

// dump draws the operations of a partial.
func dump(t *testing.T, text []byte) string {
	t.Helper()
	var p rollup.Partial
	if err := p.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d traces, %d spans, %d incomplete, %d moved, %v\n",
		p.Traces, p.Spans, p.Incomplete, p.Moved, p.Warnings)
	for o := range p.Summary.Operations() {
		fmt.Fprintf(&b, "%q %q %v %q: %d, self %v, worst %v\n",
			o.Service, o.Name, o.Tagged, o.TagValue, o.Count, o.SelfTime, o.Worst)
	}
	return b.String()
}

// TestWindowsAddUp folds each window by itself.
func TestWindowsAddUp(t *testing.T) {
	for seed := range uint64(rounds) {
		random := rand.New(rand.NewPCG(seed, 31))
		spans := randomSpans(random)
		for i := range spans { // all starts are known, and within a day
			spans[i].Start = epoch.Add(time.Duration(random.IntN(24*60)) * time.Minute)
			spans[i].Duration = time.Duration(random.IntN(90)) * time.Minute
		}
		want := encoded(t, reference(rollup.Options{}, [][]gap.Span{spans}))
		hours := []int{1, 6, 12}[random.IntN(3)]
		grace := []time.Duration{0, 24 * time.Hour}[random.IntN(2)]
		var partials []*rollup.Partial
		for from := 0; from < 24; from += hours {
			w := rollup.Window{
				From: epoch.Add(time.Duration(from) * time.Hour), To: epoch.Add(time.Duration(from+hours) * time.Hour),
				Grace: grace,
			}
			sorted := slices.Sorted(slices.Values(rows(t, w, spans)))
			partials = append(partials, fold(t, rollup.Options{Window: w}, sorted))
		}
		if got := encoded(t, merge(t, random, partials)); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, dump(t, got), dump(t, want))
		}
	}
}
