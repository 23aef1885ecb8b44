package main

import (
	"context"
	"io"
	"slices"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/internal/worktime"
)

// scenario is one way in which a handler waits.
type scenario struct {
	name   string
	about  string
	covers func(peer.Peer) bool

	// open makes the clients as the peer wraps them, and connects them. request is called once,
	// then done, which returns when all spans are finished.
	open func(on *stage, p peer.Peer, plan schedule) (request func(*measurement) error, done func(), err error)

	// collector enables garbage collection during a request. The time it takes from the handler is
	// "lost".
	collector bool
	// long is set if a request takes seconds. Only a quarter of the requests are made.
	long bool
	// short is set if -short measures the scenario.
	short bool
}

// scenarios returns all scenarios, in the order of the report.
func scenarios() []scenario {
	all := slices.Clone(httpScenarios)
	all = append(all, serverScenarios...)
	all = append(all, sqlScenarios...)
	all = append(all, redisScenarios...)
	all = append(all, elasticScenarios...)
	all = append(all, grpcScenarios...)
	return append(all, heavyScenarios...)
}

func coversHTTP(p peer.Peer) bool    { return p.HTTPClient != nil }
func coversServer(p peer.Peer) bool  { return p.HTTPHandler != nil }
func coversSQL(p peer.Peer) bool     { return p.SQL != nil }
func coversRedis(p peer.Peer) bool   { return p.Redis != nil }
func coversElastic(p peer.Peer) bool { return p.Elasticsearch != nil }
func coversGRPC(p peer.Peer) bool    { return p.GRPCClient != nil }

// misses returns the libraries that a peer does not wrap.
func misses(p peer.Peer) (names []string) {
	for _, library := range []struct {
		name   string
		covers func(peer.Peer) bool
	}{
		{"net/http client", coversHTTP},
		{"net/http server", coversServer},
		{"database/sql", coversSQL},
		{"go-redis", coversRedis},
		{"go-elasticsearch", coversElastic},
		{"gRPC", coversGRPC},
	} {
		if !library.covers(p) {
			names = append(names, library.name)
		}
	}
	return names
}

// controlScenario does only the work of a schedule. Its error is that of the machine and of the
// measurement.
var controlScenario = scenario{
	name: "control",
	open: func(on *stage, _ peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
		return func(m *measurement) error {
			return m.request(context.Background(), func(_ context.Context, _ *worktime.Clock) error {
				for _, s := range plan.steps {
					on.burn(s.work)
				}
				return nil
			})
		}, func() {}, nil
	},
}

// paused calls a library with the work clock paused.
func paused[T any](clock *worktime.Clock, call func() (T, error)) (T, error) {
	clock.Pause()
	defer clock.Resume()
	return call()
}

// pausedErr is paused for a call that returns only an error.
func pausedErr(clock *worktime.Clock, call func() error) error {
	clock.Pause()
	defer clock.Resume()
	return call()
}

// readPieces reads a body in pieces of one size and works after each. Then it reads the rest and
// closes the body.
func readPieces(on *stage, clock *worktime.Clock, body io.ReadCloser, size int, plan schedule) error {
	r := clock.Reader(body)
	piece := make([]byte, size)
	for _, s := range plan.steps {
		if _, err := io.ReadFull(r, piece); err != nil {
			return err
		}
		on.burn(s.work)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return pausedErr(clock, body.Close)
}

// noWork is the schedule for a body that is read without work.
var noWork schedule
