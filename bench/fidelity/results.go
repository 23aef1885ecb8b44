package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/machine"
	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

// results is everything that was measured.
type results struct {
	Date    string  `json:"date"`
	Machine string  `json:"machine"`
	Go      string  `json:"go"`
	Seed    uint64  `json:"seed"`
	N       int     `json:"n"`
	Peers   []about `json:"peers"`

	Exported bool `json:"exported"` // the spans were sent, too

	Rows   []*row   `json:"rows"`
	scenes []string // the scenarios, in order
}

// about describes a peer: its version, and what it cannot measure.
type about struct {
	Name     string   `json:"name"`
	Versions []string `json:"versions"`
	Misses   []string `json:"misses"` // libraries it does not wrap
	Leaves   []string `json:"leaves"` // scenarios in which waits are left in the gaps: they look like work
	Hides    []string `json:"hides"`  // scenarios in which work is hidden
}

// much is an error that is not noise of the machine: the peer does not record what the scenario is
// about.
const much = 0.05

// row is a scenario with a peer. All figures except Spans are relative to the length of the
// request.
type row struct {
	Scenario string `json:"scenario"`
	Peer     string `json:"peer"`

	Mean   float64 `json:"mean"` // of the error without its sign, like the next three
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	Worst  float64 `json:"worst"`
	Signed float64 `json:"signed"` // mean of the error with its sign: above zero, waits look like work

	Lost    float64  `json:"lost"`    // part of the true self time in which the handler had no CPU
	CPU     float64  `json:"cpu"`     // mean of |self time − the thread's CPU outside of calls|
	Inside  float64  `json:"inside"`  // CPU used in calls that waited, by library and wrapper
	Library float64  `json:"library"` // time of calls that never waited
	Spans   float64  `json:"spans"`   // of a request
	Samples []sample `json:"samples"`
}

const controlName = "control"

// controlPeer is raw. The control makes no calls, so there is nothing to wrap.
var controlPeer = peer.All()[slices.IndexFunc(peer.All(), func(p peer.Peer) bool { return p.Name == "raw" })]

func newResults(seed uint64, n int, peers []peer.Peer) *results {
	r := &results{
		Date: time.Now().Format(time.DateOnly), Machine: describeMachine(), Go: runtime.Version(), Seed: seed, N: n,
	}
	for _, p := range peers {
		a := about{Name: p.Name, Misses: misses(p)}
		for _, module := range p.Modules {
			a.Versions = append(a.Versions, strings.TrimSpace(module+" "+peer.Version(module)))
		}
		r.Peers = append(r.Peers, a)
	}
	return r
}

// describeMachine describes this machine, in detail on Linux.
func describeMachine() string {
	load := ""
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Fields(string(text))[0] + " before"
	}
	if text, err := os.ReadFile("/proc/self/stat"); err == nil {
		const policy = 41 - 3 // proc(5) counts from 1, and fields lacks the first two
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > policy && fields[policy] != "0" {
			load += ", under chrt"
		}
	}
	return fmt.Sprintf("%d × %s, %s%s", runtime.NumCPU(), machine.Processor(), runtime.GOOS, load)
}

// Cannot returns what a peer does not wrap and what its spans get wrong, after "; " each.
func (p about) Cannot() string {
	var b strings.Builder
	for _, part := range []struct {
		words string
		list  []string
	}{
		{"does not wrap", p.Misses},
		{"waits that look like work:", p.Leaves},
		{"work that is hidden:", p.Hides},
	} {
		if part.list != nil {
			fmt.Fprintf(&b, "; %s %s", part.words, strings.Join(part.list, ", "))
		}
	}
	return b.String()
}

// Row returns the row of a scenario and a peer, or nil if there is none.
func (r *results) Row(scenario, peer string) *row {
	for _, row := range r.Rows {
		if row.Scenario == scenario && row.Peer == peer {
			return row
		}
	}
	return nil
}

func (r *results) add(s scenario, peer string, sample sample) {
	at := r.Row(s.name, peer)
	if at == nil {
		at = &row{Scenario: s.name, Peer: peer}
		r.Rows = append(r.Rows, at)
	}
	if !slices.Contains(r.scenes, s.name) {
		r.scenes = append(r.scenes, s.name)
	}
	at.Samples = append(at.Samples, sample)
}

