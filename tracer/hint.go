package tracer

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/gaptrace/gaptrace/internal/uncovered"
)

// hint logs, once, which client libraries the program links without having wrapped a client. It is
// given at the first span, since programs make their clients before they serve requests.
type hint struct {
	logger    *slog.Logger
	unwrapped func() []uncovered.Linked
	given     atomic.Bool
}

// newHint returns nil if l is nil.
func newHint(l *slog.Logger) *hint {
	if l == nil {
		return nil
	}
	return &hint{logger: l, unwrapped: unwrapped}
}

// unwrapped is a variable for tests.
var unwrapped = uncovered.Unwrapped

// give gives the hint, unless it was given. No other goroutine waits for the logger. The logger's
// handler may itself finish a span, and if it panics, that must not end the program.
func (h *hint) give() {
	if h != nil && !h.given.Load() && h.given.CompareAndSwap(false, true) {
		defer func() { _ = recover() }()
		h.log()
	}
}

func (h *hint) log() {
	var libraries []string
	for _, l := range h.unwrapped() {
		libraries = append(libraries, l.Name+" ("+l.Module+" "+l.Version+"): "+l.Advice())
	}
	if len(libraries) > 0 {
		h.logger.LogAttrs(context.Background(), slog.LevelInfo,
			"tracer: no client of these linked libraries was wrapped, so their calls would look like the program's work",
			slog.Any("libraries", libraries))
	}
}
