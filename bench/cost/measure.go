package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"golang.org/x/perf/benchmath"
)

// A contender is a peer, "by hand": Jaeger's spans around the raw call, "by hand, waits": the same
// with a stopwatch, or "woven": the raw call in a program that gaptrace build has built.
const (
	rawName   = "raw"
	handName  = "by hand"
	timedName = "by hand, waits"
	ourName   = "gaptrace"
	wovenName = "woven"
)

// client makes a contender's call. It is renewed in every round: two clients that differ only in
// where their memory lies may differ by a fifth in cost.
type client struct {
	make    func(cleanup) func(context.Context)
	call    func(context.Context)
	closers []func()
}

func (c *client) renew() {
	c.close()
	c.call = c.make(func(f func()) { c.closers = append(c.closers, f) })
}

func (c *client) close() {
	for _, f := range slices.Backward(c.closers) {
		f()
	}
	c.closers = nil
}

// cell is a call by one contender in one state, with a figure from each round.
type cell struct {
	contender string
	state     State
	client    *client
	tracer    api
	request   func(http.Header) context.Context // Case.FromHeaders
	chunk     int                               // calls under one parent
	chunks    int                               // in a round

	ns, bytes, allocs []float64 // per call, one of each round
}

// measured is a case with all its cells.
type measured struct {
	Case
	clients []*client
	cells   []*cell
}

func (m *measured) find(contender string, state State) *cell {
	for _, c := range m.cells {
		if c.contender == contender && c.state == state {
			return c
		}
	}
	return nil
}

// plan says how much to measure, and how.
type plan struct {
	Rounds int
	Batch  time.Duration // CPU time of a cell in a round, about
	Chunk  int           // calls under one parent, at most
	Sends  bool          // measure the exporter, too
}

// open makes the cells of a case for raw, a span by hand, and the peers that wrap its library.
func open(c Case, t tracers, peers []peer.Peer) *measured {
	m := &measured{Case: c}
	for _, p := range peers {
		m.add(p.Name, t[p.API], c.wrappedBy(p))
		if p.Name == rawName {
			spans := toMake(recorded(c, c.wrappedBy(named(ourName))))
			m.add(handName, t[p.API], func(onClose cleanup) func(context.Context) {
				return byHand(c, p, spans, untimed, onClose)
			})
			if c.Waits {
				m.add(timedName, t[p.API], func(onClose cleanup) func(context.Context) {
					return byHand(c, p, spans, withStopwatch, onClose)
				})
			}
		}
	}
	return m
}

// add adds the cells of a contender, unless make returns nil.
func (m *measured) add(contender string, tracer api, make func(cleanup) func(context.Context)) {
	client := &client{make: make}
	if client.renew(); client.call == nil {
		return
	}
	m.clients = append(m.clients, client)
	for s := range states {
		m.cells = append(m.cells, &cell{
			contender: contender, state: s, client: client, tracer: tracer, request: m.FromHeaders,
		})
	}
}

func named(name string) peer.Peer {
	for _, p := range peer.All() {
		if p.Name == name {
			return p
		}
	}
	panic("no peer " + name)
}

// under returns a context for calls in the cell's state, and a function that finishes the parent,
// if there is one.
func (c *cell) under() (context.Context, func()) {
	ctx, headers, finish := context.Background(), http.Header{}, func() {}
	if c.state != NoParent {
		ctx, headers, finish = c.tracer.parent(c.state == Sampled)
	}
	if c.request != nil {
		ctx = c.request(headers)
	}
	return ctx, finish
}

// calibrate sets how many calls make a chunk, and how many chunks fill the plan's batch.
func (c *cell) calibrate(p plan) {
	c.chunk, c.chunks = 1, 4
	once := max(c.took(p), time.Nanosecond)
	c.chunk = p.Chunk
	if !p.Sends { // with small chunks, sending the parent would cost the most
		c.chunk = max(1, min(p.Chunk, int(time.Millisecond/once)))
	}
	once = max(c.took(p), time.Nanosecond) // again, because the first calls are slow
	batch := p.Batch
	if once > 10*time.Microsecond {
		batch *= 3 // the noise in a long call exceeds what a wrapper adds
	}
	c.chunks = max(1, int(batch/(once*time.Duration(c.chunk))))
}

