package suggest

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"", "abc"}: 3, {"abc", ""}: 3, {"shop", "shop"}: 0, {"shop", "ship"}: 1, {"shop", "sho"}: 1,
		{"kitten", "sitting"}: 3, {strings.Repeat("a", 101), "a"}: 100, {"a", strings.Repeat("a", 1<<20)}: 100,
	} {
		if got := distance(pair[0], pair[1]); got != want {
			t.Errorf("%.20q, %.20q: %d, want %d", pair[0], pair[1], got, want)
		}
	}
}

func TestClosest(t *testing.T) {
	names := []string{"shop-bb", "Shop-b", "supplier"}
	for word, want := range map[string]string{"shop-a": "Shop-b", "suplier": "supplier", "payment": "", "": ""} {
		if got := Closest(word, names, 2, strings.ToLower); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
