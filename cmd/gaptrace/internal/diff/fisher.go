package diff

// fisher returns the p-value of Fisher's exact test, two-sided: how likely it is that k1 of n1 and
// k2 of n2 differ this much or more, if both come from the same source.
//
// The number of hits among the first n1, if all hits k1+k2 are distributed at random, has the
// hypergeometric distribution. Its terms follow from each other, so they are added from the most
// likely one outwards until they no longer matter.
func fisher(k1, n1, k2, n2 int64) float64 {
	k := k1 + k2
	low, high := max(0, k-n2), min(k, n1)
	up := func(x int64) float64 { // the term of x+1, divided by that of x
		return float64(k-x) / float64(x+1) * (float64(n1-x) / float64(n2-k+x+1))
	}
	mode := min(max(int64(float64(k+1)*float64(n1+1)/float64(n1+n2+2)), low), high)
	const negligible = 1e-20
	observed := 0.0 // the term of k1, relative to the mode's
	var terms []float64
	for x, term := mode, 1.0; term > negligible; x++ {
		terms = append(terms, term)
		if x == k1 {
			observed = term
		}
		if x == high {
			break
		}
		term *= up(x)
	}
	for x, term := mode, 1.0; x > low; {
		x--
		if term /= up(x); term <= negligible {
			break
		}
		terms = append(terms, term)
		if x == k1 {
			observed = term
		}
	}
	var sum, extreme float64
	for _, term := range terms {
		sum += term
		if term <= observed*(1+1e-9) { // equal terms differ by rounding
			extreme += term
		}
	}
	return min(1, extreme/sum)
}

// fisherAtBest returns the lowest p-value that fisher can return for k hits in all. If it is high,
// as for a place that occurs in one trace or in every trace, the test can find nothing.
func fisherAtBest(k, n1, n2 int64) float64 {
	low, high := max(0, k-n2), min(k, n1)
	return min(fisher(low, n1, k-low, n2), fisher(high, n1, k-high, n2))
}
