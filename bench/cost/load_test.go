package main

import (
	"slices"
	"testing"
	"time"
)

func TestTurnsVary(t *testing.T) {
	n := len(variants())
	turns := turnsOf(n)
	follows := map[[2]int]int{} // how often one follows another
	const rounds = 40
	for range rounds {
		order := turns()
		if !slices.Equal(slices.Sorted(slices.Values(order)), []int{0, 1, 2, 3}) {
			t.Fatalf("order %v", order)
		}
		for i, v := range order[1:] {
			follows[[2]int{order[i], v}]++
		}
	}
	for a := range n {
		for b := range n {
			if times := follows[[2]int{a, b}]; a != b && (times == 0 || times > rounds/2) {
				t.Errorf("service %d follows %d in %d of %d rounds", b, a, times, rounds)
			}
		}
	}
}

func TestLoadServices(t *testing.T) {
	var rounds []int
	loaded, err := loadServices(2, 20*time.Millisecond, func(round int) { rounds = append(rounds, round) })
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rounds, []int{-1, 0, 1}) {
		t.Errorf("rounds %v", rounds)
	}
	for i, l := range loaded {
		if l.Name != variants()[i].Name || l.Throughput.Low <= 0 || l.P99.Low <= 0 || l.CPU.Low <= 0 ||
			l.OfRaw.Low <= 0 {
			t.Errorf("%+v", l)
		}
	}
	if len(loaded) != len(variants()) || loaded[0].OfRaw != (spread{1, 1, 1}) {
		t.Errorf("%+v", loaded)
	}
}
