package main

import (
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/opentracing/opentracing-go/ext"
)

var waitScenarios = []scenario{
	{
		name:  "mutex",
		about: "waits for a Mutex that another request holds while it computes or sleeps",
		truth: "the wall clock, before Lock and before the other request's Unlock",
		short: true,
		open:  openMutex,
	},
	{
		name:  "rwmutex",
		about: "waits for an RWMutex: as a reader for a writer, or as a writer for a reader",
		truth: "the wall clock, before Lock or RLock and before the other request's Unlock or RUnlock",
		open:  openRWMutex,
	},
	{
		name:  "waitgroup",
		about: "starts three goroutines that compute, use the network or sleep, and waits for them",
		truth: "the clocks of the goroutine that ends last",
		short: true,
		open:  openWaitGroup,
	},
	{
		name:  "channel",
		about: "hands work to a worker goroutine by a channel: computing, using the network or sleeping",
		truth: "the clocks of the worker",
		short: true,
		open:  openChannel,
	},
}

// holder is another request that holds a lock until the measured request wants it.
type holder struct {
	release  chan time.Duration // how long it holds the lock from then on
	unlocked time.Time
}

// hold starts a request that holds a lock.
func (r *request) hold(lock, unlock func()) *holder {
	h := &holder{release: make(chan time.Duration, 1)}
	locked := make(chan gap.SpanID)
	computes := r.random.IntN(2) == 0
	r.background.Go(func() {
		span := r.tracer.StartSpan("holder", ext.SpanKindRPCServer)
		lock()
		locked <- spanID(span)
		var own truth
		if d := <-h.release; computes {
			own.burn(d)
		} else {
			time.Sleep(d)
		}
		h.unlocked = time.Now()
		unlock()
		span.Finish()
	})
	r.holders = append(r.holders, <-locked)
	return h
}

// waitFor waits for the lock, which the holder unlocks after d.
func (r *request) waitFor(h *holder, d time.Duration, lock, unlock func()) {
	h.release <- d
	r.wait(gap.CauseLock, func() time.Time {
		lock()
		return h.unlocked
	})
	unlock()
}

func openMutex(*stage) (*opened, error) {
	var locks [2]sync.Mutex // one for each gap
	var holders []*holder
	return &opened{
		prepare: func(r *request) {
			holders = nil
			for i := range locks {
				holders = append(holders, r.hold(locks[i].Lock, locks[i].Unlock))
			}
		},
		op: func(r *request, d time.Duration) error {
			m := &locks[len(locks)-len(holders)]
			r.waitFor(holders[0], d, m.Lock, m.Unlock)
			holders = holders[1:]
			return nil
		},
	}, nil
}

func openRWMutex(*stage) (*opened, error) {
	var reads, writes sync.RWMutex // as which the request locks it
	var writer, reader *holder
	return &opened{
		prepare: func(r *request) {
			writer = r.hold(reads.Lock, reads.Unlock)
			reader = r.hold(writes.RLock, writes.RUnlock)
		},
		op: func(r *request, d time.Duration) error {
			if writer != nil {
				r.waitFor(writer, d, reads.RLock, reads.RUnlock)
				writer = nil
			} else {
				r.waitFor(reader, d, writes.Lock, writes.Unlock)
			}
			return nil
		},
	}, nil
}

// task is what a worker does.
type task struct {
	kind     int // 0 computes, 1 uses the network, 2 sleeps
	duration time.Duration
	truth    *truth // to fill
	err      error
	started  time.Time
	ended    time.Time
}

func (r *request) task(d time.Duration) *task {
	own := newTruth()
	return &task{kind: r.random.IntN(3), duration: d, truth: &own}
}

func (t *task) run(on *stage) {
	t.started = time.Now()
	switch t.kind {
	case 0:
		t.truth.burn(t.duration)
	case 1:
		t.err = on.echoes.call(t.truth, t.duration)
	case 2:
		t.truth.sleep(t.duration)
	}
	t.ended = time.Now()
}

func openWaitGroup(on *stage) (*opened, error) {
	return &opened{op: func(r *request, d time.Duration) error {
		tasks := []*task{r.task(d), r.task(d * 2 / 3), r.task(d / 2)}
		start := time.Now()
		var all sync.WaitGroup
		for _, t := range tasks {
			all.Go(func() { t.run(on) })
		}
		all.Wait()
		end := time.Now()
		last := tasks[0]
		for _, t := range tasks {
			if t.err != nil {
				return t.err
			}
			if t.ended.After(last.ended) {
				last = t
			}
		}
		r.include(last.truth, start, end, waking|oneOf(gap.CauseLock))
		return nil
	}}, nil
}

func openChannel(on *stage) (*opened, error) {
	work, results := make(chan *task), make(chan *task)
	go func() {
		for t := range work {
			t.run(on)
			results <- t
		}
	}()
	return &opened{
		op: func(r *request, d time.Duration) error {
			t := r.task(d)
			start := time.Now()
			work <- t
			<-results
			end := time.Now()
			r.include(t.truth, start, end, waking|oneOf(gap.CauseChannel))
			return t.err
		},
		close: func() { close(work) },
	}, nil
}
