package diff

import (
	"math"
	"math/big"
	"testing"
)

// TestFisher compares with binomial coefficients of any size.
func TestFisher(t *testing.T) {
	choose := func(n, k int64) *big.Rat { return new(big.Rat).SetInt(new(big.Int).Binomial(n, k)) }
	exact := func(k1, n1, k2, n2 int64) float64 {
		probability := func(x int64) *big.Rat {
			p := new(big.Rat).Mul(choose(n1, x), choose(n2, k1+k2-x))
			return p.Quo(p, choose(n1+n2, k1+k2))
		}
		sum, observed := new(big.Rat), probability(k1)
		for x := max(0, k1+k2-n2); x <= min(k1+k2, n1); x++ {
			if p := probability(x); p.Cmp(observed) <= 0 {
				sum.Add(sum, p)
			}
		}
		p, _ := sum.Float64()
		return p
	}
	for n1 := range int64(9) {
		for n2 := range int64(9) {
			for k1 := range n1 + 1 {
				for k2 := range n2 + 1 {
					if got, want := fisher(k1, n1, k2, n2), exact(k1, n1, k2, n2); math.Abs(got-want) > 1e-9 {
						t.Fatalf("%d of %d, %d of %d: %v, want %v", k1, n1, k2, n2, got, want)
					}
				}
			}
		}
	}
	for _, c := range [][4]int64{{12, 300, 31, 280}, {0, 1000, 9, 900}, {500, 1000, 480, 1000}, {1000, 1000, 10, 1000}} {
		if got, want := fisher(c[0], c[1], c[2], c[3]), exact(c[0], c[1], c[2], c[3]); math.Abs(got-want) > 1e-9*want+1e-18 {
			t.Errorf("%v: %v, want %v", c, got, want)
		}
	}
	if got := fisher(0, 50_000_000, 1_000_000, 50_000_000); got > 1e-15 {
		t.Errorf("never, and in one of fifty: %v", got)
	}
}
