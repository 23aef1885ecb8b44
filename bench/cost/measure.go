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

// The contenders that are no peers.
const (
	rawName  = "raw"
	handName = "by hand"
	ourName  = "gaptrace"
)

// client is a contender's way to make a call. It is made anew in every round: two clients that differ in nothing but where their
// memory lies may differ by a fifth in what they take.
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

// cell is a call as one contender makes it in one state, with a figure from each round.
type cell struct {
	contender string
	state     State
	client    *client
	tracer    api
	asked     func(http.Header) context.Context
	chunk     int // calls under one parent
	chunks    int // in a round

	ns, bytes, allocs []float64 // a call's
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

// plan is how long to measure.
type plan struct {
	rounds int
	batch  time.Duration // of a cell in a round
	chunk  int           // the most calls under one parent
	sends  bool          // an exporter's work is part of what is measured
}

// open makes the cells of a case for the peers that cover it.
func open(c Case, t tracers, peers []peer.Peer) *measured {
	m := &measured{Case: c}
	add := func(name string, tracer api, make func(cleanup) func(context.Context)) {
		of := &client{make: make}
		if of.renew(); of.call == nil {
			return
		}
		m.clients = append(m.clients, of)
		for s := range states {
			m.cells = append(m.cells, &cell{contender: name, state: s, client: of, tracer: tracer, asked: c.Asked})
		}
	}
	for _, p := range peers {
		add(p.Name, t[p.API], c.of(p))
		if p.Name == rawName {
			spans := toMake(recorded(c, c.of(named(ourName))))
			add(handName, t[p.API], func(at cleanup) func(context.Context) { return byHand(c, p, spans, at) })
		}
	}
	return m
}

func named(name string) peer.Peer {
	for _, p := range peer.All() {
		if p.Name == name {
			return p
		}
	}
	panic("no peer " + name)
}

// under returns the context of a parent in the cell's state, and what is to be done with the parent in the end.
func (c *cell) under() (context.Context, func()) {
	ctx, headers, finish := context.Background(), http.Header{}, func() {}
	if c.state != NoParent {
		ctx, headers, finish = c.tracer.parent(c.state == Sampled)
	}
	if c.asked != nil {
		ctx = c.asked(headers)
	}
	return ctx, finish
}

// calibrate finds out how many calls are in a chunk, and how many chunks take as long as the plan says.
func (c *cell) calibrate(p plan) {
	c.chunk, c.chunks = 1, 4
	once := max(c.took(p), time.Nanosecond)
	c.chunk = p.chunk
	if !p.sends { // otherwise most of it is the sending of one span
		c.chunk = max(1, min(p.chunk, int(time.Millisecond/once)))
	}
	once = max(c.took(p), time.Nanosecond) // again, as the first calls are slow
	batch := p.batch
	if once > 10*time.Microsecond {
		batch *= 3 // what the machine does to a long call is longer than what a wrapper adds to it
	}
	c.chunks = max(1, int(batch/(once*time.Duration(c.chunk))))
}

// took is what a call takes, on the average of a round.
func (c *cell) took(p plan) (each time.Duration) {
	var total time.Duration
	for range c.chunks {
		ctx, finish := c.under()
		start := clock()
		for range c.chunk {
			c.client.call(ctx)
		}
		if p.sends {
			finish()
			c.tracer.flush()
		}
		total += clock() - start
		if !p.sends {
			finish()
			c.tracer.flush()
		}
	}
	return total / time.Duration(c.chunks*c.chunk)
}

// round measures the cell once.
func (c *cell) round(p plan) {
	ctx, finish := c.under()
	for range c.chunk { // it connects, and warms up
		c.client.call(ctx)
	}
	finish()
	c.tracer.flush()
	runtime.GC() // what others left behind is not this one's to collect
	c.ns = append(c.ns, float64(c.took(p)))
	bytes, allocs := c.count()
	c.bytes, c.allocs = append(c.bytes, bytes), append(c.allocs, allocs)
}

// count tells the bytes and the allocations of a call.
func (c *cell) count() (bytes, allocs float64) {
	var before, after runtime.MemStats
	calls := c.chunk
	if calls > 1 {
		calls = 100 // what is allocated once in a few calls is in all figures alike
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

// run measures all cells of all cases, in rounds, so that each meets the machine in all its moods. Everything is on one
// P: the collector's work is in the time of who made it necessary.
func run(all []*measured, p plan, progress func(round int)) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, m := range all {
		for _, c := range m.cells {
			c.calibrate(p)
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	for round := range p.rounds {
		progress(round)
		for _, m := range all {
			for _, c := range m.clients {
				c.renew()
			}
			for _, i := range random.Perm(len(m.cells)) { // what one leaves in the caches is another one's every time
				m.cells[i].round(p)
			}
		}
	}
}

// spread is a median with the bounds of its confidence, of 95 % where there are rounds enough.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func spreadOf(values []float64) spread {
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds), 0.95)
	// With few rounds the bounds are not known: they are infinite.
	return spread{s.Center, max(s.Lo, slices.Min(values)), min(s.Hi, slices.Max(values))}
}

// ratio is what a costs over raw in terms of what b does: of the medians, with the bounds of 95 % of a thousand draws of
// rounds. The ratio of one round means nothing where the difference to raw is small beside the noise of raw. There is none
// where either's cost cannot be told from nothing.
func ratio(a, b, raw []float64) *spread {
	cost := each(a, raw, minus)
	unit := each(b, raw, minus)
	if s := spreadOf(unit); s.Low <= 0 || s.Median < 100 || s.High-s.Low > s.Median || spreadOf(cost).Low <= 0 {
		return nil
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same for the same figures
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

// each makes of the figures of two cells, round by round, those of what f makes of a round's.
func each(a, b []float64, f func(a, b float64) float64) []float64 {
	values := make([]float64, len(a))
	for i := range a {
		values[i] = f(a[i], b[i])
	}
	return values
}

func minus(a, b float64) float64 { return a - b }
