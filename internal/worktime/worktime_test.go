package worktime_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gaptrace/gaptrace/internal/worktime"
)

// burn works for d of wall time, so it uses at most d of CPU time.
func burn(d time.Duration) {
	sum := [32]byte{}
	for start := time.Now(); time.Since(start) < d; {
		sum = sha256.Sum256(sum[:])
	}
}

func TestStopReturnsWork(t *testing.T) {
	clock := worktime.Start()
	burn(10 * time.Millisecond)
	clock.Pause()
	burn(40 * time.Millisecond)
	clock.Resume()
	time.Sleep(40 * time.Millisecond) // not work, although not paused
	burn(10 * time.Millisecond)
	got, ok := clock.Stop()
	if runtime.GOOS != "linux" {
		if ok {
			t.Error("a thread clock on a system other than Linux")
		}
		return
	}
	// How much CPU time a burn gets depends on other processes. It is more than zero and at most
	// its wall time.
	if !ok || got <= 0 || got > 30*time.Millisecond {
		t.Errorf("%v, %v", got, ok)
	}
}

func TestReaderPauses(t *testing.T) {
	clock := worktime.Start()
	text, err := io.ReadAll(clock.Reader(iotest.OneByteReader(slow{strings.NewReader("slow")})))
	got, _ := clock.Stop()
	if string(text) != "slow" || err != nil || got > 20*time.Millisecond {
		t.Errorf("%q %v %v", text, err, got)
	}
}

type slow struct{ io.Reader }

func (s slow) Read(p []byte) (int, error) {
	burn(10 * time.Millisecond)
	return s.Reader.Read(p)
}

// Work and the queue for a CPU add up to the wall time, however busy the machine is.
func TestWorkAndQueueAddUp(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no clock for a thread")
	}
	if _, err := os.Stat("/proc/thread-self/schedstat"); err != nil {
		t.Skip("this kernel does not record the queue for a CPU")
	}
	best := time.Hour
	for range 20 { // a virtual machine may stop for a while, which no clock shows: once is enough
		clock := worktime.Start()
		start := time.Now()
		burn(5 * time.Millisecond)
		took := time.Since(start)
		work, _ := clock.Stop()
		best = min(best, (took - work - clock.Queued()).Abs())
	}
	if best > 500*time.Microsecond {
		t.Errorf("5 ms of work: %v are neither work nor queue", best)
	}
}

func TestLibraryIsPausedTimeWithoutWaits(t *testing.T) {
	var failure string
	for range 20 { // a thread that waits for a CPU until the sleep is over has not waited: once is enough
		if failure = libraryTime(); failure == "" {
			return
		}
	}
	t.Error(failure)
}

// libraryTime says what is wrong with the paused time of a wait and of busy calls, if anything is.
func libraryTime() string {
	clock := worktime.Start()
	clock.Pause()
	time.Sleep(time.Millisecond)
	clock.Resume()
	waited := clock.Library()
	start := time.Now()
	for range 20 {
		clock.Pause()
		burn(time.Millisecond)
		clock.Resume()
	}
	took := time.Since(start)
	total, ok := clock.Stop()
	if got := clock.Library(); ok &&
		(waited > 0 || got < time.Millisecond || got > took || total > 20*time.Millisecond) {
		return fmt.Sprintf("%v after a wait; %v after %v of busy calls; %v of work", waited, got, took, total)
	}
	return ""
}

func TestElapsed(t *testing.T) {
	start := time.Now()
	clock := worktime.Start()
	time.Sleep(5 * time.Millisecond)
	clock.Pause()
	time.Sleep(20 * time.Millisecond)
	clock.Resume()
	total, _ := clock.Stop()
	took := time.Since(start)
	if got := clock.Elapsed(); got < 5*time.Millisecond || got > took-20*time.Millisecond || got < total {
		t.Errorf("elapsed %v of %v, %v of it work", got, took, total)
	}
}
