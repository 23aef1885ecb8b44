package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// joined adds parts to a joiner and returns the traces, each as its sorted spans "id/span", with
// "again" before those seen again.
func joined(most int, parts [][]gap.Span) (traces []string) {
	j := newJoiner(most, func(parts [][]gap.Span, again bool) {
		var names []string
		for s := range eachSpan(parts) {
			names = append(names, fmt.Sprintf("%d.%d/%d", s.TraceID.High, s.TraceID.Low, s.SpanID))
		}
		slices.Sort(names)
		if again {
			names = append([]string{"again"}, names...)
		}
		traces = append(traces, strings.Join(names, " "))
	})
	for _, spans := range parts {
		j.add([][]gap.Span{spans})
	}
	j.flush()
	slices.Sort(traces)
	return traces
}

// partOf returns a part of traces: "1.2/3" is span 3 of the trace whose id has the halves 1 and 2.
func partOf(text string) (spans []gap.Span) {
	for word := range strings.FieldsSeq(text) {
		s := gap.Span{Start: time.Unix(1, 0), Duration: 1}
		if _, err := fmt.Sscanf(word, "%d.%d/%d", &s.TraceID.High, &s.TraceID.Low, &s.SpanID); err != nil {
			panic(err)
		}
		spans = append(spans, s)
	}
	return spans
}

