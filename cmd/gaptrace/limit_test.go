package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestTheLimitIsRaisedWhenWhatIsAliveComesCloseToIt(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	l := newLimit()
	if got := debug.SetMemoryLimit(-1); got != smallest {
		t.Fatalf("the limit is %d", got)
	}
	l.ease()
	if got := debug.SetMemoryLimit(-1); got != smallest {
		t.Errorf("the limit was raised to %d for nothing", got)
	}
	alive := make([]byte, 32<<20)
	runtime.GC()
	l.bytes = 16 << 20
	l.read(often - 1)
	if l.bytes != 16<<20 {
		t.Error("asked too often")
	}
	l.read(often)
	if got := debug.SetMemoryLimit(-1); got != l.bytes || got < int64(2*len(alive)) {
		t.Errorf("the limit is %d for %d alive", got, len(alive))
	}
	runtime.KeepAlive(alive)
}

func TestTheEnvironmentSaysHowTheCollectorRuns(t *testing.T) {
	for _, variable := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(variable, "100")
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
			l := newLimit()
			l.read(1 << 40)
			if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
				t.Errorf("the limit is %d", got)
			}
		})
	}
}
