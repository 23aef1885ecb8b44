package main

import (
	"fmt"
	"slices"
	"strings"
)

// bounds are how many allocations a call by gaptrace may make in addition to the raw one's, by case
// and state. They are what was counted, so that one more allocation is noticed. Raise a bound only
// if the allocation is worth it.
var bounds = map[string][states]float64{
	"net/http GET, 100 bytes": {0, 10, 21},
	// One unsampled allocation wraps a writer that is not net/http's: which interfaces it has must
	// not depend on sampling.
	"net/http server, 100 bytes":                    {24, 19, 23},
	"net/http GET by http.Transport":                {0, 10, 21},
	"net/http http.Server":                          {22, 18, 22},
	"database/sql exec":                             {0, 1, 5},
	"database/sql query, 1 row":                     {0, 1, 8},
	"database/sql transaction: begin, exec, commit": {0, 4, 17},
	"database/sql exec, WrapDB":                     {0, 2, 7},
	"database/sql query, 1 row, WrapDB":             {0, 2, 10},
	"go-redis GET":                                  {0, 1, 9},
	"go-redis pipeline of 100 GETs":                 {0, 1, 10},
	"go-elasticsearch search":                       {0, 2, 12},
	"go-elasticsearch search, each different":       {0, 2, 14},
	"go-elasticsearch bulk of 100":                  {0, 2, 16},
	"grpc unary call, client":                       {0, 16, 27},
	"grpc unary call, server":                       {25, 25, 25},
	// A goroutine that loses the CPU in a read has waited, so the number of waits, up to 32,
	// depends on the scheduler.
	"net/http GET, 10 MB":                                   {0, 10, 23 + 31*perWait},
	"database/sql query, 1,000 rows":                        {0, 1, 9 + 31*perWait},
	"database/sql query, 1,000 rows of go-sql-driver/mysql": {0, 1, 9 + 31*perWait},
	// Some of the raw call's 14,000 allocations vary with grpc's pools.
	"grpc stream of 1,000 messages, client": {20, 40, 40 + 31*perWait},
	"grpc stream of 1,000 messages, server": {40 + 31*perWait, 40, 40 + 31*perWait},
}

// perWait is the number of allocations for a wait with a span.
const perWait = 9

// slack is for allocations once in many calls, such as those of a pool that the collector emptied.
const slack = 0.5

// wovenSlack is how many more allocations a woven call may make than one with gaptrace's wrapper:
// one for each call of a transaction, whose context keeps it. Those of net/http's own connections
// vary.
const wovenSlack = 3

// allocsOver returns how many allocations c makes in addition to other's. The minimum of all rounds
// leaves out those of the runtime.
func (c *cell) allocsOver(other *cell) float64 {
	return slices.Min(c.allocs) - slices.Min(other.allocs)
}

// exceeded returns an error that names the cases in which gaptrace allocates more than bounds
// allow.
func exceeded(all []*measured) error {
	var over []string
	for _, m := range all {
		bound, known := bounds[m.title()]
		if !known {
			over = append(over, m.title()+": no bound in bench/cost/bounds.go")
			continue
		}
		for s, allowed := range bound {
			ours := m.find(ourName, State(s))
			if n := ours.allocsOver(m.find(rawName, State(s))); n > allowed+slack {
				over = append(over, fmt.Sprintf("%s, %v: %.1f allocations over raw, allowed %.0f",
					m.title(), State(s), n, allowed))
			}
			woven := m.find(wovenName, State(s))
			if woven != nil && !m.Long && woven.allocsOver(ours) > wovenSlack {
				over = append(over, fmt.Sprintf("%s, %v: woven, %.1f allocations over those of gaptrace's wrapper",
					m.title(), State(s), woven.allocsOver(ours)))
			}
		}
	}
	if over != nil {
		return fmt.Errorf("gaptrace allocates more than bench/cost/bounds.go allows:\n%s", strings.Join(over, "\n"))
	}
	return nil
}
