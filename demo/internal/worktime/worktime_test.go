package worktime_test

import (
	"crypto/sha256"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/gaptrace/gaptrace/demo/internal/worktime"
)

// burn works until the wall clock says that d is over: so much CPU at most.
func burn(d time.Duration) {
	sum := [32]byte{}
	for start := time.Now(); time.Since(start) < d; {
		sum = sha256.Sum256(sum[:])
	}
}

func TestOnlyWorkIsCounted(t *testing.T) {
	clock := worktime.Start()
	burn(10 * time.Millisecond)
	clock.Pause()
	burn(40 * time.Millisecond)
	clock.Resume()
	time.Sleep(40 * time.Millisecond) // no work, though not left out
	burn(10 * time.Millisecond)
	got, ok := clock.Stop()
	if runtime.GOOS != "linux" {
		if ok {
			t.Error("a clock that nobody knows of")
		}
		return
	}
	// How much CPU a burn gets is luck; that it is some, and not more than the time it took, is not.
	if !ok || got <= 0 || got > 30*time.Millisecond {
		t.Errorf("%v, %v", got, ok)
	}
}

func TestReadsAreLeftOut(t *testing.T) {
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
