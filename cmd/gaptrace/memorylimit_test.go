package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
)

func TestMemoryLimitFollowsLiveHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	l := newMemoryLimit(initialLimit)
	if got := debug.SetMemoryLimit(-1); got != initialLimit {
		t.Fatalf("the limit is %d", got)
	}
	l.raise()
	if got := debug.SetMemoryLimit(-1); got != initialLimit {
		t.Errorf("the limit was raised to %d without need", got)
	}
	alive := make([]byte, 32<<20)
	runtime.GC()
	l.bytes = 16 << 20
	l.raise()
	if got := debug.SetMemoryLimit(-1); got != l.bytes || got < int64(len(alive)/4*5) {
		t.Errorf("the limit is %d for %d live bytes", got, len(alive))
	}
	runtime.KeepAlive(alive)
}

func TestMemoryLimitLeavesEnvironmentInCharge(t *testing.T) {
	for _, variable := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(variable, "100")
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
			newMemoryLimit(initialLimit).raise()
			if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
				t.Errorf("the limit is %d", got)
			}
		})
	}
}
