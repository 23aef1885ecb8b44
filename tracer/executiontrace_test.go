package tracer_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime/trace"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/mark"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// marksOf records an execution trace while f runs, and returns the marks in it in any order.
func marksOf(t *testing.T, f func()) (marks []mark.Mark) {
	t.Helper()
	var recorded bytes.Buffer
	if err := trace.Start(&recorded); err != nil {
		t.Skipf("skipped: %v", err)
	}
	f()
	trace.Stop()
	return marksIn(t, recorded.Bytes())
}

// marksIn finds messages, each after its length as a varint. internal/interop parses the trace.
func marksIn(t *testing.T, text []byte) (marks []mark.Mark) {
	t.Helper()
	for at := 0; ; at++ {
		next := bytes.Index(text[at:], []byte("v1 "))
		if next < 0 {
			return marks
		}
		at += next
		size := int(text[at-1])
		if size < 32 { // the second byte of the length
			size = size<<7 | int(text[at-2]&0x7f)
		}
		m, err := mark.Parse(string(text[at:min(at+size, len(text))]))
		if err != nil {
			t.Fatal(err)
		}
		marks = append(marks, m)
	}
}

func TestExecutionTraceHasSpans(t *testing.T) {
	setenv(t)
	r := tracer.NewRecorder(0)
	tr, _ := open(t, tracer.WithRecorder(r), tracer.WithExecutionTrace())
	marks := marksOf(t, func() {
		root := tr.StartSpan("GET /cart", ext.SpanKindRPCServer)
		call := tr.StartSpan("HTTP GET", opentracing.ChildOf(root.Context()), ext.SpanKindRPCClient)
		call.SetTag("error", true).SetTag("wait.joined_us", int64(120)).SetTag("db.statement", "SELECT 'secret'")
		wait := tr.StartSpan("HTTP GET wait", opentracing.ChildOf(root.Context()), opentracing.FollowsFrom(call.Context()))
		call.Finish()
		wait.Finish()
		root.Finish()
	})
	recorded := r.Traces()[0]
	if len(marks) != len(recorded) {
		t.Fatalf("%d marks of %d spans", len(marks), len(recorded))
	}
	for _, want := range recorded {
		i := slices.IndexFunc(marks, func(m mark.Mark) bool { return m.SpanID == want.SpanID })
		if i < 0 {
			t.Fatalf("%s has no mark", want.Operation)
		}
		got := marks[i].Span(want.Process)
		if want.Tags = slices.DeleteFunc(slices.Clone(want.Tags), isOtherTag); marks[i].Service != "shop" ||
			fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("service %q\ngot  %+v\nwant %+v", marks[i].Service, got, want)
		}
	}
}

// isOtherTag reports whether a mark does not have the tag.
func isOtherTag(f gap.Field) bool {
	return !slices.Contains([]string{"span.kind", "error", "wait.joined_us"}, f.Key)
}

func TestFlightRecorderHasMarks(t *testing.T) {
	setenv(t)
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithExecutionTrace())
	flight := trace.NewFlightRecorder(trace.FlightRecorderConfig{})
	if err := flight.Start(); err != nil {
		t.Skipf("skipped: %v", err)
	}
	defer flight.Stop()
	tr.StartSpan("a").Finish()
	var recorded bytes.Buffer
	if _, err := flight.WriteTo(&recorded); err != nil {
		t.Fatal(err)
	}
	if marks := marksIn(t, recorded.Bytes()); len(marks) != 1 || marks[0].Operation != "a" {
		t.Errorf("%+v", marks)
	}
}

// Recorder, logger and collector also get the span.
func TestExecutionTraceKeepsReporters(t *testing.T) {
	c := startCollector(t)
	setenv(t, "JAEGER_REPORTER_LOG_SPANS=true")
	r := tracer.NewRecorder(0)
	var logged bytes.Buffer
	tr, closer := open(t, tracer.WithExecutionTrace(), tracer.WithRecorder(r), tracer.WithCollector(c.URL),
		tracer.WithLogger(slog.New(slog.NewTextHandler(&logged, nil))))
	marks := marksOf(t, func() { tr.StartSpan("a").Finish() })
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if len(marks) != 1 || len(r.Traces()) != 1 || len(c.spans()) != 1 || strings.Count(logged.String(), "\n") != 1 {
		t.Errorf("%d marks, %d recorded, %d sent, logged %q", len(marks), len(r.Traces()), len(c.spans()), &logged)
	}
}

func TestExecutionTraceHasNoMark(t *testing.T) {
	for name, test := range map[string]struct {
		env  string
		opts []tracer.Option
	}{
		"without the option": {env: "JAEGER_SAMPLER_PARAM=1"},
		"not sampled":        {env: "JAEGER_SAMPLER_PARAM=0", opts: []tracer.Option{tracer.WithExecutionTrace()}},
		"disabled":           {env: "JAEGER_DISABLED=true", opts: []tracer.Option{tracer.WithExecutionTrace()}},
	} {
		t.Run(name, func(t *testing.T) {
			setenv(t, "JAEGER_SAMPLER_TYPE=const", test.env)
			tr, _ := open(t, append(test.opts, tracer.WithRecorder(tracer.NewRecorder(0)))...)
			if marks := marksOf(t, func() { tr.StartSpan("a").Finish() }); len(marks) != 0 {
				t.Errorf("%+v", marks)
			}
		})
	}
}

func TestExecutionTraceOfSpanFinishedTwiceOrAfterClose(t *testing.T) {
	setenv(t)
	tr, closer := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithExecutionTrace())
	marks := marksOf(t, func() {
		span := tr.StartSpan("twice")
		span.Finish()
		span.Finish()
		late := tr.StartSpan("late")
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
		late.Finish()
	})
	operations := map[string]int{}
	for _, m := range marks {
		operations[m.Operation]++
	}
	if len(marks) != 3 || operations["twice"] != 2 || operations["late"] != 1 {
		t.Errorf("marks %v", operations)
	}
}

// A program may still write to a span while another goroutine finishes it.
func TestExecutionTraceOfConcurrentSpans(t *testing.T) {
	setenv(t)
	tr, _ := open(t, tracer.WithRecorder(tracer.NewRecorder(0)), tracer.WithExecutionTrace())
	const goroutines, each = 8, 50
	marks := marksOf(t, func() {
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() {
				for range each {
					span := tr.StartSpan("a")
					all.Go(func() { span.SetTag("error", true).SetOperationName("b") })
					span.Finish()
				}
			})
		}
		all.Wait()
	})
	spans := map[gap.SpanID]bool{}
	for _, m := range marks {
		spans[m.SpanID] = true
	}
	if len(marks) != goroutines*each || len(spans) != len(marks) {
		t.Errorf("%d marks of %d spans", len(marks), len(spans))
	}
}
