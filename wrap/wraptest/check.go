package wraptest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
)

// Client describes the client of a wrapper, for [Check]. C is the type that raw and wrapped clients
// share; it may be an interface, or a struct of functions.
type Client[C any] struct {
	// New returns a new raw client, with a library or server that answers the same each time. It
	// may use t.Cleanup. It runs in a bubble of testing/synctest: net.Pipe works there, but not a
	// connection of the network.
	New func(t *testing.T) C

	// Wrap wraps a client that New has returned.
	Wrap func(raw C, opts ...gaptrace.Option) C

	// Uses are all ways to use a client, by their names: each method, each error, a library that
	// panics, a result that is abandoned. A use must do the same each time.
	Uses map[string]func(s *Session, client C)

	// Secret is a text in what the uses send and get that no span may hold, or "".
	Secret string

	// Errors are the errors that the client's callers compare with errors.Is.
	Errors []error

	// Network is set if the client uses a real network. Then time is real, and the law of the gap
	// is not checked.
	Network bool
}

// Check checks the promises of a wrapper in each of c's uses. The package's documentation lists
// them.
func Check[C any](t *testing.T, c Client[C]) {
	t.Helper()
	recorded := 0
	for _, use := range slices.Sorted(maps.Keys(c.Uses)) {
		t.Run(use, func(t *testing.T) {
			problems, spans := c.check(t, c.Uses[use])
			for _, problem := range problems {
				t.Error(problem)
			}
			recorded += spans
		})
	}
	if recorded == 0 && !t.Failed() {
		t.Error("no use of the wrapped client records a span")
	}
}

// check returns the problems of a use, and how many spans it records under a parent.
func (c Client[C]) check(t *testing.T, use func(*Session, C)) (problems []string, recorded int) {
	for _, canceled := range []bool{false, true} {
		raw := c.run(t, use, &attempt{}, canceled)
		for _, s := range situations() {
			a := s.begin()
			wrapped := c.run(t, use, a, canceled)
			found := append(differences(raw.seen(), wrapped.seen()), a.end()...)
			if s.records {
				recorded += len(a.spans())
			}
			if s.exact && !c.Network {
				found = append(found, wrapped.gapProblems(a.spans())...)
			}
			found = append(found, secrets(a.spans(), c.Secret)...)
			for _, problem := range found {
				where := s.name
				if canceled {
					where += ", canceled context"
				}
				problems = append(problems, where+": "+problem)
			}
		}
	}
	return problems, recorded
}

// run uses a client once, raw if the attempt has no options.
func (c Client[C]) run(t *testing.T, use func(*Session, C), a *attempt, canceled bool) *Session {
	s := &Session{known: c.Errors, network: c.Network}
	in := func(t *testing.T) {
		if !c.Network {
			// It runs after the cleanups of New, so that the goroutines of a fake can end.
			t.Cleanup(func() { time.Sleep(time.Hour) })
		}
		s.ctx, s.cancel = context.WithCancel(a.context(t.Context()))
		defer s.cancel()
		if canceled {
			s.cancel()
		}
		client := c.New(t)
		if a.opts != nil {
			client = c.Wrap(client, a.opts...)
		}
		s.use(func() { use(s, client) })
	}
	if c.Network {
		in(t)
	} else {
		synctest.Test(t, in)
	}
	return s
}

// secrets returns the places in spans that hold the secret.
func secrets(spans []*Span, secret string) (problems []string) {
	if secret == "" {
		return nil
	}
	holds := func(value any) bool { return strings.Contains(fmt.Sprint(value), secret) }
	for _, s := range spans {
		if holds(s.Operation) {
			problems = append(problems, fmt.Sprintf("the name of span %q holds the secret", s.Operation))
		}
		for key, value := range s.Tags {
			if holds(key) || holds(value) {
				problems = append(problems, fmt.Sprintf("%s: the tag %s holds the secret: %v", s.Operation, key, value))
			}
		}
		for _, record := range s.Logs {
			for _, f := range record.Fields {
				if holds(f.Value()) {
					problems = append(problems,
						fmt.Sprintf("%s: the log field %s holds the secret: %v", s.Operation, f.Key(), f.Value()))
				}
			}
		}
	}
	return problems
}