// finish computes the rows and sorts them by scenario and peer, the control last.
func (r *results) finish() {
	for _, row := range r.Rows {
		row.compute()
		at := slices.IndexFunc(r.Peers, func(p about) bool { return p.Name == row.Peer })
		switch entry := fmt.Sprintf("%s (%.0f %%)", row.Scenario, 100*row.Mean); {
		case at < 0 || row.Mean < much:
		case row.Signed > 0:
			r.Peers[at].Leaves = append(r.Peers[at].Leaves, entry)
		default:
			r.Peers[at].Hides = append(r.Peers[at].Hides, entry)
		}
	}
	place := func(name string) int {
		at := slices.IndexFunc(r.Peers, func(p about) bool { return p.Name == name })
		if at < 0 {
			return len(r.Peers)
		}
		return at
	}
	slices.SortStableFunc(r.Rows, func(a, b *row) int {
		if a.Scenario != b.Scenario {
			return slices.Index(r.scenes, a.Scenario) - slices.Index(r.scenes, b.Scenario)
		}
		return place(a.Peer) - place(b.Peer)
	})
}

func (r *row) compute() {
	var errs []float64
	n := float64(len(r.Samples))
	for _, s := range r.Samples {
		e := s.err()
		errs = append(errs, math.Abs(e))
		r.Mean += math.Abs(e) / n
		r.Signed += e / n
		r.Lost += s.lost() / n
		r.CPU += math.Abs(s.part(s.Self-s.CPU)) / n
		r.Inside += s.part(s.Inside) / n
		r.Library += s.part(s.Library) / n
		r.Spans += float64(s.Spans) / n
	}
	slices.Sort(errs)
	last := len(errs) - 1
	r.Median = (errs[last/2] + errs[(last+1)/2]) / 2
	r.P95 = errs[max(0, int(math.Ceil(0.95*n))-1)] // the least value that 95 % do not exceed
	r.Worst = errs[last]
}

func percent(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) }

// Cells returns the figures of a row, formatted.
func (r *row) Cells() []string {
	return []string{
		percent(r.Mean), percent(r.Median), percent(r.P95), percent(r.Worst), fmt.Sprintf("%+.2f %%", 100*r.Signed),
		percent(r.Inside), percent(r.Library), percent(r.Lost), percent(r.CPU), fmt.Sprintf("%.0f", r.Spans),
	}
}

var heads = []string{
	"scenario", "peer", "mean", "median", "p95", "worst", "signed",
	"in calls", "no wait", "lost", "CPU alone", "spans",
}

func (r *results) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(heads, "\t"))
	last := ""
	for _, row := range r.Rows {
		name := row.Scenario
		if name == last {
			name = ""
		}
		last = row.Scenario
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, row.Peer, strings.Join(row.Cells(), "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, p := range r.Peers {
		if p.Name != "raw" && len(p.Misses)+len(p.Leaves)+len(p.Hides) > 0 {
			fmt.Fprintf(w, "%s: %s\n", p.Name, strings.TrimPrefix(p.Cannot(), "; "))
		}
	}
	exported := ""
	if r.Exported {
		exported = "; all spans were sent, too"
	}
	fmt.Fprintf(w, "\ngaptrace:\n  %s\n", strings.Join(r.Verdict(), "\n  "))
	_, err := fmt.Fprintf(w, "\nseed %d, %d requests of each, a quarter of the long ones%s; %s, %s, %s\n",
		r.Seed, r.N, exported, r.Machine, r.Go, r.Date)
	return err
}

// Verdict returns the lines of the summary of gaptrace's errors.
func (r *results) Verdict() []string {
	var ours []*row
	for _, row := range r.Rows {
		if row.Peer == ourName {
			ours = append(ours, row)
		}
	}
	if len(ours) == 0 {
		return []string{"not measured"}
	}
	mean := func(of func(*row) float64) string {
		var sum float64
		for _, row := range ours {
			sum += of(row)
		}
		return percent(sum / float64(len(ours)))
	}
	over := func(limit float64, of func(*row) float64) string {
		var names []string
		for _, row := range ours {
			if of(row) > limit {
				names = append(names, fmt.Sprintf("%s (%s)", row.Scenario, percent(of(row))))
			}
		}
		return cmp.Or(strings.Join(names, ", "), "none")
	}
	byMean, byMedian := func(r *row) float64 { return r.Mean }, func(r *row) float64 { return r.Median }
	byCPU := func(r *row) float64 { return r.CPU }
	return []string{
		"mean error over all scenarios: " + mean(byMean) + " (goal: 0.5 %)",
		"scenarios with a mean error over 1 %: " + over(0.01, byMean),
		"scenarios with a median error over 0.2 %: " + over(0.002, byMedian),
		"mean error compared only with the CPU of the handler's thread outside of calls: " + mean(byCPU) +
			"; scenarios over 1 %: " + over(0.01, byCPU),
	}
}

// gross returns an error if a median error of gaptrace is larger than a busy machine can cause.
func (r *results) gross() error {
	var errs []error
	for _, row := range r.Rows {
		if row.Peer == ourName && row.Median > gross {
			errs = append(errs, fmt.Errorf("%s: the median error of gaptrace is %s, more than %s",
				row.Scenario, percent(row.Median), percent(gross)))
		}
	}
	return errors.Join(errs...)
}
