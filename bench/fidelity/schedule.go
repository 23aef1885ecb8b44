package main

import (
	"crypto/sha256"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/script"
	"github.com/gaptrace/gaptrace/internal/worktime"
)

// schedule is the random schedule of one request: work and waits alternate.
type schedule struct {
	steps []step
	size  int // rows in a piece of the scenario "sql rows"
}

type step struct{ work, wait time.Duration }

// newSchedule returns the schedule for request i of a scenario. It depends only on the arguments.
func newSchedule(seed uint64, scenario string, i int) schedule {
	name := fnv.New64a()
	name.Write([]byte(scenario))
	random := rand.New(rand.NewPCG(seed, name.Sum64()+uint64(i)))
	between := func(low, high time.Duration) time.Duration { // log-uniform
		return time.Duration(float64(low) * math.Pow(float64(high)/float64(low), random.Float64()))
	}
	p := schedule{steps: make([]step, 3+random.IntN(4)), size: 1 + random.IntN(4)}
	for i := range p.steps {
		p.steps[i] = step{
			work: between(200*time.Microsecond, 40*time.Millisecond),
			wait: between(500*time.Microsecond, 30*time.Millisecond),
		}
	}
	return p
}

// wait returns the sum of the waits.
func (p schedule) wait() (total time.Duration) {
	for _, s := range p.steps {
		total += s.wait
	}
	return total
}

// pieces returns the script with a piece for each step.
func (p schedule) pieces(size int) script.Script {
	var pieces script.Script
	for _, s := range p.steps {
		pieces = append(pieces, script.Piece{After: s.wait, Size: size})
	}
	return pieces
}

// worker burns CPU time in units of a known cost.
type worker struct {
	unit time.Duration // CPU time
}

// calibrate measures the cost of a unit: the least of several attempts, since interruptions only
// add to it.
func calibrate() worker {
	const units = 2000
	best := time.Hour
	for range 10 {
		clock := worktime.Start()
		start := time.Now()
		work(units)
		took, ok := clock.Stop()
		if !ok {
			took = time.Since(start)
		}
		best = min(best, took)
	}
	return worker{best / units}
}

// burn works for about d. The clock measures how long it really took.
func (w worker) burn(d time.Duration) { work(int(d / w.unit)) }

func work(units int) {
	var block [512]byte
	for range units {
		sum := sha256.Sum256(block[:])
		copy(block[:], sum[:])
	}
}
