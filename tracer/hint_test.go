package tracer

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/clients"
	"github.com/gaptrace/gaptrace/internal/uncovered"
)

func TestHint(t *testing.T) {
	var log bytes.Buffer
	linked := []uncovered.Linked{
		{Library: clients.ByPath("github.com/go-redis/redis/v8"), Module: "github.com/go-redis/redis/v8", Version: "v8.11.5"},
		{Library: clients.ByPath("github.com/IBM/sarama"), Module: "github.com/IBM/sarama", Version: "v1.46.0"},
	}
	for name, test := range map[string]struct {
		linked []uncovered.Linked
		want   string // of the log, or "" for none
	}{
		"all are wrapped": {nil, ""},
		"two are not": {linked, "level=INFO msg=\"tracer: no client of these linked libraries was wrapped, " +
			"so their calls would look like the program's work\" libraries=\"[" +
			"go-redis v8 (github.com/go-redis/redis/v8 v8.11.5): wrap its clients with github.com/gaptrace/gaptrace/contrib/redis " +
			"Sarama (github.com/IBM/sarama v1.46.0): start a span of your own around each call]\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			h := newHint(slog.New(slog.NewTextHandler(&log, nil)))
			h.unwrapped = func() []uncovered.Linked { return test.linked }
			h.give()
			h.give()
			_, got, _ := strings.Cut(log.String(), " ") // without the time
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	t.Run("without a logger is not looked for", func(t *testing.T) {
		newHint(nil).give()
	})
	t.Run("survives a logger that panics", func(t *testing.T) {
		h := newHint(slog.New(panicking{}))
		h.unwrapped = func() []uncovered.Linked { return linked }
		h.give()
	})
}

type tracing struct {
	slog.Handler
	hint *hint
}

func (l *tracing) Enabled(context.Context, slog.Level) bool { return true }

func (l *tracing) Handle(context.Context, slog.Record) error {
	l.hint.give()
	return nil
}

// A logger's handler may record spans.
func TestHintInsideTheHint(t *testing.T) {
	l := new(tracing)
	l.hint = newHint(slog.New(l))
	l.hint.unwrapped = func() []uncovered.Linked {
		return []uncovered.Linked{{Library: clients.ByPath("github.com/IBM/sarama")}}
	}
	l.hint.give()
}

// With a Recorder alone, the hint comes with the first span. With a collector, it comes from the
// goroutine that sends.
func TestHintIsGivenAtTheFirstSpan(t *testing.T) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "JAEGER_") {
			t.Setenv(name, "")
		}
	}
	for name, opts := range map[string][]Option{
		"recorder":  {WithRecorder(NewRecorder(0))},
		"collector": {WithCollector("http://localhost:1")},
	} {
		t.Run(name, func(t *testing.T) {
			given := 0
			old := unwrapped
			unwrapped = func() []uncovered.Linked { given++; return nil }
			defer func() { unwrapped = old }()
			tr, closer, err := New("shop", append(opts, WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))...)
			if err != nil {
				t.Fatal(err)
			}
			if given > 0 {
				t.Error("given before the first span")
			}
			tr.StartSpan("one").Finish()
			tr.StartSpan("two").Finish()
			closer.Close() // after which the collector's goroutine has ended
			if given != 1 {
				t.Errorf("given %d times", given)
			}
		})
	}
}
