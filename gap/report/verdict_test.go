package report_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

// part returns a part of some milliseconds, with a proof.
func part(cause gap.Cause, ms float64, e gap.Evidence) gap.Part {
	if e.Proof == gap.Unconfirmed {
		e.Proof = gap.ByClock
	}
	return gap.Part{Cause: cause, Duration: time.Duration(ms * float64(time.Millisecond)), Evidence: e}
}

// frameAt returns a frame of a file of the shop.
func frameAt(file string, line int) gap.Frame {
	return gap.Frame{Function: "example.com/shop.render", File: "/src/shop/" + file, Line: line}
}

var (
	atPage = gap.Evidence{Frame: frameAt("page.go", 31)}
	inCart = gap.Evidence{Frame: frameAt("cart.go", 17)}
)

func TestVerdict(t *testing.T) {
	unconfirmed := func(ms float64) gap.Part {
		return gap.Part{Cause: gap.CauseCPU, Duration: time.Duration(ms * 1e6), Evidence: atPage}
	}
	held := func(by gap.Holder) gap.Evidence {
		return gap.Evidence{Frame: inCart.Frame, Reason: "sync", HeldBy: by}
	}
	other := gap.Holder{TraceID: gap.TraceID{Low: 0xab}, SpanID: 0xcd, Service: "shop", Operation: "HTTP GET /cart"}
	for want, parts := range map[string][]gap.Part{
		"":                 nil,
		"CPU, all 46.2 ms": {part(gap.CauseCPU, 46.2, gap.Evidence{})},
		"CPU, 35.7 of 46.2 ms, at page.go:31; 9.80 ms waiting for a CPU": {
			part(gap.CauseCPU, 35.7, atPage), part(gap.CauseNoCPU, 9.8, atPage), part(gap.CauseGC, 0.4, atPage),
			part(gap.CauseRunnable, 0.1, gap.Evidence{}),
			{},
			part(gap.CauseUnobserved, 0.2, gap.Evidence{}),
		},
		"CPU, 40.0 of 46.2 ms, at page.go:31; 2.60 ms throttled by the CPU limit; 3.60 ms other": {
			part(gap.CauseThrottled, 2.6, atPage), part(gap.CauseCPU, 40, atPage), part(gap.CauseGC, 1.8, gap.Evidence{}),
			part(gap.CauseSleep, 1.8, gap.Evidence{}),
		},
		"CPU, 900 µs of 1.00 ms, at page.go:31; 100 µs GC": {
			part(gap.CauseCPU, 0.9, atPage), part(gap.CauseGC, 0.1, atPage),
		},
		"CPU (not confirmed), all 5.00 ms, at page.go:31": {unconfirmed(5)},
		"CPU (2.00 ms of it not confirmed), all 10.0 ms, at page.go:31": {
			unconfirmed(2), part(gap.CauseCPU, 8, atPage),
		},
		"CPU, 9.80 of 10.0 ms, at page.go:31": { // 2 % are left out
			unconfirmed(0.2), part(gap.CauseCPU, 9.6, atPage), part(gap.CauseLock, 0.2, inCart),
		},
		"CPU, all 10.0 ms, 6.00 ms of it at cart.go:17": {
			part(gap.CauseCPU, 4, atPage), part(gap.CauseCPU, 3, inCart), part(gap.CauseCPU, 3, inCart),
		},
		"lock, 6.00 of 10.0 ms, at cart.go:17; 4.00 ms CPU, 2.00 ms of it at page.go:31": {
			part(gap.CauseLock, 6, inCart), part(gap.CauseCPU, 2, atPage), part(gap.CauseCPU, 1, inCart),
			part(gap.CauseCPU, 1, gap.Evidence{}),
		},
		"CPU, all 10.0 ms, 1.00 ms of it at page.go:31": {
			part(gap.CauseCPU, 9, gap.Evidence{}), part(gap.CauseCPU, 1, atPage),
		},
		"lock, 30.4 of 40.4 ms, at cart.go:17, held by HTTP GET /cart (trace 00000000000000ab); 10.0 ms CPU at page.go:31": {
			part(gap.CauseLock, 30.4, held(other)), part(gap.CauseCPU, 10, atPage),
		},
		"lock, all 30.0 ms, at cart.go:17, held by span 00000000000000cd (trace 00000000000000ab)": {
			part(gap.CauseLock, 10, held(gap.Holder{})),
			part(gap.CauseLock, 20, held(gap.Holder{TraceID: gap.TraceID{Low: 0xab}, SpanID: 0xcd})),
		},
		"channel, all 3.00 ms, at cart.go:17, woken by HTTP GET /cart (trace 00000000000000ab)": {
			part(gap.CauseChannel, 3, held(other)),
		},
		"network (unwrapped client net/http), 25.4 of 30.4 ms, at page.go:44: wrap it with contrib/nethttp (GT101); " +
			"5.00 ms lock at cart.go:17": {
			part(gap.CauseNetwork, 25.4, gap.Evidence{
				Frame: frameAt("page.go", 44), Client: "net/http", Wrapper: "github.com/gaptrace/gaptrace/contrib/nethttp",
				Rule: "GT101",
			}),
			part(gap.CauseLock, 5, inCart),
		},
		"network (unwrapped client), all 1.00 ms, at page.go:31": {part(gap.CauseNetwork, 1, atPage)},
		"network (unwrapped client example.com/kv), all 1.00 ms: wrap it with example.com/gapkv": {
			part(gap.CauseNetwork, 1, gap.Evidence{Client: "example.com/kv", Wrapper: "example.com/gapkv"}),
		},
		"network (unwrapped client example.com/mq), all 1.00 ms: no wrapper covers it (GT401)": {
			part(gap.CauseNetwork, 1, gap.Evidence{Client: "example.com/mq", Rule: "GT401"}),
		},
		"network (unwrapped client net), all 1.00 ms": {part(gap.CauseNetwork, 1, gap.Evidence{Client: "net"})},
		"system call fsync, 4.00 of 6.00 ms, at page.go:31; 2.00 ms C code at cart.go:17": {
			part(gap.CauseSyscall, 4, gap.Evidence{Frame: atPage.Frame, Reason: "fsync"}), part(gap.CauseCgo, 2, inCart),
		},
		"other: wait for debug call, 4.00 of 10.0 ms; 3.00 ms select; 3.00 ms sleep": {
			part(gap.CauseOther, 4, gap.Evidence{Reason: "wait for debug call"}),
			part(gap.CauseSleep, 3, gap.Evidence{}), part(gap.CauseSelect, 3, gap.Evidence{}),
		},
		"not observed, 6.00 of 10.0 ms; 4.00 ms waiting for Go's scheduler": {
			part(gap.CauseUnobserved, 6, gap.Evidence{}), part(gap.CauseRunnable, 4, atPage),
		},
		"other: cause 200, all 1.00 ms": {part(200, 1, gap.Evidence{})},
		"GC, all 1.00 ms":               {part(gap.CauseGC, 1, gap.Evidence{}), part(gap.CauseCPU, -5, atPage)},
		"CPU, all 153722867 min; 153722867 min lock": {
			{Cause: gap.CauseCPU, Duration: math.MaxInt64, Evidence: gap.Evidence{Proof: gap.ByClock}},
			{Cause: gap.CauseLock, Duration: math.MaxInt64},
		},
		"other: a�[31m" + strings.Repeat("b", 194) + "…, all 1.00 ms, at �.go:-7": {
			part(gap.CauseOther, 1, gap.Evidence{
				Frame: gap.Frame{File: `C:\src\` + "\u202e.go", Line: -7}, Reason: "a\x1b[31m" + strings.Repeat("b", 1000),
			}),
		},
	} {
		if got := report.Verdict(parts); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestVerdictOfManyParts(t *testing.T) {
	var parts []gap.Part
	for i := range 10_000 {
		parts = append(parts, part(gap.Cause(i%200), 1, gap.Evidence{Frame: frameAt(strings.Repeat("x", i), i)}))
	}
	if got := report.Verdict(parts); len(got) > 1000 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

func TestEachCauseHasItsOwnName(t *testing.T) {
	names := map[string]gap.Cause{}
	for c := range gap.Cause(gap.NumCauses) {
		name := report.CauseName(c)
		if before, taken := names[name]; taken || name == "" {
			t.Errorf("%v and %v are both %q", before, c, name)
		}
		names[name] = c
	}
	if got := report.CauseName(200); got != "other" {
		t.Errorf("a cause that does not exist is %q", got)
	}
}
