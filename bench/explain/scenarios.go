package main

import (
	"runtime"
	"slices"
	"time"
)

// scenario is one thing that a program does in a gap.
type scenario struct {
	name  string
	about string
	truth string // how the truth is known, and its own error if that matters
	why   string // why the mean error may exceed the goal

	short bool // -short measures it

	// skip returns why the scenario cannot be measured here, or "".
	skip func() string

	// open returns what the handler does in each gap in addition to using CPU time.
	open func(*stage) (*opened, error)

	atOnce int           // concurrent requests; 0 for one
	few    bool          // a request takes seconds, so only a quarter of the requests are made
	window time.Duration // a flight recorder with this MinAge records, and each request has a recording
}

// opened is a scenario that is ready for requests.
type opened struct {
	op      func(*request, time.Duration) error
	handle  func(*request) error // instead of op
	prepare func(*request)       // before the span starts
	close   func()

	// serve starts the span, calls work, and finishes the span. It is for spans that the request's own
	// goroutine does not start and finish.
	serve func(r *request, work func() error) error
}

// scenarios returns all scenarios, in the order of the report.
func scenarios() []scenario {
	all := slices.Clone(cpuScenarios)
	all = append(all, waitScenarios...)
	all = append(all, networkScenarios...)
	all = append(all, busyScenarios...)
	return append(all, spanScenarios...)
}

func burnMore(r *request, d time.Duration) error {
	r.burn(d)
	return nil
}

func onlyBurn(*stage) (*opened, error) { return &opened{op: burnMore}, nil }

var processors = runtime.GOMAXPROCS(0)
