//go:build cgo && linux

package main

/*
#include <time.h>

static void burn_until(long long until) {
	struct timespec now;
	volatile unsigned long sum = 1;
	do {
		for (int i = 0; i < 2000; i++) sum = sum * 31 + i;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while (now.tv_sec * 1000000000LL + now.tv_nsec < until);
}
*/
import "C"

import "time"

func skipCgo() string { return "" }

// burnInC computes until the CPU clock of the thread shows the time.
func burnInC(until time.Duration) { C.burn_until(C.longlong(until)) }
