// Package suites runs the test suites of other projects, raw and wrapped: those of
// go-elasticsearch, elastic-transport-go, go-sql-driver/mysql and net/http's reverse proxy.
//
// Each suite is copied, edited so that its calls pass through a wrapper, compiled once, and run
// twice. Both runs must have the same results. The command
//
//	go test -v ./internal/interop/suites
//
// prints each suite's results, its number of spans, and its duration.
//
// It is a separate package so that it runs in parallel with the tests of internal/interop, and has
// its own time limit.
package suites
