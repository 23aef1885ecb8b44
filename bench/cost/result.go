package main

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/machine"
	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// Result is the result of a run, as -json prints it.
type Result struct {
	Machine  string            `json:"machine"`
	Go       string            `json:"go"`
	Date     string            `json:"date"`
	Clock    string            `json:"clock"`
	Rounds   int               `json:"rounds"`
	Exported bool              `json:"exported"`
	Versions map[string]string `json:"versions"`
	Entries  []Entry           `json:"entries,omitempty"`
	Services []Loaded          `json:"services,omitempty"`
}

// Entry is the cost of a case for one contender in one state. Times are in nanoseconds. Costs are
// differences to the raw call; the figures of contender raw are those of the call itself.
type Entry struct {
	Library   string  `json:"library"`
	Case      string  `json:"case"`
	Contender string  `json:"contender"`
	State     string  `json:"state"`
	Long      bool    `json:"long,omitempty"`
	Call      spread  `json:"call"`
	Over      spread  `json:"over_raw"`
	Percent   spread  `json:"percent_over_raw"`
	Bytes     float64 `json:"bytes_over_raw"`
	Allocs    float64 `json:"allocations_over_raw"`
	ByHand    *spread `json:"times_by_hand,omitempty"`
	Ours      *spread `json:"times_gaptrace,omitempty"`
}

// summarize returns the entries of all cells.
func summarize(all []*measured) []Entry {
	var entries []Entry
	for _, m := range all {
		for _, c := range m.cells {
			raw := m.find(rawName, c.state)
			e := Entry{
				Library: m.Library, Case: m.Name, Contender: c.contender, State: c.state.String(),
				Long: m.Long, Call: spreadOf(c.ns),
			}
			e.Bytes, e.Allocs = spreadOf(c.bytes).Median, spreadOf(c.allocs).Median
			if c != raw {
				e.Over = spreadOf(each(c.ns, raw.ns, minus))
				e.Percent = spreadOf(each(c.ns, raw.ns, func(a, b float64) float64 { return 100 * (a/b - 1) }))
				e.Bytes = spreadOf(each(c.bytes, raw.bytes, minus)).Median
				e.Allocs = spreadOf(each(c.allocs, raw.allocs, minus)).Median
			}
			e.ByHand = relative(c, m.find(handName, c.state), raw)
			e.Ours = relative(c, m.find(ourName, c.state), raw)
			entries = append(entries, e)
		}
	}
	return entries
}

// relative returns the cost of c divided by that of other. It returns nil if there is no such
// ratio.
func relative(c, other, raw *cell) *spread {
	if c == other || c == raw || other == nil {
		return nil
	}
	return ratio(c.ns, other.ns, raw.ns)
}

// newResult returns a Result that describes the machine, the date and the versions.
func newResult(rounds int, exported bool) Result {
	cores := runtime.NumCPU()
	r := Result{
		Machine: fmt.Sprintf("%s, %d %s, %s",
			machine.Processor(), cores, printable.Plural(cores, "virtual core"), runtime.GOOS),
		Go: runtime.Version(), Date: time.Now().Format(time.DateOnly), Clock: clockName,
		Rounds: rounds, Exported: exported, Versions: map[string]string{},
	}
	for _, p := range peer.All() {
		for _, module := range p.Modules {
			if v := peer.Version(module); v != "" {
				r.Versions[module] = v
			}
		}
	}
	for _, module := range []string{
		"go.opentelemetry.io/otel/sdk", "github.com/go-redis/redis/v8",
		"github.com/elastic/go-elasticsearch/v8", "google.golang.org/grpc",
	} {
		r.Versions[module] = peer.Version(module)
	}
	return r
}

// versions lists the versions of all modules, with short names.
func (r Result) versions() string {
	var all []string
	for module, version := range r.Versions {
		name := strings.TrimPrefix(strings.TrimPrefix(module, "github.com/"), "go.opentelemetry.io/")
		if commit := regexp.MustCompile(`-(\d{8})\d{6}-`).FindStringSubmatch(version); commit != nil {
			version = "of " + commit[1]
		}
		all = append(all, name+" "+strings.TrimSuffix(version, "+incompatible"))
	}
	slices.Sort(all)
	const width = 120
	var b strings.Builder
	line := 0
	for i, each := range all {
		if i > 0 {
			b.WriteByte(',')
			if line++; line+len(each) > width {
				b.WriteByte('\n')
				line = 0
			} else {
				b.WriteByte(' ')
				line++
			}
		}
		b.WriteString(each)
		line += len(each)
	}
	return b.String()
}
