package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"slices"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	exptrace "golang.org/x/exp/trace"
)

// stage has what the scenarios share.
type stage struct {
	tracer  opentracing.Tracer
	closer  io.Closer
	echoes  *echoes
	seed    uint64
	n       int
	longest time.Duration
	keep    string // folder for the execution traces, or ""
}

func newStage(f *flags) (*stage, error) {
	t, closer, err := openTracer(tracer.WithExecutionTrace())
	if err != nil {
		return nil, err
	}
	s := &stage{tracer: t, closer: closer, seed: f.seed, n: f.requests, longest: 60 * time.Millisecond, keep: f.keep}
	if f.short {
		s.n, s.longest = min(s.n, 3), 20*time.Millisecond
	}
	s.echoes, err = openEchoes()
	return s, err
}

// openTracer opens a tracer that samples everything and sends nothing.
func openTracer(opts ...tracer.Option) (opentracing.Tracer, io.Closer, error) {
	for key, value := range map[string]string{"JAEGER_SAMPLER_TYPE": "const", "JAEGER_SAMPLER_PARAM": "1"} {
		if err := os.Setenv(key, value); err != nil {
			return nil, nil, err
		}
	}
	return tracer.New("bench", append(opts, tracer.WithRecorder(tracer.NewRecorder(1)))...)
}

func (on *stage) close() error {
	on.echoes.close()
	return on.closer.Close()
}

var errNoClock = errors.New("this system has no CPU clock for a thread: run bench/explain on Linux")

// measureAll measures the scenarios. If interrupted, it returns the results so far and an error.
func measureAll(all []scenario, f *flags, progress io.Writer) (*results, error) {
	if !hasThreadClock {
		return nil, errNoClock
	}
	// Only the scenario "garbage" is about the collector.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	on, err := newStage(f)
	if err != nil {
		return nil, err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)
	r := newResults(f.seed, on.n)
	for _, s := range all {
		select {
		case <-interrupted:
			return r, errors.New("interrupted")
		default:
		}
		fmt.Fprintln(progress, s.name)
		if s.skip != nil {
			if reason := s.skip(); reason != "" {
				r.Rows = append(r.Rows, &row{scenario: s, Skipped: reason})
				continue
			}
		}
		row, err := on.measure(s)
		if err != nil {
			return nil, fmt.Errorf("%s, seed %d: %w", s.name, f.seed, err)
		}
		row.compute()
		r.Rows = append(r.Rows, row)
	}
	return r, on.close()
}

// measure measures one scenario.
func (on *stage) measure(s scenario) (*row, error) {
	runtime.GC()
	o, err := s.open(on)
	if err != nil {
		return nil, err
	}
	if o.close != nil {
		defer o.close()
	}
	result := &row{scenario: s}
	n := on.n
	if s.few {
		n = max(1, n/4)
	}
	if s.window > 0 {
		for i := range n {
			recorded, requests, err := on.record(s, o, i, 1)
			if err == nil {
				err = result.explain(recorded, requests)
			}
			if err = errors.Join(err, on.save(s, recorded)); err != nil {
				return nil, err
			}
		}
		return result, nil
	}
	recorded, requests, err := on.record(s, o, 0, n)
	if err == nil {
		err = result.explain(recorded, requests)
	}
	return result, errors.Join(err, on.save(s, recorded))
}

// save writes the execution trace to the folder of -keep, if there is one.
func (on *stage) save(s scenario, recorded []byte) error {
	if on.keep == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(on.keep, s.name+".out"), recorded, 0o644)
}

