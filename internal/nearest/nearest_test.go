package nearest_test

import (
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/nearest"
)

func TestDistanceCountsLetters(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"", "abc"}: 3, {"abc", ""}: 3, {"shop", "shop"}: 0, {"shop", "ship"}: 1, {"shop", "sho"}: 1,
		{"kitten", "sitting"}: 3, {strings.Repeat("a", 101), "a"}: 100, {"a", strings.Repeat("a", 1<<20)}: 100,
	} {
		if got := nearest.Distance(pair[0], pair[1]); got != want {
			t.Errorf("%.20q, %.20q: %d, want %d", pair[0], pair[1], got, want)
		}
	}
}
