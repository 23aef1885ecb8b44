package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

func TestMain(m *testing.M) {
	if process := childProcess(os.Args[1:]); process != nil { // this is a child process of a test
		if err := process(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func needLinux(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip(errNoClock)
	}
}

// This holds on any machine: the explanations are not grossly wrong.
func TestShort(t *testing.T) {
	needLinux(t)
	f := flags{short: true, requests: 3}
	chosen, err := f.choose()
	if err != nil || len(chosen) < 5 {
		t.Fatalf("%d scenarios, %v", len(chosen), err)
	}
	var gross error
	for f.seed = range 3 { // another process may take the CPU for long: once is enough
		r, err := measureAll(chosen, &f, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if gross = r.gross(); gross == nil {
			return
		}
	}
	t.Error(gross)
}

func TestAllScenarios(t *testing.T) {
	needLinux(t)
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	dir := t.TempDir()
	f := flags{requests: 1, seed: 1, keep: dir}
	r, err := measureAll(scenarios(), &f, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		if row.Skipped != "" {
			t.Logf("%s: %s", row.name, row.Skipped)
			continue
		}
		if len(row.Broken) > 0 {
			t.Errorf("%s: %v", row.name, row.Broken)
		}
		if row.Gaps == 0 || row.Unknown > 0.5 {
			t.Errorf("%s: %d gaps, of %.0f %% the truth is not known", row.name, row.Gaps, 100*row.Unknown)
		}
		if info, err := os.Stat(filepath.Join(dir, row.name+".out")); err != nil || info.Size() == 0 {
			t.Errorf("%s: the execution trace was not kept: %v", row.name, err)
		}
	}
	checkPages(t, &document{results: r})
}

func checkPages(t *testing.T, d *document) {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"docs", "bench/explain"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(folder)), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	page := filepath.Join(dir, "docs", "explain.md")
	if err := os.WriteFile(page, []byte("before\n"+beginMark+"\nold\n"+endMark+"\nafter\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := d.write(dir); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if s := string(text); err != nil || !strings.HasPrefix(s, "before\n"+beginMark+"\n") || strings.Contains(s, "old") ||
		!strings.HasSuffix(s, endMark+"\nafter\n") || strings.Count(s, "\n| mutex | ") != 1 {
		t.Errorf("%v; docs/explain.md:\n%s", err, text)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "bench", "explain", "results.md")); err != nil ||
		!strings.Contains(string(text), "\n| mutex | lock | ") {
		t.Errorf("%v; results.md:\n%s", err, text)
	}
	plot, err := os.Open(filepath.Join(dir, "docs", "explain.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer plot.Close()
	for d := xml.NewDecoder(plot); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the plot is not XML: %v", err)
		}
	}
}

func TestPartNeedsMarks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.md")
	if err := os.WriteFile(name, []byte("text\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := replacePart(name, "new"); err == nil || !strings.Contains(err.Error(), beginMark) {
		t.Errorf("%v", err)
	}
}

func TestWrap(t *testing.T) {
	got := wrap("- ", strings.Repeat("word ", 25))
	want := "- " + strings.Repeat("word ", 18) + "word\n  " + strings.Repeat("word ", 5) + "word"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestRequestDependsOnSeed(t *testing.T) {
	durations := func(seed uint64, scene string, i int) (all []time.Duration) {
		on := &stage{seed: seed, longest: 60 * time.Millisecond}
		r := on.request(scenario{name: scene}, i)
		for range 100 {
			d := r.duration()
			if d < 2*time.Millisecond || d > 60*time.Millisecond {
				t.Fatal(d)
			}
			all = append(all, d)
		}
		return all
	}
	first := durations(1, "a", 2)
	if !slices.Equal(first, durations(1, "a", 2)) {
		t.Error("different durations for one seed")
	}
	for _, other := range [][]time.Duration{durations(2, "a", 2), durations(1, "b", 2), durations(1, "a", 3)} {
		if slices.Equal(first, other) {
			t.Error("the same durations for another seed, scenario or request")
		}
	}
}

// at returns a moment, in milliseconds.
func at(ms float64) time.Time { return time.Unix(1, int64(ms*1e6)).UTC() }

func ms(n float64) time.Duration { return time.Duration(n * 1e6) }

// newGap makes a gap of 0 to 10 ms whose moments have the causes.
func newGap(causes ...gap.Cause) gap.Gap {
	e := &gap.Explanation{}
	each := 10 / float64(len(causes))
	for i, c := range causes {
		e.Parts = append(e.Parts, gap.Part{Cause: c, Duration: ms(each)})
		e.Moments = append(e.Moments, gap.Moment{Start: at(each * float64(i)), End: at(each * float64(i+1)), Part: i})
	}
	spans := []gap.Span{{SpanID: 1, Start: at(0), Duration: ms(10)}}
	built, _ := gap.Build(spans)
	for g := range built.Gaps(0) {
		g.Explanation = e
		return g
	}
	panic("no gap")
}

func TestCompare(t *testing.T) {
	const (
		cpu, noCPU, unobserved = gap.CauseCPU, gap.CauseNoCPU, gap.CauseUnobserved
		lock, sleep            = gap.CauseLock, gap.CauseSleep
	)
	var either, outside, late truth
	either.add(at(0), at(10), oneOf(lock, cpu))
	outside.add(at(-5), at(5), oneOf(lock))
	late.add(at(8), at(20), oneOf(lock))
	var half truth
	half.add(at(0), at(5), oneOf(cpu))
	half.add(at(5), at(10), oneOf(lock))
	var mixed truth
	mixed.add(at(0), at(10), oneOf(lock), amount{oneOf(cpu), ms(4)})
	var burns truth // with the time without a CPU in the first
	burns.add(at(0), at(5), oneOf(noCPU))
	burns.add(at(5), at(10), oneOf(cpu))
	for name, c := range map[string]struct {
		gap     gap.Gap
		truth   truth
		err     float64
		ofLock  float64
		largest bool
		unknown time.Duration
	}{
		"right":                  {newGap(cpu, lock), half, 0, 0, true, 0},
		"swapped":                {newGap(lock, cpu), half, 1, 0, true, 0},
		"all wrong":              {newGap(sleep), half, 1, 0.5, false, 0},
		"any order":              {newGap(lock, cpu), mixed, 0.1, 0.1, true, 0},
		"one burn after another": {newGap(cpu, noCPU), burns, 0, 0, true, 0},
		"one of two causes":      {newGap(lock, cpu), either, 0, 0, true, 0},
		"neither":                {newGap(lock, sleep), either, 0.5, 0.5, true, 0},
		"truth ends in the gap":  {newGap(lock, sleep), outside, 0, 0, true, ms(5)},
		"truth begins in it":     {newGap(lock), late, 0, 0, true, ms(8)},
		"a cause that is no one": {newGap(unobserved), half, 1, 0.5, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := compare(c.gap, c.truth.segments, nil)
			if math.Abs(got.err()-c.err) > 1e-9 || math.Abs(got.errOf(lock)-c.ofLock) > 1e-9 || got.largest != c.largest ||
				got.unknown != c.unknown || !got.total || !got.explained {
				t.Errorf("error %v, of lock %v, largest right %t, unknown %v, adds up %t, explained %t",
					got.err(), got.errOf(lock), got.largest, got.unknown, got.total, got.explained)
			}
		})
	}
}

func TestCompareWithoutMoments(t *testing.T) {
	g := newGap(gap.CauseLock, gap.CauseCPU)
	g.Explanation.Moments = nil
	var half truth
	half.add(at(0), at(5), oneOf(gap.CauseCPU))
	half.add(at(5), at(10), oneOf(gap.CauseLock))
	if got := compare(g, half.segments, nil); got.err() != 0 {
		t.Errorf("%+v", got)
	}
}

func TestCompareUnexplained(t *testing.T) {
	g := newGap(gap.CauseLock)
	g.Explanation = nil
	var own truth
	own.add(at(0), at(10), oneOf(gap.CauseLock))
	if got := compare(g, own.segments, nil); got.explained || got.largest || got.err() != 1 {
		t.Errorf("%+v", got)
	}
	g = newGap(gap.CauseLock)
	g.Explanation.Parts[0].Duration--
	if got := compare(g, own.segments, nil); got.total {
		t.Error("parts that do not add up were not noticed")
	}
}

func TestCompareHolder(t *testing.T) {
	g := newGap(gap.CauseLock, gap.CauseLock)
	g.Explanation.Parts[0].HeldBy.SpanID = 7
	var own truth
	own.add(at(0), at(10), oneOf(gap.CauseLock))
	if got := compare(g, own.segments, []gap.SpanID{6, 7}); got.locked != ms(10) || got.held != ms(5) {
		t.Errorf("%+v", got)
	}
}

func TestTruth(t *testing.T) {
	needLinux(t)
	own := newTruth()
	start := time.Now()
	own.burn(3 * time.Millisecond)
	own.sleep(2 * time.Millisecond)
	own.wait(gap.CauseLock, func() time.Time {
		time.Sleep(time.Millisecond)
		return time.Now()
	})
	end := time.Now()
	for i, s := range own.segments {
		var sum time.Duration
		for _, a := range s.amounts {
			sum += a.duration
		}
		if sum != s.end.Sub(s.start) || i > 0 && s.start.Before(own.segments[i-1].end) {
			t.Errorf("segment %d: %+v", i, s)
		}
	}
	if cpu := own.segments[0].amounts[0]; cpu.causes != oneOf(gap.CauseCPU) || cpu.duration < 3*time.Millisecond {
		t.Errorf("%+v", cpu)
	}
	var free truth
	free.unlocked = true
	free.burn(3 * time.Millisecond)
	if cpu := free.segments[0].amounts[0]; !cpu.causes.has(gap.CauseCPU) || cpu.duration < time.Millisecond {
		t.Errorf("%+v", free)
	}
	var waiting truth
	waiting.include(&own, start, end, oneOf(gap.CauseChannel))
	if n := len(waiting.segments); n < len(own.segments) || !waiting.segments[0].start.Equal(start) ||
		!waiting.segments[n-1].end.Equal(end) {
		t.Errorf("%+v", waiting.segments)
	}
}

func TestLose(t *testing.T) {
	var own truth
	own.add(at(0), at(100), oneOf(gap.CauseSleep))
	got := lose(own.segments, at(50))
	if len(got) != 3 || got[0].amounts[0] != (amount{oneOf(gap.CauseUnobserved), ms(50)}) ||
		!got[1].amounts[0].causes.has(gap.CauseUnobserved) || !got[2].start.Equal(at(50).Add(known)) ||
		got[2].amounts[0] != (amount{oneOf(gap.CauseSleep), ms(40)}) {
		t.Errorf("%+v", got)
	}
	if got := lose(own.segments, at(-1)); len(got) != 1 {
		t.Errorf("nothing is lost, but %+v", got)
	}
}

func TestFigures(t *testing.T) {
	var own truth
	own.add(at(0), at(10), oneOf(gap.CauseLock))
	r := &results{Rows: []*row{{scenario: scenario{name: "known"}}, {scenario: scenario{name: "other"}, Skipped: "why"}}}
	known := r.Rows[0]
	for _, found := range [][]gap.Cause{{gap.CauseLock}, {gap.CauseLock}, {gap.CauseLock, gap.CauseCPU}, {gap.CauseCPU}} {
		known.gaps = append(known.gaps, compare(newGap(found...), own.segments, nil))
	}
	known.compute()
	if known.Mean != 0.375 || known.Median != 0.25 || known.Worst != 1 || known.Long != 4 || known.Largest != 3 {
		t.Errorf("mean %v, median %v, worst %v, largest of %d right in %d",
			known.Mean, known.Median, known.Worst, known.Long, known.Largest)
	}
	want := []causeRow{{gap.CauseCPU, 0, 0.375, 0.375, 1}, {gap.CauseLock, 1, 0.625, 0.375, 1}}
	if !slices.Equal(known.Causes, want) {
		t.Errorf("%+v", known.Causes)
	}
	c := r.Confusion()
	if got := c.Part(gap.CauseLock, gap.CauseCPU) + c.Part(gap.CauseCPU, gap.CauseCPU); got != "37.5" {
		t.Error(got)
	}
	verdict := strings.Join(r.Verdict(), "\n")
	for _, part := range []string{"37.50 % of a gap", "known (37.50 %)", "in 75.00 % of the gaps"} {
		if !strings.Contains(verdict, part) {
			t.Errorf("no %q in:\n%s", part, verdict)
		}
	}
	if r.gross() == nil {
		t.Error("37 % is not gross")
	}
}

func TestQuantile(t *testing.T) {
	for q, want := range map[float64]float64{0: 1, 0.25: 1.5, 0.5: 2, 1: 3} {
		if got := quantile([]float64{3, 1, 2}, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
}

func TestCost(t *testing.T) {
	needLinux(t)
	c, err := measureCost(1, 50*time.Millisecond, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range c.Rows {
		if row.CPU <= 0 {
			t.Errorf("%+v", row)
		}
	}
	var out strings.Builder
	if err := c.print(&out); err != nil || !strings.Contains(out.String(), "and marks of spans") {
		t.Errorf("%v, %s", err, out.String())
	}
}

func TestSpeed(t *testing.T) {
	rows, err := measureSpeeds(1_000_000, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Bytes < 1_000_000 || row.Events < 1000 || row.Spans < 100 || row.Took <= 0 || row.Memory < 1_000_000 {
			t.Errorf("%+v", row)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	for args, want := range map[string]string{
		"more":                 `unexpected argument "more"`,
		"-requests 0":          "-requests 0: want at least one",
		"-scenario nosuch":     "no scenario matches; scenarios are: cpu; ",
		"-scenario (":          "-scenario (: error parsing regexp: missing closing )",
		"-write . -scenario a": "-write measures everything",
		"-write . -short":      "-write measures everything",
		"-write . -cost":       "-write measures everything",
		"-cost -scenario a":    "-cost and -speed measure no scenarios",
		"-speed -keep .":       "-cost and -speed measure no scenarios",
		"-write nosuch":        "-write nosuch: no such folder",
		"-keep main.go":        "-keep main.go: no such folder",
		"-nosuch":              "not defined",
	} {
		var out, progress strings.Builder
		err := run(strings.Fields(args), &out, &progress)
		if err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 ||
			strings.Contains(progress.String(), "seed 1") {
			t.Errorf("%s: %v, want %s; it printed %q", args, err, want, progress.String())
		}
	}
	var help strings.Builder
	if err := run([]string{"-h"}, io.Discard, &help); err != nil ||
		!strings.Contains(help.String(), "-scenario regexp") {
		t.Errorf("-h: %v, %q", err, help.String())
	}
}
