package tracer

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// refusing is a collector that takes nothing.
type refusing struct{ n int }

func (r *refusing) Append(*jaeger.Span) (int, error) { r.n++; return 0, nil }

func (r *refusing) Flush() (int, error) {
	n := r.n
	if r.n = 0; n == 0 {
		return 0, nil
	}
	return n, errors.New("no such host")
}

func (r *refusing) Close() error { return nil }

// booked is a tracer whose losses are told to the returned buffer.
func booked(to jaeger.Transport, queue int) (tr opentracing.Tracer, closeAll func(), told *bytes.Buffer, stats *Stats) {
	told, stats = new(bytes.Buffer), new(Stats)
	quiet := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	r := &reporter{sender: newSender(to, &books{
		stats: stats, queue: queue, logger: slog.New(slog.NewTextHandler(told, &slog.HandlerOptions{ReplaceAttr: quiet})),
	})}
	metrics := jaeger.NewNullMetrics()
	metrics.ReporterDropped = counter{&stats.Dropped}
	r.remote = jaeger.NewRemoteReporter(r.sender, jaeger.ReporterOptions.QueueSize(queue), jaeger.ReporterOptions.Metrics(metrics))
	tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), r)
	return tr, func() { closer.Close() }, told, stats
}

func TestLossesAreToldAtOnceThenOnceAMinuteAndTheRestAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, closeAll, told, stats := booked(new(refusing), 1000)
		for second := range 150 {
			tr.StartSpan("a").Finish()
			time.Sleep(time.Second)
			if second == 2 && strings.Count(told.String(), "\n") != 1 {
				t.Errorf("after %d seconds: %s", second, told)
			}
		}
		closeAll()
		const lost = `level=WARN msg="tracer: spans were lost" dropped=0 too_large=0 failed=`
		lines := strings.Split(strings.TrimSpace(told.String()), "\n")
		if len(lines) != 4 || lines[0] != lost+`1 error="no such host"` {
			t.Fatalf("told:\n%s", told)
		}
		if lines[1] != lost+`60 error="no such host"` || stats.Failed.Load() != 150 {
			t.Errorf("of %d told:\n%s", stats.Failed.Load(), told)
		}
	})
}

func TestWhereNothingIsLostNothingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, closeAll, told, stats := booked(new(hanging), 1000)
		for range 10 {
			tr.StartSpan("a").Finish()
			time.Sleep(time.Second)
		}
		closeAll()
		if told.Len() > 0 || stats.Sent.Load() != 10 {
			t.Errorf("%d sent, told: %s", stats.Sent.Load(), told)
		}
	})
}

func TestWhatTheQueueDropsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, closeAll, told, stats := booked(new(hanging), 10)
		for range 200 { // the first hundred are sent, which takes five seconds
			tr.StartSpan("a").Finish()
			if stats.Dropped.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		closeAll()
		if n := stats.Dropped.Load(); n == 0 || n+stats.Sent.Load() != 200 || !strings.Contains(told.String(), "dropped=") {
			t.Errorf("%d dropped, %d sent, told: %s", n, stats.Sent.Load(), told)
		}
	})
}

type panicking struct{ slog.Handler }

func TestALoggerThatPanicsHurtsNobody(t *testing.T) {
	b := &books{stats: new(Stats), logger: slog.New(panicking{})}
	b.failed(1, errors.New("e"))
	b.tell(false)
	b.tell(true)
}
