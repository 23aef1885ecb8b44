//go:build !race

package gap_test

const million = 1_000_000
