//go:build race

package gap_test

const million = 100_000 // the race detector makes all ten times as slow