// record records n requests. The first one has the number first.
func (on *stage) record(s scenario, o *opened, first, n int) (recorded []byte, requests []*request, err error) {
	var out bytes.Buffer
	stop := func() error {
		trace.Stop()
		return nil
	}
	if s.window > 0 {
		recorder := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: s.window})
		if err := recorder.Start(); err != nil {
			return nil, nil, err
		}
		stop = func() error {
			defer recorder.Stop()
			_, err := recorder.WriteTo(&out)
			return err
		}
	} else if err := trace.Start(&out); err != nil {
		return nil, nil, err
	}
	stopClocks := startClocks()
	var errs []error
	atOnce := max(1, s.atOnce)
	for i := 0; i < n; i += atOnce {
		var all sync.WaitGroup
		var mu sync.Mutex
		for j := range atOnce {
			r := on.request(s, first+i+j)
			requests = append(requests, r)
			if o.prepare != nil {
				o.prepare(r)
			}
			all.Go(func() {
				if err := o.run(r); err != nil {
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, err)
				}
			})
		}
		all.Wait()
	}
	if s.window == 0 {
		time.Sleep(untilClocks) // a program goes on, and so do the readings of its clocks
	}
	stopClocks()
	err = errors.Join(append(errs, stop())...)
	return out.Bytes(), requests, err
}

// request returns request i of a scenario. It depends only on the seed, the scenario and i.
func (on *stage) request(s scenario, i int) *request {
	name := fnv.New64a()
	name.Write([]byte(s.name))
	return &request{
		truth: newTruth(), tracer: on.tracer, name: s.name, longest: on.longest,
		random: rand.New(rand.NewPCG(on.seed, name.Sum64()+uint64(i))),
	}
}

// run makes one request.
func (o *opened) run(r *request) (err error) {
	work := func() error {
		if o.handle != nil {
			return o.handle(r)
		}
		return r.handle(o.op)
	}
	if o.serve != nil {
		err = o.serve(r, work)
	} else {
		r.start()
		err = work()
		r.finish()
	}
	r.done()
	return err
}

// explain explains the gaps of the requests in a recording, and compares them with the truth.
func (r *row) explain(recorded []byte, requests []*request) error {
	gaps, notes, err := explainGaps(recorded)
	if err != nil {
		return err
	}
	for _, n := range notes {
		if !slices.Contains(r.Notes, n) {
			r.Notes = append(r.Notes, n)
		}
	}
	var observed time.Time
	if r.window > 0 {
		if observed, err = firstMoment(recorded); err != nil {
			return err
		}
	}
	for _, q := range requests {
		found := gaps[q.id()]
		if len(found) == 0 {
			return fmt.Errorf("the execution trace has no span %v of a request", q.id())
		}
		segments := q.segments
		if r.window > 0 {
			segments = lose(segments, observed)
		}
		for _, g := range found {
			c := compare(g, segments, q.holders)
			if c.unknown < c.length/2 { // otherwise nothing was measured in it, as between a call and its wait
				r.gaps = append(r.gaps, c)
			}
		}
	}
	return nil
}

// firstMoment returns the time at which a recording begins. It does not use package explain.
func firstMoment(recorded []byte) (time.Time, error) {
	events, err := exptrace.NewReader(bytes.NewReader(recorded))
	if err != nil {
		return time.Time{}, err
	}
	for {
		e, err := events.ReadEvent()
		if err != nil {
			return time.Time{}, err
		}
		if e.Kind() == exptrace.EventSync {
			if clock := e.Sync().ClockSnapshot; clock != nil {
				return clock.Wall, nil
			}
		}
	}
}

// known is how long after the start of a recording the runtime takes to write the state of each
// goroutine.
const known = 10 * time.Millisecond

// lose replaces what happened before the time observed by [gap.CauseUnobserved].
func lose(segments []segment, observed time.Time) (kept []segment) {
	if len(segments) == 0 || !segments[0].start.Before(observed) {
		return segments
	}
	var t truth
	t.add(segments[0].start, observed, oneOf(gap.CauseUnobserved))
	for _, s := range segments {
		for _, part := range []segment{s.clip(observed, observed.Add(known)), s.clip(observed.Add(known), s.end)} {
			if len(part.amounts) == 0 {
				continue
			}
			if part.start.Before(observed.Add(known)) {
				for i := range part.amounts {
					part.amounts[i].causes |= oneOf(gap.CauseUnobserved)
				}
			}
			t.segments = append(t.segments, part)
		}
	}
	return t.segments
}
