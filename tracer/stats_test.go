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

// logging returns a tracer that logs its losses to a buffer.
func logging(to jaeger.Transport, queue int) (tr opentracing.Tracer, closeAll func(), logged *bytes.Buffer, stats *Stats) {
	logged, stats = new(bytes.Buffer), new(Stats)
	quiet := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	handler := slog.NewTextHandler(logged, &slog.HandlerOptions{ReplaceAttr: quiet})
	r := newTestReporter(to, &options{stats: stats, logger: slog.New(handler)}, queue)
	tr, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), r)
	return tr, func() { closer.Close() }, logged, stats
}

func TestLossesAreToldAtOnceThenOnceAMinuteAndTheRestAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, closeAll, logged, stats := logging(new(refusing), 1000)
		for second := range 150 {
			tr.StartSpan("a").Finish()
			time.Sleep(time.Second)
			if second == 2 && strings.Count(logged.String(), "\n") != 1 {
				t.Errorf("after %d seconds: %s", second, logged)
			}
		}
		closeAll()
		const lost = `level=WARN msg="tracer: spans were lost" dropped=0 too_large=0 failed=`
		lines := strings.Split(strings.TrimSpace(logged.String()), "\n")
		if len(lines) != 4 || lines[0] != lost+`1 error="no such host"` {
			t.Fatalf("logged:\n%s", logged)
		}
		if lines[1] != lost+`60 error="no such host"` || stats.Failed.Load() != 150 {
			t.Errorf("of %d logged:\n%s", stats.Failed.Load(), logged)
		}
	})
}

func TestWhereNothingIsLostNothingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, closeAll, logged, stats := logging(new(hanging), 1000)
		for range 10 {
			tr.StartSpan("a").Finish()
			time.Sleep(time.Second)
		}
		closeAll()
		if logged.Len() > 0 || stats.Sent.Load() != 10 {
			t.Errorf("%d sent, logged: %s", stats.Sent.Load(), logged)
		}
	})
}

func TestWhatTheQueueDropsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, closeAll, logged, stats := logging(new(hanging), 10)
		for range 200 { // the first hundred are sent, which takes five seconds
			tr.StartSpan("a").Finish()
			if stats.Dropped.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		closeAll()
		if n := stats.Dropped.Load(); n == 0 || n+stats.Sent.Load() != 200 || !strings.Contains(logged.String(), "dropped=") {
			t.Errorf("%d dropped, %d sent, logged: %s", n, stats.Sent.Load(), logged)
		}
	})
}

type panicking struct{ slog.Handler }

func TestALoggerThatPanicsHurtsNobody(t *testing.T) {
	d := newDelivery(&options{stats: new(Stats), logger: slog.New(panicking{})}, 1)
	d.failed(1, errors.New("e"))
	d.log(false)
	d.log(true)
}
