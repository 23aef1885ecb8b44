package main

import (
	"context"
	"net/http"
	"slices"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/opentracing/opentracing-go"
)

// Case is a call whose cost is measured. The other side answers from memory, so that the cost of a
// wrapper is not lost in the noise of a network.
type Case struct {
	Library, Name string
	Long          bool // the raw call is so long that a percentage says more than nanoseconds
	Woven         bool // gaptrace build weaves the side of the call that is wrapped, and only that
	Waits         bool // the caller waits again after the answer, and its code has a stopwatch for that

	// Make returns the call as p wraps it, with a client of its own. It returns nil if p does not
	// wrap the library. A call that fails panics, because its cost would mean nothing.
	Make func(p peer.Peer, onClose cleanup) func(context.Context)

	// FromHeaders is set if the wrapper is a server's. It returns the context for a call whose
	// parent is in these headers.
	FromHeaders func(http.Header) context.Context

	// Carry puts a span made by hand into the request. It is nil if the protocol has no place for
	// it.
	Carry func(context.Context, opentracing.Span) context.Context
}

// cleanup registers a function to call when a client is no longer needed.
type cleanup func(func())

// wrappedBy returns Make for p.
func (c Case) wrappedBy(p peer.Peer) func(cleanup) func(context.Context) {
	return func(onClose cleanup) func(context.Context) { return c.Make(p, onClose) }
}

func (c Case) title() string { return c.Library + " " + c.Name }

// cases returns all calls that are measured, library by library.
func cases() []Case {
	return slices.Concat(httpCases(), sqlCases(), redisCases(), elasticsearchCases(), grpcCases())
}

// State is the parent that a call finds in its context.
type State int

// A call has no parent, an unsampled parent, or a sampled one.
const (
	NoParent State = iota
	Unsampled
	Sampled
	states
)

func (s State) String() string { return [...]string{"no parent", "unsampled", "sampled"}[s] }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}
