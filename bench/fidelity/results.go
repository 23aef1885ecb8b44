package main

import (
	"bufio"
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

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

// results is all that was measured.
type results struct {
	Date    string  `json:"date"`
	Machine string  `json:"machine"`
	Go      string  `json:"go"`
	Seed    uint64  `json:"seed"`
	N       int     `json:"n"`
	Peers   []about `json:"peers"`

	Exported bool `json:"exported"` // the spans were sent as well as kept

	Rows   []*row   `json:"rows"`
	scenes []string // names of scenarios, in order
}

// about tells of a peer what a reader needs to repeat it.
type about struct {
	Name     string   `json:"name"`
	Versions []string `json:"versions"`
	Misses   []string `json:"misses"` // libraries it has no wrapper for
	Leaves   []string `json:"leaves"` // scenarios in which it takes much waiting for work
	Hides    []string `json:"hides"`  // and in which it covers much work
}

// much is an error that no machine makes: the peer does not look there, be it that its documentation never said so.
const much = 0.05

// row is a scenario with a peer. All figures but Spans are parts of a request.
type row struct {
	Scenario string `json:"scenario"`
	Peer     string `json:"peer"`

	Mean   float64 `json:"mean"` // of the error without its sign, as are the next three
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	Worst  float64 `json:"worst"`
	Signed float64 `json:"signed"` // the mean of the error with its sign: above zero, waits look like work

	Lost    float64  `json:"lost"`    // what the gaps rightly hold, and is no CPU of the handler's
	CPU     float64  `json:"cpu"`     // the mean of |self time less the thread's CPU outside of calls|
	Inside  float64  `json:"inside"`  // CPU that was used in calls that waited, at the work of the library and of the wrapper
	Library float64  `json:"library"` // calls that never waited
	Spans   float64  `json:"spans"`   // of a request
	Samples []sample `json:"samples"`
}

const controlName = "control"

// controlPeer records the request alone, as there is nothing else.
var controlPeer = peer.All()[slices.IndexFunc(peer.All(), func(p peer.Peer) bool { return p.Name == "raw" })]

func newResults(seed uint64, n int, peers []peer.Peer) *results {
	r := &results{Date: time.Now().Format(time.DateOnly), Machine: machine(), Go: runtime.Version(), Seed: seed, N: n}
	for _, p := range peers {
		a := about{Name: p.Name, Misses: misses(p)}
		for _, module := range p.Modules {
			a.Versions = append(a.Versions, strings.TrimSpace(module+" "+peer.Version(module)))
		}
		r.Peers = append(r.Peers, a)
	}
	return r
}

// machine describes this one, as far as Linux tells.
func machine() string {
	model, load := runtime.GOARCH, ""
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if key, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = ", load " + strings.Fields(string(text))[0] + " before"
	}
	if text, err := os.ReadFile("/proc/self/stat"); err == nil {
		const policy = 41 - 3 // proc(5) counts from 1, and two fields end with the parenthesis
		_, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > policy && fields[policy] != "0" {
			load += ", under chrt"
		}
	}
	return fmt.Sprintf("%d × %s, %s%s", runtime.NumCPU(), model, runtime.GOOS, load)
}

// Cannot says what a peer cannot cover: what it has no wrapper for, and what its spans get wrong.
func (p about) Cannot() string {
	var b strings.Builder
	for _, part := range []struct {
		words string
		list  []string
	}{
		{"no wrapper for", p.Misses},
		{"waits that look like work:", p.Leaves},
		{"work that is hidden:", p.Hides},
	} {
		if part.list != nil {
			fmt.Fprintf(&b, "; %s %s", part.words, strings.Join(part.list, ", "))
		}
	}
	return b.String()
}

func (r *results) row(scenario, peer string) *row {
	for _, row := range r.Rows {
		if row.Scenario == scenario && row.Peer == peer {
			return row
		}
	}
	return nil
}

func (r *results) add(s scenario, peer string, sample sample) {
	at := r.row(s.name, peer)
	if at == nil {
		at = &row{Scenario: s.name, Peer: peer}
		r.Rows = append(r.Rows, at)
	}
	if !slices.Contains(r.scenes, s.name) {
		r.scenes = append(r.scenes, s.name)
	}
	at.Samples = append(at.Samples, sample)
}

// finish computes the rows and puts them into the order of scenarios and peers, the control last.
func (r *results) finish() {
	for _, row := range r.Rows {
		row.compute()
		at := slices.IndexFunc(r.Peers, func(p about) bool { return p.Name == row.Peer })
		switch told := fmt.Sprintf("%s (%.0f %%)", row.Scenario, 100*row.Mean); {
		case at < 0 || row.Mean < much:
		case row.Signed > 0:
			r.Peers[at].Leaves = append(r.Peers[at].Leaves, told)
		default:
			r.Peers[at].Hides = append(r.Peers[at].Hides, told)
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
	r.P95 = errs[max(0, int(math.Ceil(0.95*n))-1)] // the least that 95 % do not exceed
	r.Worst = errs[last]
}

func percent(x float64) string { return fmt.Sprintf("%.2f %%", 100*x) }

// cells are the columns of a row's figures.
func (r *row) cells() []string {
	return []string{
		percent(r.Mean), percent(r.Median), percent(r.P95), percent(r.Worst), fmt.Sprintf("%+.2f %%", 100*r.Signed),
		percent(r.Inside), percent(r.Library), percent(r.Lost), percent(r.CPU), fmt.Sprintf("%.0f", r.Spans),
	}
}

var heads = []string{"scenario", "peer", "mean", "median", "p95", "worst", "signed", "in calls", "no wait", "lost", "CPU alone", "spans"}

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
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, row.Peer, strings.Join(row.cells(), "\t"))
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
	_, err := fmt.Fprintf(w, "\n%s\nseed %d, %d requests of each, a quarter of the long ones%s; %s, %s, %s\n",
		r.verdict(), r.Seed, r.N, exported, r.Machine, r.Go, r.Date)
	return err
}

// verdict holds ours against the goals, of the error and of what is left of it against the thread's CPU alone.
func (r *results) verdict() string {
	var ours []*row
	for _, row := range r.Rows {
		if row.Peer == ourName {
			ours = append(ours, row)
		}
	}
	if len(ours) == 0 {
		return "gaptrace was not among the peers."
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
	return fmt.Sprintf("gaptrace over all scenarios: mean error %s (goal 0.5 %%). Over 1 %% in the mean: %s. Median over 0.2 %%: %s. "+
		"Held against the CPU of the handler's thread outside of calls alone: mean %s, over 1 %%: %s.",
		mean(byMean), over(0.01, byMean), over(0.002, byMedian), mean(byCPU), over(0.01, byCPU))
}

// gross is an error if ours is wrong beyond what a busy machine makes of it.
func (r *results) gross() error {
	var errs []error
	for _, row := range r.Rows {
		if row.Peer == ourName && row.Median > gross {
			errs = append(errs, fmt.Errorf("%s: the median of gaptrace's errors is %s", row.Scenario, percent(row.Median)))
		}
	}
	return errors.Join(errs...)
}
