package gap_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

// encoded returns a summary in its binary form.
func encoded(t testing.TB, s *gap.Summary) []byte {
	t.Helper()
	b, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decoded returns the summary in a binary form.
func decoded(t testing.TB, b []byte) *gap.Summary {
	t.Helper()
	s := gap.Summary{By: "is replaced"}
	if err := s.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return &s
}

// randomTrace builds a trace with few services, operations and values of the tag "customer", so
// that traces have much in common and everything ties. Some of its gaps are explained.
func randomTrace(random *rand.Rand) *gap.Trace {
	all := forest(random)
	processes := []*gap.Process{nil, {Service: "a"}, {Service: "b", Tags: []gap.Field{{Key: "ip", Value: "::1"}}}}
	id := gap.TraceID{High: uint64(random.IntN(2)), Low: uint64(1 + random.IntN(3))}
	for i := range all {
		all[i].TraceID = id
		all[i].Operation = []string{"", "get", "set", "get wait"}[random.IntN(4)]
		all[i].Process = processes[random.IntN(3)]
		switch random.IntN(40) {
		case 0:
			all[i].Duration = math.MaxInt64 / 3
		case 1:
			all[i].Start = time.Unix(0, -1<<60)
		default:
			all[i].Duration *= time.Duration(1 + random.IntN(1000))
		}
		if random.IntN(2) == 0 {
			all[i].Tags = append(all[i].Tags, gap.Field{Key: "customer", Value: []string{"", "acme"}[random.IntN(2)]})
		}
	}
	trace, _ := gap.Build(all)
	if random.IntN(2) == 0 {
		return trace
	}
	return trace.Explained(func(g gap.Gap) *gap.Explanation {
		if random.IntN(2) == 0 {
			return nil
		}
		return whole(g, gap.Cause(random.IntN(3)), gap.Evidence{
			Frame:  gap.Frame{Function: "f", File: "f.go", Line: random.IntN(3) - 1},
			Reason: []string{"", "sleep"}[random.IntN(2)], Samples: random.IntN(3),
		})
	})
}

// TestMergeIsExact splits traces at random, and merges the parts in random order and grouping, some
// through their binary form.
func TestMergeIsExact(t *testing.T) {
	for seed := range uint64(cases / 20) {
		random := rand.New(rand.NewPCG(seed, 20))
		by := []string{"", "customer"}[random.IntN(2)]
		whole := gap.Summary{By: by}
		parts := make([]*gap.Summary, 1+random.IntN(6))
		for i := range parts {
			parts[i] = &gap.Summary{By: by}
		}
		for range random.IntN(30) {
			trace := randomTrace(random)
			whole.Add(trace)
			parts[random.IntN(len(parts))].Add(trace)
		}
		for len(parts) > 1 {
			random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			if random.IntN(2) == 0 {
				parts[0] = decoded(t, encoded(t, parts[0]))
			}
			before := encoded(t, parts[1])
			parts[0].Merge(parts[1])
			if !bytes.Equal(encoded(t, parts[1]), before) {
				t.Fatalf("seed %d: Merge changes its argument", seed)
			}
			parts = slices.Delete(parts, 1, 2)
		}
		want, got := encoded(t, &whole), encoded(t, parts[0])
		if !bytes.Equal(got, want) || !alike(parts[0], &whole) || parts[0].By != by {
			t.Fatalf("seed %d: whole\n%smerged\n%s%x\n%x", seed, table(&whole), table(parts[0]), want, got)
		}
		again := decoded(t, got)
		if !bytes.Equal(encoded(t, again), want) || !alike(again, &whole) {
			t.Fatalf("seed %d: whole\n%sdecoded\n%s", seed, table(&whole), table(again))
		}
	}
}

// A summary that was saved by an older release must be readable, so this form never changes.
func TestVersion1IsReadable(t *testing.T) {
	want := gap.Summary{By: "customer"}
	input := spans(t, "A [0,100) server @shop\n B [10,40) client <A @shop joined=4\n C [20,60) <A @shop")
	input[0].Tags = append(input[0].Tags, gap.Field{Key: "customer", Value: "acme"})
	trace, _ := gap.Build(input)
	want.Add(trace.Explained(func(g gap.Gap) *gap.Explanation {
		line := gap.Frame{Function: "f", File: "f.go", Line: 3}
		return whole(g, gap.CauseCPU, gap.Evidence{Frame: line, Proof: gap.ByClock})
	}))
	for i := range 9 {
		add(&want, spans(t, fmt.Sprintf("D [0,%d) trace=2", 10+i)))
	}
	saved, err := hex.DecodeString(version1)
	if err != nil {
		t.Fatal(err)
	}
	if got := decoded(t, saved); !alike(got, &want) {
		t.Errorf("got\n%swant\n%s%x", table(got), table(&want), encoded(t, &want))
	}
}

const version1 = "" +
	"67617073756d0108637573746f6d6572090001410142014301440461636d65016604662e676f0473686f700400040009b0d8" +
	"07b0d807b0d80700000000000000000000000000000000020000000000000044d08c010009904ec03e010000010000000100" +
	"000001000000010000000100000001000001000109904ec03e01000001000000010000000100000001000000010000000100" +
	"00010001010000000009b0d807b0d8070000000000000000000000000000000200000000000000448080ecc091a9d6c73100" +
	"d08c01d08c010009904ec03e0100000100000001000000010000000100000001000000010000010001000801010501a08d06" +
	"f0a503859103a09c01000000000000000000000000000000010000000000000041f0a5030001a08d0601f0a5030300000003" +
	"01904e904e0000000000000000000000000000000100000000000000418080ecc091a9d6c73100904e904e0001904e010101" +
	"06060700000000904e000000040001c0b802c0b802000000000000000000000000000000010000000000000041c0a9f3c091" +
	"a9d6c731e0d403c0b802c0b8020001c0b80201010106060700000000c0b802000001030301a01fb50a000000000000000000" +
	"000000000000010000000000000041a09cedc091a9d6c731904ea01fb50a0001a01f01010106060700000000a01f00080200" +
	"01b0ea01000000000000000000000000000000000000010000000000000042000001b0ea010100010200000001b0ea01904e" +
	"000000000000000000000000000000010000000000000042a09cedc091a9d6c731904eb0ea01904e0001b0ea010101010606" +
	"0700000000b0ea010008030001c0b802c0b802c0b80200000000000000000000000000000000010000000000000043c0b802" +
	"0001c0b80201c0b802010000000001c0b802c0b802000000000000000000000000000000010000000000000043c0b8eec091" +
	"a9d6c731a09c01c0b802c0b8020001c0b80201010106060700000000c0b80200"

func TestUnmarshalRefuses(t *testing.T) {
	var s gap.Summary
	for seed := range uint64(20) {
		s.Add(randomTrace(rand.New(rand.NewPCG(seed, 21))))
	}
	whole := encoded(t, &s)
	newer := slices.Clone(whole)
	newer[len("gapsum")] = 2
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":         {nil, "gap: not a summary"},
		"something else":  {[]byte(`{"data":[]}`), "gap: not a summary"},
		"newer":           {newer, "gap: a newer release wrote this summary: its version is 2, this release reads up to 1"},
		"more bytes":      {append(slices.Clone(whole), 0), fmt.Sprintf("at byte %d of %d", len(whole), len(whole)+1)},
		"endless table":   {[]byte("gapsum\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "malformed"},
		"endless By":      {[]byte("gapsum\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "malformed"},
		"no version":      {[]byte("gapsum"), "malformed"},
		"version 0":       {[]byte("gapsum\x00\x00\x00\x00"), "malformed"},
		"endless version": {[]byte("gapsum\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "malformed"},
	} {
		got := gap.Summary{By: "kept"}
		err := got.UnmarshalBinary(c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) || got.By != "kept" {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	for i := range whole {
		if err := new(gap.Summary).UnmarshalBinary(whole[:i]); err == nil {
			t.Fatalf("the first %d bytes of %d are accepted", i, len(whole))
		}
	}
}

// TestHostileSummaryTakesLittleMemory changes bytes of a summary. A length or bucket that is too
// large must not make the decoder allocate for it.
func TestHostileSummaryTakesLittleMemory(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 22))
	var s gap.Summary
	for range 30 {
		s.Add(randomTrace(random))
	}
	whole := encoded(t, &s)
	const rounds = 2000
	inputs := make([][]byte, rounds)
	size := 0
	for i := range inputs {
		inputs[i] = slices.Clone(whole)
		for range 1 + random.IntN(8) {
			inputs[i][len("gapsum")+1+random.IntN(len(whole)-len("gapsum")-1)] = byte(random.Uint32())
		}
		size += len(inputs[i])
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, input := range inputs {
		_ = new(gap.Summary).UnmarshalBinary(input)
	}
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 30*uint64(size) {
		t.Errorf("%d bytes for summaries of %d bytes", allocated, size)
	}
}

// FuzzUnmarshalSummary decodes anything. What is accepted can be used, and has one form.
func FuzzUnmarshalSummary(f *testing.F) {
	for seed := range uint64(4) {
		random := rand.New(rand.NewPCG(seed, 23))
		s := gap.Summary{By: []string{"", "customer"}[seed%2]}
		for range 1 + 5*seed {
			s.Add(randomTrace(random))
		}
		f.Add(encoded(f, &s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s gap.Summary
		if s.UnmarshalBinary(data) != nil {
			return
		}
		once := encoded(t, &s)
		again := decoded(t, once)
		if !bytes.Equal(encoded(t, again), once) || !alike(again, &s) {
			t.Errorf("%x became %x", once, encoded(t, again))
		}
		for o := range s.Operations() {
			for _, q := range []float64{0, 0.5, 0.99, 1} {
				o.Durations.Quantile(q)
				o.SelfTimes.Quantile(q)
			}
		}
		for range 3 { // counts and sums of hostile summaries saturate
			again.Merge(&s)
			s.Merge(again)
		}
		s.Add(randomTrace(rand.New(rand.NewPCG(1, 24))))
		decoded(t, encoded(t, &s))
	})
}
