package metrics_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/gap/metrics"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/prometheus/client_golang/prometheus"
)

// A bubble of synctest waits for all its goroutines, and fails if one of them is left.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := metrics.NewCollector(tracer.NewRecorder(0))
		var closers sync.WaitGroup
		for range 3 {
			closers.Go(c.Close)
		}
		closers.Wait()
		c.Close()
	})
}

func TestScrapeAfterClose(t *testing.T) {
	s := newShop(t)
	s.request("before")
	s.closed().want(t, "gaptrace_duration_seconds", "before", 1)
	s.request("after")
	got := s.closed()
	got.want(t, "gaptrace_duration_seconds", "before", 1)
	got.want(t, "gaptrace_local_roots_total", "", 1)
	if got["gaptrace_duration_seconds"]["after"] != nil {
		t.Error("a span after Close is counted")
	}
}

// A scrape that hangs in the middle of each metric blocks neither the program's spans nor the count
// of known operations.
func TestScrapeBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.request("GET /books")
		synctest.Wait()
		metrics := make(chan prometheus.Metric)
		var scrape sync.WaitGroup
		scrape.Go(func() {
			s.collector.Collect(metrics)
			close(metrics)
		})
		open := true
		for n := 2; open; n++ {
			s.request("GET /books")      // would be a deadlock
			time.Sleep(time.Millisecond) // by which an observation may be late
			synctest.Wait()
			s.scrape().want(t, "gaptrace_local_roots_total", "", float64(n))
			_, open = <-metrics
		}
		scrape.Wait()
	})
}

// The race detector watches this test.
func TestScrapesDuringLoad(t *testing.T) {
	s := newShop(t)
	const programs, requests = 4, 200
	done := make(chan struct{})
	var load, scrapes sync.WaitGroup
	for range programs {
		load.Go(func() {
			for range requests {
				s.request("GET /books")
			}
		})
	}
	scrapes.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				s.scrape()
			}
		}
	})
	load.Wait()
	close(done)
	scrapes.Wait()
	got := s.closed()
	all := got.value("gaptrace_duration_seconds", "GET /books") + got.value("gaptrace_unobserved_local_roots_total", "")
	if all != programs*requests {
		t.Errorf("%v requests are counted, want %d", all, programs*requests)
	}
}
