package main

import (
	"fmt"
	"slices"
	"strings"
)

// bounds are how many allocations a wrapped call may make beyond the raw one, by case and state. They are those that were
// counted when the bound was written down: one more is to be noticed, and to be allowed only where it bought something.
var bounds = map[string][states]float64{
	"net/http GET, 100 bytes": {0, 10, 30},
	// Unsampled: one is for a writer that is not net/http's, whose abilities must not depend on sampling.
	"net/http server, 100 bytes":                    {28, 22, 30},
	"database/sql exec":                             {0, 1, 12},
	"database/sql query, 1 row":                     {0, 1, 15},
	"database/sql transaction: begin, exec, commit": {0, 4, 35},
	"database/sql exec, WrapDB":                     {0, 2, 14},
	"database/sql query, 1 row, WrapDB":             {0, 2, 17},
	"go-redis GET":                                  {0, 1, 15},
	"go-redis pipeline of 100 GETs":                 {0, 1, 16},
	"go-elasticsearch search":                       {0, 2, 31},
	"go-elasticsearch bulk of 100":                  {0, 2, 31},
	"grpc unary call, client":                       {0, 16, 33},
	"grpc unary call, server":                       {27, 28, 29},
	// Whoever loses the CPU in one of many reads has waited: the scheduler decides how many waits there are, of 32.
	"net/http GET, 10 MB":            {0, 10, 31 + 31*perWait},
	"database/sql query, 1,000 rows": {0, 1, 16 + 31*perWait},
	// Of the 14,000 of a raw one some are grpc's pools'.
	"grpc stream of 1,000 messages, client": {20, 40, 40 + 31*perWait},
	"grpc stream of 1,000 messages, server": {40 + 31*perWait, 40, 40 + 31*perWait},
}

// perWait is how often a wait that is drawn allocates.
const perWait = 9

// slack is for what is allocated once in many calls, such as what a pool lost to the collector.
const slack = 0.5

// exceeded names the cases in which ours allocates more than it may.
func exceeded(all []*measured) error {
	var over []string
	for _, m := range all {
		bound, known := bounds[m.title()]
		if !known {
			over = append(over, m.title()+": no bound is written down")
			continue
		}
		for s, allowed := range bound {
			ours, raw := m.find(ourName, State(s)), m.find(rawName, State(s))
			// The least of all rounds: what the runtime does beside, in one of them, is nobody's.
			if n := slices.Min(ours.allocs) - slices.Min(raw.allocs); n > allowed+slack {
				over = append(over, fmt.Sprintf("%s, %v: %.1f allocations over raw, allowed are %.0f", m.title(), State(s), n, allowed))
			}
		}
	}
	if over != nil {
		return fmt.Errorf("gaptrace allocates more than is written down in bench/cost/bounds.go:\n%s", strings.Join(over, "\n"))
	}
	return nil
}
