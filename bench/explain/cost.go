package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime/trace"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/gaptrace/gaptrace/tracer"
)

// costMode is a way to run a server whose spans are all sampled.
type costMode struct {
	name     string
	recorder bool              // a flight recorder runs
	marks    bool              // the tracer marks spans
	clocks   *cpuclock.Options // nil for no CPU clocks
}

func costModes() []costMode {
	return []costMode{
		{name: "nothing recorded"},
		{name: "flight recorder", recorder: true},
		{name: "and marks of spans", recorder: true, marks: true},
		{name: "and CPU clocks", recorder: true, marks: true, clocks: &cpuclock.Options{}},
		{name: "and CPU profile", recorder: true, marks: true, clocks: &cpuclock.Options{Profile: true}},
	}
}

// costs are what recording costs a request.
type costs struct {
	Rows            []costRow
	Rounds, Clients int
	Length          time.Duration // of a mode in a round
}

// costRow has medians of the rounds.
type costRow struct {
	Name     string
	CPU      time.Duration // of the server, for a request
	More     time.Duration // than the first mode in the same round
	MoreLow  time.Duration // a quarter of the rounds is below MoreLow, and a quarter above MoreHigh
	MoreHigh time.Duration
	Part     float64 // More, relative to the first mode
}

const (
	costRounds  = 16
	costLength  = 750 * time.Millisecond
	costClients = 16 // concurrent connections
)

func measureCosts(progress io.Writer) (*costs, error) {
	return measureCost(costRounds, costLength, progress)
}

// measureCost measures each mode in each round, in random order. The clients are another process.
func measureCost(rounds int, length time.Duration, progress io.Writer) (*costs, error) {
	modes := costModes()
	server, stop, err := costServer()
	if err != nil {
		return nil, err
	}
	defer stop()
	clients, err := startChild(asClient, server.URL)
	if err != nil {
		return nil, err
	}
	defer clients.stop()
	used := make([][]float64, len(modes))      // nanoseconds of a request, by round
	for round := -1; round < rounds; round++ { // round -1 warms up
		fmt.Fprintf(progress, "cost: round %d of %d\n", round+1, rounds)
		for _, m := range rand.Perm(len(modes)) {
			cpu, err := server.load(modes[m], clients, length)
			if err != nil {
				return nil, err
			}
			if round >= 0 {
				used[m] = append(used[m], cpu)
			}
		}
	}
	c := &costs{Rounds: rounds, Clients: costClients, Length: length}
	for m := range modes {
		more, part := make([]float64, rounds), make([]float64, rounds)
		for i := range rounds {
			more[i] = used[m][i] - used[0][i]
			part[i] = more[i] / used[0][i]
		}
		c.Rows = append(c.Rows, costRow{
			Name: modes[m].name, CPU: time.Duration(quantile(used[m], 0.5)), More: time.Duration(quantile(more, 0.5)),
			MoreLow: time.Duration(quantile(more, 0.25)), MoreHigh: time.Duration(quantile(more, 0.75)),
			Part: quantile(part, 0.5),
		})
	}
	return c, nil
}

// quantile returns a quantile of values, interpolated.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// loadedServer is a server whose handler works for a few microseconds.
type loadedServer struct {
	*httptest.Server

	marks atomic.Bool
}

func costServer() (s *loadedServer, stop func(), err error) {
	plain, plainCloser, err := openTracer()
	if err != nil {
		return nil, nil, err
	}
	marking, markingCloser, err := openTracer(tracer.WithExecutionTrace())
	if err != nil {
		return nil, nil, err
	}
	work := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var block [4096]byte
		sum := sha256.Sum256(block[:])
		_, _ = w.Write(sum[:4]) // the client counts answers
	})
	without := nethttp.WrapHandler(work, gaptrace.WithTracer(plain))
	with := nethttp.WrapHandler(work, gaptrace.WithTracer(marking))
	s = &loadedServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.marks.Load() {
			with.ServeHTTP(w, r)
		} else {
			without.ServeHTTP(w, r)
		}
	}))
	return s, func() {
		s.Close()
		_ = plainCloser.Close() // nothing is sent
		_ = markingCloser.Close()
	}, nil
}

// load measures one mode. It returns the nanoseconds of CPU time of a request.
func (s *loadedServer) load(m costMode, clients *child, length time.Duration) (cpu float64, err error) {
	s.marks.Store(m.marks)
	if m.recorder {
		recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
		if err := recorder.Start(); err != nil {
			return 0, err
		}
		defer recorder.Stop()
	}
	if m.clocks != nil {
		defer cpuclock.Start(*m.clocks)()
		time.Sleep(untilClocks)
	}
	before := processCPU()
	fmt.Fprintln(clients.in, length)
	line, err := clients.out.ReadString('\n')
	after := processCPU()
	if err != nil {
		return 0, fmt.Errorf("clients: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || n == 0 {
		return 0, fmt.Errorf("clients made %q requests", strings.TrimSpace(line))
	}
	return float64(after-before) / float64(n), nil
}

// loadClient is the child process with the clients. For each duration in its input, it makes
// requests for that long and writes their number.
func loadClient(arguments []string, stdin io.Reader, stdout io.Writer) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: costClients}}
	ready(stdout)
	for lines := bufio.NewScanner(stdin); lines.Scan(); {
		length, err := time.ParseDuration(lines.Text())
		if err != nil {
			return err
		}
		var made atomic.Int64
		var failed atomic.Value
		var all sync.WaitGroup
		start := time.Now()
		for range costClients {
			all.Go(func() {
				for time.Since(start) < length {
					response, err := client.Get(arguments[0])
					if err != nil {
						failed.Store(err)
						return
					}
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
					made.Add(1)
				}
			})
		}
		all.Wait()
		if err, ok := failed.Load().(error); ok {
			return err
		}
		fmt.Fprintln(stdout, made.Load())
	}
	return nil
}

func us(d time.Duration) string { return fmt.Sprintf("%.2f µs", float64(d)/1e3) }

// Cells returns the figures of a row, formatted.
func (r *costRow) Cells() []string {
	return []string{
		us(r.CPU), fmt.Sprintf("%+.2f µs", float64(r.More)/1e3),
		fmt.Sprintf("%+.2f to %+.2f µs", float64(r.MoreLow)/1e3, float64(r.MoreHigh)/1e3),
		fmt.Sprintf("%+.1f %%", 100*r.Part),
	}
}

var costHeads = []string{"recorded", "CPU of a request", "more", "half of the rounds", "relative"}

func (c *costs) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(costHeads, "\t"))
	for i := range c.Rows {
		fmt.Fprintf(table, "%s\t%s\n", c.Rows[i].Name, strings.Join(c.Rows[i].Cells(), "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "medians of %d rounds of %v, %d connections\n", c.Rounds, c.Length, c.Clients)
	return err
}
