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

// schedule is a random schedule of one request: work and waits that alternate.
type schedule struct {
	steps []step
	size  int // which some scenarios multiply what they send by
}

type step struct{ work, wait time.Duration }

// newSchedule makes the schedule of a scenario's request number i, the same for a seed.
func newSchedule(seed uint64, scenario string, i int) schedule {
	name := fnv.New64a()
	name.Write([]byte(scenario))
	random := rand.New(rand.NewPCG(seed, name.Sum64()+uint64(i)))
	between := func(low, high time.Duration) time.Duration { // as many short ones as long ones, so to speak
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

// wait is what the waits add up to.
func (p schedule) wait() (total time.Duration) {
	for _, s := range p.steps {
		total += s.wait
	}
	return total
}

// pieces is the script that has a piece for each step.
func (p schedule) pieces(size int) script.Script {
	var pieces script.Script
	for _, s := range p.steps {
		pieces = append(pieces, script.Piece{After: s.wait, Size: size})
	}
	return pieces
}

// worker burns CPU in units whose cost was measured.
type worker struct {
	unit time.Duration // on the thread's clock
}

// calibrate takes the unit's cost from the best of several goes: what disturbs only makes it longer.
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

// burn works for about d: how long it took is measured, not asked.
func (w worker) burn(d time.Duration) { work(int(d / w.unit)) }

func work(units int) {
	var block [512]byte
	for range units {
		sum := sha256.Sum256(block[:])
		copy(block[:], sum[:])
	}
}
