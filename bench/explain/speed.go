package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/trace"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace/explain"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// speeds are how fast execution traces are explained.
type speeds []speedRow

type speedRow struct {
	Name   string
	Bytes  int64
	Events int
	Spans  int
	Took   time.Duration // to read the execution trace, and to explain all gaps
	Memory int64         // bytes: the most resident memory of a process that does only this
}

// The size of the execution traces, and the goals.
const (
	speedBytes   = 100_000_000
	speedPace    = 10_000_000  // bytes a second: those of a busy program
	goalEvents   = 700_000     // a second
	goalMemory   = 200_000_000 // bytes
	speedWorkers = 64
)

// speedKinds are requests that differ in what happens for each span.
var speedKinds = []struct {
	name     string
	handOffs int
}{
	{"100 hand-offs a request", 100},
	{"5 hand-offs a request", 5},
}

func measureSpeed(progress io.Writer) (speeds, error) { return measureSpeeds(speedBytes, progress) }

func measureSpeeds(size int64, progress io.Writer) (rows speeds, err error) {
	dir, err := os.MkdirTemp("", "gaptrace-explain-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for _, kind := range speedKinds {
		fmt.Fprintf(progress, "speed: %s\n", kind.name)
		name := filepath.Join(dir, "trace.out")
		if err := writeTrace(name, size, kind.handOffs); err != nil {
			return nil, err
		}
		row := speedRow{Name: kind.name}
		reader, err := startChild(asReader, name)
		if err != nil {
			return nil, err
		}
		_, err = fmt.Fscanln(reader.out, &row.Bytes, &row.Events, &row.Spans, &row.Took, &row.Memory)
		reader.stop()
		if err != nil {
			return nil, fmt.Errorf("child process: %w", err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// counter counts what is written.
type counter struct {
	io.Writer
	n atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// writeTrace records requests until the execution trace has the size. The reader holds a second of
// it in memory, so the pace matters.
func writeTrace(name string, size int64, handOffs int) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	t, closer, err := openTracer(tracer.WithExecutionTrace())
	if err != nil {
		return err
	}
	defer closer.Close()
	written := &counter{Writer: f}
	if err := trace.Start(written); err != nil {
		return err
	}
	defer trace.Stop()
	defer startClocks()()
	start := time.Now()
	var all sync.WaitGroup
	for range speedWorkers {
		all.Go(func() {
			to, back := make(chan int), make(chan int)
			defer close(to)
			go func() {
				for x := range to {
					back <- x
				}
			}()
			for written.n.Load() < size {
				if written.n.Load() > int64(time.Since(start).Seconds()*speedPace) {
					time.Sleep(time.Millisecond)
				}
				makeSpans(t, func() {
					for i := range handOffs {
						to <- i
						<-back
					}
				})
			}
		})
	}
	all.Wait()
	return nil
}

// makeSpans makes a request with a call.
func makeSpans(t opentracing.Tracer, work func()) {
	request := t.StartSpan("request", ext.SpanKindRPCServer)
	work()
	t.StartSpan("call", opentracing.ChildOf(request.Context()), ext.SpanKindRPCClient).Finish()
	request.Finish()
}

// speedReader is the child process that explains an execution trace.
func speedReader(arguments []string, _ io.Reader, stdout io.Writer) error {
	f, err := os.Open(arguments[0])
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	ready(stdout)
	start := time.Now()
	recording, err := explain.Read(f, explain.Options{})
	if err != nil {
		return err
	}
	spans := 0
	for _, one := range recording.Traces() {
		built, _ := gap.Build(one)
		spans += recording.Explain(built).Len()
	}
	took := time.Since(start)
	_, err = fmt.Fprintln(stdout, info.Size(), recording.Events(), spans, int64(took), peakMemory())
	return err
}

// peakMemory returns the most resident memory that this process had. If it is not known, it returns
// what Go's runtime has from the system.
func peakMemory() int64 {
	text, _ := os.ReadFile("/proc/self/status") // only Linux has it
	for line := range strings.Lines(string(text)) {
		var kB int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kB); n == 1 {
			return kB << 10
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys)
}

// Rate returns the events explained in a second.
func (r *speedRow) Rate() float64 { return float64(r.Events) / r.Took.Seconds() }

func (r speedRow) String() string {
	return fmt.Sprintf("%s: %.0f MB, %.1f million events, %d spans:"+
		" %.2f million events a second (goal: %.1f), %.0f MB of memory (goal: %.0f)",
		r.Name, float64(r.Bytes)/1e6, float64(r.Events)/1e6, r.Spans,
		r.Rate()/1e6, goalEvents/1e6, float64(r.Memory)/1e6, goalMemory/1e6)
}

func (s speeds) print(w io.Writer) error {
	for _, row := range s {
		if _, err := fmt.Fprintln(w, row); err != nil {
			return err
		}
	}
	return nil
}
