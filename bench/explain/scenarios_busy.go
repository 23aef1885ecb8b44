package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/gaptrace/gaptrace/gap"
)

var busyScenarios = []scenario{
	{
		name:   "goroutines",
		about:  "computes, and so do four times as many other requests as Go runs at once",
		truth:  "the CPU clock and the queue clock of the thread; the rest of the time no P was free",
		atOnce: 4 * processors,
		short:  true,
		open: func(*stage) (*opened, error) {
			burnMore := func(r *request, d time.Duration) error {
				r.rest = oneOf(gap.CauseRunnable)
				r.burn(d)
				return nil
			}
			return &opened{op: burnMore}, nil
		},
	},
	{
		name:  "load",
		about: "computes while other programs use all CPUs",
		truth: "the CPU clock and the queue clock of the thread, which the goroutine may change: the clocks are read" +
			" every 0.3 ms, and time in which the thread changed may be CPU, no CPU or runnable",
		short: true,
		open: func(*stage) (*opened, error) {
			var burners []*child
			stop := func() {
				for _, b := range burners {
					b.stop()
				}
			}
			for range runtime.NumCPU() + 1 {
				b, err := startChild(asBurner)
				if err != nil {
					stop()
					return nil, err
				}
				burners = append(burners, b)
			}
			return &opened{
				prepare: func(r *request) { r.unlocked = true },
				op:      burnMore,
				close:   stop,
			}, nil
		},
	},
	{
		name:  "limit",
		about: "computes in a container whose CPU limit is half a CPU",
		truth: "the CPU clock and the queue clock of the thread, and the container's count of throttled time",
		skip: func() string {
			leave, err := limitCPU(0.5)
			if err != nil {
				return err.Error()
			}
			leave()
			return ""
		},
		open: openLimit,
	},
}

func openLimit(*stage) (*opened, error) {
	leave, err := limitCPU(0.5)
	if err != nil {
		return nil, fmt.Errorf("limit: %w", err)
	}
	op := func(r *request, d time.Duration) error {
		throttled := throttledTime()
		before, after := onThread(func(before reading) { burn(before.cpu + d) })
		throttled = min(throttledTime()-throttled, after.queued-before.queued)
		r.add(before.wall, after.wall, noCPU|oneOf(gap.CauseThrottled),
			amount{oneOf(gap.CauseCPU), after.cpu - before.cpu}, amount{oneOf(gap.CauseThrottled), throttled})
		return nil
	}
	return &opened{close: leave, handle: func(r *request) error {
		for i := range 2 {
			if i > 0 {
				if err := r.call(); err != nil {
					return err
				}
			}
			// The kernel has periods of 100 ms.
			if err := op(r, 2*r.duration()); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}
