package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

// chosen are the scenarios of these names.
func chosen(names ...string) []scenario {
	return slices.DeleteFunc(scenarios(), func(s scenario) bool { return !slices.Contains(names, s.name) })
}

// What may be said on any machine: ours is not grossly wrong, and what records nothing is.
func TestWaitsAreNoGapsOfOursAndAllGapsOfNone(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip(errNoClock)
	}
	peers := slices.DeleteFunc(peer.All(), func(p peer.Peer) bool { return p.Name != ours && p.Name != "raw" })
	var gross error
	for range 3 { // others may take the CPUs in the midst of a call: once is enough
		r, err := playAll(chosen("http body", "sql rows", "grpc stream"), peers, uint64(time.Now().UnixNano()), 3, million)
		if err != nil {
			t.Fatal(err)
		}
		gross = r.gross()
		for _, row := range r.Rows {
			if row.Peer == "raw" && row.Signed <= 0 {
				gross = errors.Join(gross, errors.New(row.Scenario+": nothing waited"))
			}
		}
		if gross == nil {
			return
		}
	}
	t.Error(gross)
}

func TestEveryPeerPlaysEveryScenarioThatItCovers(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip(errNoClock)
	}
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	r, err := playAll(scenarios(), peer.All(), 1, 1, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		for _, s := range row.Samples {
			if s.Length <= 0 || s.Own <= 0 || s.CPU <= 0 || s.Own > s.Length || s.CPU > s.Elapsed*11/10+time.Millisecond {
				t.Errorf("%s, %s: %+v", row.Scenario, row.Peer, s)
			}
		}
	}
	dir := t.TempDir()
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "fidelity.md"))
	if err != nil || strings.Count(string(page), "\n| http body | ") != 1+len(r.Scenes()[1].Rows) {
		t.Errorf("%v; the page:\n%s", err, page)
	}
	plot, err := os.Open(filepath.Join(dir, "fidelity.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer plot.Close()
	for d := xml.NewDecoder(plot); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the plot is no XML: %v", err)
		}
	}
}

func TestASeedIsASchedule(t *testing.T) {
	if !reflect.DeepEqual(newSchedule(1, "a", 2), newSchedule(1, "a", 2)) {
		t.Error("two schedules of one seed")
	}
	for _, other := range []schedule{newSchedule(2, "a", 2), newSchedule(1, "b", 2), newSchedule(1, "a", 3)} {
		if reflect.DeepEqual(newSchedule(1, "a", 2), other) {
			t.Error("one schedule of two seeds, scenarios or requests")
		}
	}
	for i := range 1000 {
		for _, s := range newSchedule(1, "a", i).steps {
			if s.work < 200*time.Microsecond || s.work > 40*time.Millisecond || s.wait < 500*time.Microsecond || s.wait > 30*time.Millisecond {
				t.Fatalf("%+v", s)
			}
		}
	}
}

func TestFiguresOfKnownSamples(t *testing.T) {
	s := scenario{name: "known"}
	r := newResults(1, 4, []peer.Peer{{Name: ours}})
	for _, own := range []time.Duration{52, 50, 47, 70} { // should be 50
		r.add(s, ours, sample{Length: 100, Own: own, CPU: 35, Elapsed: 40, Library: 10, Inside: 1})
	}
	r.finish()
	got := r.row("known", ours)
	for name, pair := range map[string][2]float64{
		"mean": {got.Mean, 0.0625}, "median": {got.Median, 0.02}, "p95": {got.P95, 0.2}, "worst": {got.Worst, 0.2},
		"signed": {got.Signed, 0.0475}, "lost": {got.Lost, 0.05}, "error+lost": {got.CPU, 0.0975},
		"in calls": {got.Inside, 0.01}, "no wait": {got.Library, 0.1},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-9 {
			t.Errorf("%s is %v, want %v", name, pair[0], pair[1])
		}
	}
	if err := r.gross(); err != nil {
		t.Errorf("one request of four is grossly wrong: %v", err)
	}
	r.row("known", ours).Median = 0.06
	if r.gross() == nil {
		t.Error("a median of 6 % is not gross")
	}
	if v := r.verdict(); !strings.Contains(v, "known (6.25 %)") {
		t.Error(v)
	}
}
