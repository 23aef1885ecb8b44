// Package suites runs the test suites of other projects, raw and through the wrappers:
// go-elasticsearch, elastic-transport-go, go-sql-driver/mysql and net/http's reverse proxy.
//
// Each suite is copied, edited so that its calls pass a wrapper, compiled once, and run twice. The
// results must be the same. The command
//
//	go test -v ./internal/interop/suites
//
// prints each suite's results, how many spans it drew, and how long it took.
//
// It is a package of its own so that it runs next to the tests of internal/interop, and has go
// test's time limit for itself.
package suites