func TestJoiner(t *testing.T) {
	for name, test := range map[string]struct {
		most        int
		parts, want []string
	}{
		"two parts":              {9, []string{"0.1/1", "0.2/1", "0.1/2"}, []string{"0.1/1 0.1/2", "0.2/1"}},
		"traces in one object":   {9, []string{"0.1/1 0.2/1 0.1/2", "0.2/2"}, []string{"0.1/1 0.1/2", "0.2/1 0.2/2"}},
		"the same spans":         {9, []string{"0.1/1", "0.1/1"}, []string{"0.1/1 0.1/1"}},
		"no ids":                 {9, []string{"0.0/1 0.1/1 0.0/2", "0.0/3"}, []string{"0.0/1 0.0/2", "0.0/3", "0.1/1"}},
		"a half":                 {9, []string{"7.1/1", "0.1/2", "7.1/3"}, []string{"0.1/2 7.1/1 7.1/3"}},
		"a half first":           {9, []string{"0.1/2", "7.1/1"}, []string{"0.1/2 7.1/1"}},
		"an ambiguous half":      {9, []string{"7.1/1", "0.1/2", "8.1/1"}, []string{"0.1/2", "7.1/1", "8.1/1"}},
		"the half is zero":       {9, []string{"7.0/1", "0.0/2", "8.0/1"}, []string{"0.0/2", "7.0/1", "8.0/1"}},
		"too far apart":          {1, []string{"0.1/1", "0.2/1", "0.1/2"}, []string{"0.1/1", "0.2/1", "again 0.1/2"}},
		"apart twice":            {0, []string{"0.1/1", "0.1/2", "0.1/3"}, []string{"0.1/1", "again 0.1/2", "again 0.1/3"}},
		"a half too far apart":   {0, []string{"7.1/1", "0.1/2", "8.1/1"}, []string{"7.1/1", "again 0.1/2", "again 8.1/1"}},
		"a whole after its half": {0, []string{"0.1/1", "7.1/2"}, []string{"0.1/1", "again 7.1/2"}},
		"alike, but not the same": {
			0, []string{"7.1/1", "8.1/1", "9.1/1", "8.1/2"}, []string{"7.1/1", "8.1/1", "9.1/1", "again 8.1/2"},
		},
		"alike, with zeros":           {0, []string{"7.0/1", "8.0/1", "8.0/2"}, []string{"7.0/1", "8.0/1", "again 8.0/2"}},
		"no ids are never seen again": {0, []string{"0.0/1", "0.0/1"}, []string{"0.0/1", "0.0/1"}},
		"one larger than the bound":   {1, []string{"0.1/1 0.1/2", "0.1/4"}, []string{"0.1/1 0.1/2", "again 0.1/4"}},
	} {
		var parts [][]gap.Span
		for _, text := range test.parts {
			parts = append(parts, partOf(text))
		}
		if got := joined(test.most, parts); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// FuzzJoiner checks that no span is lost or comes twice, that the joiner holds no more than it may,
// and that the order of parts makes no difference if it may hold all.
func FuzzJoiner(f *testing.F) {
	f.Add(uint8(3), []byte("the same ids again and again"))
	f.Add(uint8(0), []byte{1, 2, 1, 2, 0x11, 0x21, 0x81})
	f.Fuzz(func(t *testing.T, most uint8, data []byte) {
		var parts [][]gap.Span
		for i, b := range data {
			s := gap.Span{TraceID: gap.TraceID{High: uint64(b >> 4 & 3), Low: uint64(b & 7)}, SpanID: gap.SpanID(i)}
			if b < 0x80 || i == 0 {
				parts = append(parts, nil)
			}
			parts[len(parts)-1] = append(parts[len(parts)-1], s)
		}
		seen, passed := map[gap.SpanID]bool{}, map[gap.TraceID]bool{}
		j := newJoiner(int(most), func(parts [][]gap.Span, again bool) {
			ids := map[gap.TraceID]bool{}
			for s := range eachSpan(parts) {
				if seen[s.SpanID] {
					t.Errorf("span %d comes twice", s.SpanID)
				}
				seen[s.SpanID] = true
				ids[s.TraceID] = true
			}
			want := false
			for id := range ids {
				if len(ids) > 1 && !ids[gap.TraceID{Low: id.Low}] || len(ids) > 2 {
					t.Errorf("one trace of %v", ids)
				}
				// The trace may have been passed on between the first and the last part of this
				// one, so again may be false although passed has it; but not the other way round.
				for other := range passed {
					want = want || other.Low == id.Low && (other == id || other.High == 0 || id.High == 0)
				}
			}
			if again && !want {
				t.Errorf("%v are seen again after %v", ids, passed)
			}
			for id := range ids {
				if id != (gap.TraceID{}) {
					passed[id] = true
				}
			}
		})
		for _, spans := range parts {
			if j.add([][]gap.Span{slices.Clone(spans)}); j.spans > int(most) {
				t.Errorf("%d spans held", j.spans)
			}
		}
		j.flush()
		if len(seen) != len(data) || j.spans != 0 || len(j.held) != 0 || len(j.wholes) != 0 {
			t.Errorf("%d spans of %d; left: %d in %d, %d", len(seen), len(data), j.spans, len(j.held), len(j.wholes))
		}
		want := joined(len(data), parts)
		random := rand.New(rand.NewPCG(1, uint64(len(data))))
		random.Shuffle(len(parts), func(i, k int) { parts[i], parts[k] = parts[k], parts[i] })
		if got := joined(len(data), parts); !slices.Equal(got, want) {
			t.Errorf("%q\nin another order: %q", want, got)
		}
	})
}

func TestIDSetForgetsTheOldest(t *testing.T) {
	s := newIDSet(100)
	for i := range uint64(1000) {
		s.add(gap.TraceID{High: i, Low: 1 + i%2})
		if n := s.new.len() + s.old.len(); n > 100 {
			t.Fatalf("%d ids after %d", n, i)
		}
	}
	for i := range uint64(1000) {
		if got := s.has(gap.TraceID{High: i, Low: 1 + i%2}); i >= 950 && !got || i > 0 && i < 900 && got {
			t.Errorf("id %d: %v", i, got)
		}
	}
}

func TestEveryFormatCountsTracesSeenAgain(t *testing.T) {
	for format, want := range map[string]string{
		"text":     "Operations of 3 traces (1 seen again), 3 spans, by",
		"html":     "<p>3 traces (1 seen again), 3 spans</p>",
		"json":     `"count":{"traces":3,"spans":3,"seen_again":1,`,
		"perfetto": `"traces_seen_again":"1"`,
		"pprof":    "traces seen again: 1",
		"folded":   "\n(traces seen again: 1) 0\n",
		"otlp":     "note: 1 part of traces came later",
		"jaeger":   "note: 1 part of traces came later than --join-window allows: each is written as a separate trace\n",
	} {
		o := &options{format: choice{value: format}, draw: 10, width: 100}
		var b bytes.Buffer
		out := newOutput(t.Context(), &b)
		r := o.renderer(out, "", []source{{name: "x.json"}})
		g := &gatherer{options: o, collector: r, services: map[string]bool{}}
		j := newJoiner(1, g.add)
		for _, text := range []string{"0.1/1", "0.2/1", "0.1/2"} {
			spans := partOf(text)
			spans[0].Duration, spans[0].Operation = time.Millisecond, "op"
			j.add([][]gap.Span{spans})
		}
		j.flush()
		notes := r.addNotes(nil)
		if err := r.write(out, o); err != nil {
			t.Fatal(err)
		}
		got := b.String()
		for _, note := range notes {
			got += "note: " + note + "\n"
		}
		if format == "pprof" {
			z, err := gzip.NewReader(&b)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			got = string(text)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %q is missing in\n%s", format, want, got)
		}
	}
}

// --trace also selects which traces are counted as seen again.
func TestOnlySelectedTracesAreSeenAgain(t *testing.T) {
	counts := map[string]int{}
	for _, id := range []string{"1", "2"} {
		o := &options{format: choice{value: "json"}}
		if err := o.traces.Set(id); err != nil {
			t.Fatal(err)
		}
		r := &countingRenderer{}
		g := &gatherer{options: o, collector: r, services: map[string]bool{}}
		j := newJoiner(0, g.add)
		for _, text := range []string{"0.1/1", "0.2/1", "0.1/2"} {
			j.add([][]gap.Span{partOf(text)})
		}
		counts[id] = r.again
	}
	if want := map[string]int{"1": 1, "2": 0}; !maps.Equal(counts, want) {
		t.Errorf("%v, want %v", counts, want)
	}
}

type countingRenderer struct{ again int }

func (r *countingRenderer) add(*gap.Trace, []gap.Warning) {}
func (r *countingRenderer) addSeenAgain()                 { r.again++ }
func (r *countingRenderer) addNotes([]string) []string    { return nil }
func (r *countingRenderer) write(*output, *options) error { return nil }

// The joiner's memory depends on its window, not on the length of the stream. The batches have
// spans of many traces, as the Collector writes them: the spans of one trace are in ten of them.
func TestJoinerHoldsOnlyItsWindow(t *testing.T) {
	const window, batch, traces = 20_000, 1000, 100
	live := func(batches int) (bytes uint64, passed int) {
		before := liveHeap()
		j := newJoiner(window, func(parts [][]gap.Span, _ bool) {
			for range eachSpan(parts) {
				passed++
			}
		})
		for i := range batches {
			spans := make([]gap.Span, batch)
			for k := range spans {
				id := gap.TraceID{High: 1, Low: uint64(i/10*traces + k%traces + 1)}
				spans[k] = gap.Span{
					TraceID: id, SpanID: gap.SpanID(i*batch + k + 1), Tags: []gap.Field{{Key: "k", Value: "v"}},
				}
			}
			j.add([][]gap.Span{spans})
		}
		bytes = liveHeap() - before
		runtime.KeepAlive(j)
		return bytes, passed
	}
	short, _ := live(window / batch)
	long, passed := live(20 * window / batch)
	if passed < 18*window || long > 2*short {
		t.Errorf("%d bytes after %d spans, %d after 20 times as many, of which %d were passed on", short, window, long, passed)
	}
}

// liveHeap returns the bytes of the objects that are in use.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers have freed
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
