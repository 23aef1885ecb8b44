package interop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/trace"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	exptrace "golang.org/x/exp/trace"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/gap"
	gapmark "github.com/gaptrace/gaptrace/gap/mark"
	"github.com/gaptrace/gaptrace/tracer"
)

// logEvent is a log event of an execution trace.
type logEvent struct {
	category, message string
	goroutine         exptrace.GoID
}

// logsOf records an execution trace while f runs, and returns the log events in it.
func logsOf(t *testing.T, f func()) (logs []logEvent) {
	t.Helper()
	var recorded bytes.Buffer
	if err := trace.Start(&recorded); err != nil {
		t.Skipf("skipped: %v", err)
	}
	f()
	trace.Stop()
	r, err := exptrace.NewReader(&recorded)
	if err != nil {
		t.Fatal(err)
	}
	for {
		event, err := r.ReadEvent()
		if errors.Is(err, io.EOF) {
			return logs
		}
		if err != nil {
			t.Fatal(err)
		}
		if event.Kind() == exptrace.EventLog {
			l := event.Log()
			logs = append(logs, logEvent{l.Category, l.Message, event.Goroutine()})
		}
	}
}

// drip returns a server that sends a body in five pieces. Each is sent a while after next is
// received, so that every read has to wait.
func drip(t *testing.T, next <-chan struct{}) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		for range 5 {
			<-next
			time.Sleep(3 * time.Millisecond)
			fmt.Fprint(w, strings.Repeat("x", 100))
			w.(http.Flusher).Flush()
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// The marks alone give the gaps that the Recorder's spans give, with later waits and joined time.
func TestMarksGiveTheGaps(t *testing.T) {
	recorder := tracer.NewRecorder(0)
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(recorder), tracer.WithExecutionTrace())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	next := make(chan struct{}, 100)
	server := drip(t, next)
	client := nethttp.WrapClient(&http.Client{}, gaptrace.WithTracer(tr), gaptrace.WithMaxWaits(2))
	defer client.CloseIdleConnections()

	logs := logsOf(t, func() {
		root := tr.StartSpan("GET /cart", ext.SpanKindRPCServer)
		defer root.Finish()
		ctx := opentracing.ContextWithSpan(context.Background(), root)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Error(err)
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		for buf := make([]byte, 100); err == nil; time.Sleep(time.Millisecond) {
			next <- struct{}{}
			_, err = resp.Body.Read(buf)
		}
	})
	process := &gap.Process{Service: "shop"}
	var marked []gap.Span
	for _, l := range logs {
		if l.category != gapmark.Category {
			continue
		}
		m, err := gapmark.Parse(l.message)
		if err != nil {
			t.Fatal(err)
		}
		marked = append(marked, m.Span(process))
	}
	recorded := recorder.Traces()[0]
	got, want := gapsOf(t, marked), gapsOf(t, recorded)
	if got != want {
		t.Errorf("by marks:\n%s\nby the Recorder:\n%s", got, want)
	}
	waits := slices.ContainsFunc(marked, func(s gap.Span) bool { return len(s.References) == 2 })
	joined := slices.ContainsFunc(marked, func(s gap.Span) bool {
		_, has := s.Tag("wait.joined_us")
		return has
	})
	if !waits || !joined {
		t.Errorf("later waits %v, joined time %v: the test needs both:\n%s", waits, joined, want)
	}
}

func gapsOf(t *testing.T, spans []gap.Span) string {
	t.Helper()
	built, warnings := gap.Build(spans)
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	var text strings.Builder
	for n := range built.Nodes() {
		fmt.Fprintf(&text, "%*s%s %v, self time %v, critical %v\n", 2*n.Depth(), "", n.Span().Operation, n.Duration(),
			n.SelfTime(), n.CriticalTime())
		for g := range n.Gaps(0) {
			fmt.Fprintf(&text, "%*s  gap %v, %v to %v, %v, joined %v, critical %v\n", 2*n.Depth(), "", g.Class,
				g.Start, g.End, g.Time, g.Joined(), g.CriticalTime)
		}
	}
	return text.String()
}

// A mark is on the goroutine that finishes the span, not on the one that started it.
func TestMarkIsOnFinishingGoroutine(t *testing.T) {
	tr, closer, err := tracer.New("shop", tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithExecutionTrace())
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	logs := logsOf(t, func() {
		span := tr.StartSpan("a")
		trace.Log(context.Background(), "test", "starts")
		done := make(chan struct{})
		go func() {
			defer close(done)
			trace.Log(context.Background(), "test", "finishes")
			span.Finish()
		}()
		<-done
	})
	on := map[string]exptrace.GoID{}
	for _, l := range logs {
		if l.category == gapmark.Category {
			l.message = "mark"
		}
		on[l.message] = l.goroutine
	}
	if len(on) != 3 || on["mark"] != on["finishes"] || on["mark"] == on["starts"] {
		t.Errorf("goroutines %v", on)
	}
}
