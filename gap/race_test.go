//go:build race

package gap_test

const million = 100_000 // ten times slower under the race detector
