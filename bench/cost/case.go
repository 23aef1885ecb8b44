package main

import (
	"context"
	"net/http"
	"slices"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/opentracing/opentracing-go"
)

// Case is a call whose cost is measured. What it calls answers from memory, so that a wrapper's cost is not lost in the
// noise of a network.
type Case struct {
	Room, Name string
	Long       bool // the raw call takes so long that what is added is best told in percent of it

	// Make returns the call as p wraps it, with a client of its own, or nil where p covers no such library. A call that fails panics: a figure of
	// it would be of something else.
	Make func(p peer.Peer, at cleanup) func(context.Context)

	// Asked is the context of a call whose wrapper is the server's: its parent comes in these headers, and it needs none. It is
	// nil where the wrapper is a client's.
	Asked func(http.Header) context.Context

	// Carry is how a span made by hand reaches the server; nil where the protocol has no place for it.
	Carry func(context.Context, opentracing.Span) context.Context
}

// cleanup takes what is to be done when a client is no longer needed.
type cleanup func(func())

// of makes the call as p wraps it.
func (c Case) of(p peer.Peer) func(cleanup) func(context.Context) {
	return func(at cleanup) func(context.Context) { return c.Make(p, at) }
}

func (c Case) title() string { return c.Room + " " + c.Name }

// cases are all calls that are measured, room by room.
func cases() []Case {
	return slices.Concat(httpCases(), sqlCases(), redisCases(), elasticsearchCases(), grpcCases())
}

// State is what a call finds in its context.
type State int

// A call has no parent; or one that is not sampled, or one that is.
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