// took returns the average cost of a call in a round.
func (c *cell) took(p plan) (each time.Duration) {
	var total time.Duration
	for range c.chunks {
		ctx, finish := c.under()
		start := clock()
		for range c.chunk {
			c.client.call(ctx)
		}
		if p.Sends {
			finish()
			c.tracer.flush()
		}
		total += clock() - start
		if !p.Sends {
			finish()
			c.tracer.flush()
		}
	}
	return total / time.Duration(c.chunks*c.chunk)
}

// round measures the cell once.
func (c *cell) round(p plan) {
	ctx, finish := c.under()
	for range c.chunk { // connect and warm up
		c.client.call(ctx)
	}
	finish()
	c.tracer.flush()
	runtime.GC() // the garbage of other cells
	c.ns = append(c.ns, float64(c.took(p)))
	bytes, allocs := c.count()
	c.bytes, c.allocs = append(c.bytes, bytes), append(c.allocs, allocs)
}

// count returns the bytes and the allocations of a call.
func (c *cell) count() (bytes, allocs float64) {
	var before, after runtime.MemStats
	calls := c.chunk
	if calls > 1 {
		calls = 100 // averages what is allocated once in a few calls
	}
	ctx, finish := c.under()
	runtime.ReadMemStats(&before)
	for range calls {
		c.client.call(ctx)
	}
	runtime.ReadMemStats(&after)
	finish()
	c.tracer.flush()
	n := float64(calls)
	return float64(after.TotalAlloc-before.TotalAlloc) / n, float64(after.Mallocs-before.Mallocs) / n
}

// run measures all cells of all cases, in rounds, so that whatever else the machine does affects
// all of them. On a single P, the cost of a call includes the collection of its garbage. It calls
// before at the beginning of each round. An error of before ends the run.
func run(all []*measured, p plan, before func(round int) error) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, m := range all {
		for _, c := range m.cells {
			c.calibrate(p)
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	for round := range p.Rounds {
		if err := before(round); err != nil {
			return err
		}
		for _, m := range all {
			for _, c := range m.clients {
				c.renew()
			}
			for _, i := range random.Perm(len(m.cells)) { // each follows another cell in each round, for the caches
				m.cells[i].round(p)
			}
		}
	}
	return nil
}

// spread is a median with the bounds of its 95 % confidence interval, if there are enough rounds.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func spreadOf(values []float64) spread {
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds), 0.95)
	// With few rounds the bounds are unknown, which Summary returns as infinite.
	return spread{s.Center, max(s.Lo, slices.Min(values)), min(s.Hi, slices.Max(values))}
}

// ratio returns (a − raw) / (b − raw), a quotient of medians. Its bounds hold 95 % of a thousand
// bootstrap samples of the rounds. The quotients of single rounds would mean little, because the
// noise of raw may exceed what a and b add. ratio returns nil if one of the two differences cannot
// be distinguished from zero.
func ratio(a, b, raw []float64) *spread {
	cost := each(a, raw, minus)
	unit := each(b, raw, minus)
	if s := spreadOf(unit); s.Low <= 0 || s.Median < 100 || s.High-s.Low > s.Median || spreadOf(cost).Low <= 0 {
		return nil
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same result for the same figures
	draws := make([]float64, 1000)
	drawnCost, drawnUnit := make([]float64, len(cost)), make([]float64, len(cost))
	for i := range draws {
		for j := range cost {
			from := random.IntN(len(cost))
			drawnCost[j], drawnUnit[j] = cost[from], unit[from]
		}
		draws[i] = median(drawnCost) / median(drawnUnit)
	}
	slices.Sort(draws)
	return &spread{median(cost) / median(unit), draws[len(draws)/40], draws[len(draws)-1-len(draws)/40]}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// each applies f to the figures of two cells, round by round.
func each(a, b []float64, f func(a, b float64) float64) []float64 {
	values := make([]float64, len(a))
	for i := range a {
		values[i] = f(a[i], b[i])
	}
	return values
}

func minus(a, b float64) float64 { return a - b }
