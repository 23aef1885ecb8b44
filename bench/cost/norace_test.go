//go:build !race

package main

import (
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
)

// With the race detector, pools drop items at random, which adds allocations.
func TestAllocationBounds(t *testing.T) {
	tracers := inMemory()
	defer tracers.close()
	var all []*measured
	for _, c := range cases() {
		all = append(all, open(c, tracers, []peer.Peer{named(rawName), named(ourName)}))
	}
	check(run(all, plan{Rounds: 3, Batch: time.Millisecond, Chunk: 32}, func(int) error { return nil }))
	if err := exceeded(all); err != nil {
		t.Error(err)
	}
}
