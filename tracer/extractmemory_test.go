package tracer_test

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// maxAllocated is how many bytes one extraction may allocate, whatever a peer sends.
const maxAllocated = 64 << 10

// allocated returns how many bytes f allocates: the least of several runs, since other goroutines
// allocate too.
func allocated(f func()) uint64 {
	least := ^uint64(0)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// net/http accepts a megabyte of headers.
func TestExtractHostileHeadersCostLittleMemory(t *testing.T) {
	tr := allFormats(t)
	const megabyte = 1 << 20
	many := func(line string, n int) string { return strings.Repeat(line+"\n", n) }
	numbered := new(strings.Builder)
	for i := range 50_000 {
		numbered.WriteString("uberctx-" + strings.Repeat("k", i%7) + "A" + string(rune('a'+i%26)) +
			strings.Repeat("x", i%300) + ": %20v\n")
	}
	const parent = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n"
	for name, lines := range map[string]string{
		"long jaeger": "uber-trace-id: " + strings.Repeat("%3A", megabyte/3),
		"long b3":     "x-b3-traceid: " + strings.Repeat("a", megabyte) + "\nx-b3-spanid: 1",
		"long single": "b3: " + strings.Repeat("-", megabyte),
		"long traceparent": "traceparent: cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-" +
			strings.Repeat("a", megabyte),
		"long tracestate":           parent + "tracestate: " + strings.Repeat("a=b,", megabyte/4),
		"commas":                    parent + "tracestate: " + strings.Repeat(",", megabyte),
		"many tracestates":          parent + many("tracestate: a=b", 50_000),
		"long debug id":             "jaeger-debug-id: " + strings.Repeat("%41", megabyte/3),
		"many debug ids":            many("jaeger-debug-id: %", 50_000),
		"long baggage":              "uberctx-k: " + strings.Repeat("%41", megabyte/3),
		"long key of baggage":       "uberctx-" + strings.Repeat("K", megabyte) + ": v",
		"one key of baggage, often": many("uberctx-K: %41", 50_000),
		"much baggage":              numbered.String(),
		"much baggage, debug":       numbered.String() + "b3: abc-1-d",
		"long list":                 "jaeger-baggage: " + strings.Repeat("a=b,", megabyte/4),
		"long, encoded list":        "jaeger-baggage: " + strings.Repeat("K%20=b,", megabyte/7),
		"key in a list":             "jaeger-baggage: " + strings.Repeat("K", 30_000) + "=v",
		"value in a list":           "jaeger-baggage: k=" + strings.Repeat("%41", megabyte/3),
		"list all encoded":          "jaeger-baggage: " + strings.Repeat("k%3Db%2C", megabyte/8),
		"many lists":                many("jaeger-baggage: K=%41,L=m", 50_000),
		"many of everything":        many("uber-trace-id: x\nx-b3-traceid: x\nb3: x\ntraceparent: x", 10_000),
		"other headers":             many("x-other: x", 50_000),
		"similar names":             many("uberct-x: x\nX-B3-Traceidx: x\nTracestat: x\nJaeger-Debug-Ix: y", 10_000),
	} {
		h := carried(lines)
		m := opentracing.TextMapCarrier{}
		for k, v := range h {
			m[k] = v[0]
		}
		for format, carrier := range map[opentracing.BuiltinFormat]any{
			opentracing.HTTPHeaders: h,
			opentracing.TextMap:     m,
		} {
			n := allocated(func() {
				if c, err := tr.Extract(format, carrier); err == nil {
					c.ForeachBaggageItem(func(string, string) bool { return true })
				}
			})
			if n > maxAllocated {
				t.Errorf("%s: one extraction allocated %d bytes", name, n)
			}
		}
	}
}

// The span that makes a context final is reused: it would be more than half of what an extraction
// allocates.
func TestExtractAllocatesNoSpan(t *testing.T) {
	tr, _ := recording(t)
	h := carried("b3: abc-1-1")
	const times = 1000
	bytes := allocated(func() {
		for range times {
			if _, err := tr.Extract(opentracing.HTTPHeaders, h); err != nil {
				t.Fatal(err)
			}
		}
	}) / times
	// It is 224 without a span. Under the race detector, a pool drops one span of four.
	if bytes > 224+uint64(unsafe.Sizeof(jaeger.Span{}))*2/3 {
		t.Errorf("%d bytes", bytes)
	}
}

// A pool keeps its contents for one garbage collection, not for two, so the test runs only one for
// each context. A single collection may free less than everything.
func TestExtractedContextIsFreed(t *testing.T) {
	tr, _ := recording(t)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	freed := 0
	for range 20 {
		text, memory := body()
		h := opentracing.HTTPHeadersCarrier{"B3": {"abc-1-1"}, "Uberctx-K": {text[:1000]}}
		if _, err := tr.Extract(opentracing.HTTPHeaders, h); err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		if memory.Value() == nil {
			freed++
		}
	}
	if freed <= 10 {
		t.Errorf("of 20 contexts that nobody has %d were freed", freed)
	}
}
