package otlp_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/internal/spantest/cputime"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// perTrace is the number of spans in a trace of the benchmarks.
const perTrace = 100

// manySpans makes an export request with n spans, each with so many attributes.
func manySpans(n, attributes int) ptrace.Traces {
	random := rand.New(rand.NewPCG(1, 19))
	traces := ptrace.NewTraces()
	values := []string{"GET", "200", "http", "10.1.2.3", "catalog.internal", "1.1", "SELECT", "mysql", "shop"}
	keys := []string{
		"http.request.method", "http.response.status_code", "url.scheme", "network.peer.address", "server.address",
		"network.protocol.version", "db.operation.name", "db.system.name", "db.namespace", "thread.name",
		"user_agent.original", "url.path",
	}
	id := func(n uint64) (id pcommon.SpanID) {
		binary.BigEndian.PutUint64(id[:], n)
		return id
	}
	for from := 0; from < n; from += perTrace {
		var trace pcommon.TraceID
		binary.BigEndian.PutUint64(trace[:], random.Uint64())
		binary.BigEndian.PutUint64(trace[8:], random.Uint64())
		rs := traces.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("service ", from/perTrace%8))
		rs.Resource().Attributes().PutStr("host.name", fmt.Sprint("host-", from/perTrace%8))
		rs.Resource().Attributes().PutStr("telemetry.sdk.language", "go")
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("example.com/instrumentation")
		ids := make([]uint64, perTrace)
		start := uint64(1764460800e9 + random.Int64N(3600e9))
		for i := range perTrace {
			ids[i] = random.Uint64()
			s := ss.Spans().AppendEmpty()
			s.SetTraceID(trace)
			s.SetSpanID(id(ids[i]))
			s.SetName(fmt.Sprint("operation ", i%20))
			s.SetKind(ptrace.SpanKind(1 + i%3))
			at := start + uint64(i)*1e6
			s.SetStartTimestamp(pcommon.Timestamp(at))
			s.SetEndTimestamp(pcommon.Timestamp(at + 700e3))
			if i == 0 {
				s.SetEndTimestamp(pcommon.Timestamp(at + perTrace*1e6))
			} else {
				s.SetParentSpanID(id(ids[(i-1)/10]))
			}
			for a := range attributes {
				s.Attributes().PutStr(keys[a], values[(a+i)%len(values)])
			}
		}
	}
	return traces
}

// BenchmarkAgainstPdata alternates between two: pdata's unmarshaler alone, and Read with Build and
// Summary.Add. It reports the CPU time of both, and the first divided by the second.
func BenchmarkAgainstPdata(b *testing.B) {
	const n = 10_000
	for _, attributes := range []int{2, 5, 12} {
		for _, format := range []struct {
			name      string
			marshal   func(ptrace.Traces) ([]byte, error)
			unmarshal func([]byte) (ptrace.Traces, error)
		}{
			{"JSON", new(ptrace.JSONMarshaler).MarshalTraces, new(ptrace.JSONUnmarshaler).UnmarshalTraces},
			{"Protobuf", new(ptrace.ProtoMarshaler).MarshalTraces, new(ptrace.ProtoUnmarshaler).UnmarshalTraces},
		} {
			b.Run(fmt.Sprintf("%s/%d attributes", format.name, attributes), func(b *testing.B) {
				input, err := format.marshal(manySpans(n, attributes))
				if err != nil {
					b.Fatal(err)
				}
				var pdata, ours measured
				for b.Loop() {
					pdata.add(func() {
						if _, err := format.unmarshal(input); err != nil {
							b.Fatal(err)
						}
					})
					ours.add(func() {
						if count := analyse(b, input); count != n {
							b.Fatalf("%d spans of %d", count, n)
						}
					})
				}
				b.ReportMetric(0, "ns/op")
				all := float64(b.N) * n
				for name, m := range map[string]measured{"pdata": pdata, "ours": ours} {
					b.ReportMetric(float64(m.cpu)/all, name+"-ns/span")
					b.ReportMetric(float64(m.allocs)/all, name+"-allocs/span")
					b.ReportMetric(float64(m.bytes)/all, name+"-B/span")
					b.ReportMetric(float64(len(input))*float64(b.N)/1e6/m.cpu.Seconds(), name+"-MB/s")
				}
				b.ReportMetric(float64(pdata.cpu)/float64(ours.cpu), "ratio")
			})
		}
	}
}

// measured is what something has cost.
type measured struct {
	cpu           time.Duration
	allocs, bytes uint64
}

func (m *measured) add(f func()) {
	var before, after runtime.MemStats
	runtime.GC() // so that nobody pays for the garbage of the other
	runtime.ReadMemStats(&before)
	start := cputime.OfProcess()
	f()
	m.cpu += cputime.OfProcess() - start
	runtime.ReadMemStats(&after)
	m.allocs += after.Mallocs - before.Mallocs
	m.bytes += after.TotalAlloc - before.TotalAlloc
}

// analyse adds all traces in input to a Summary, and returns the number of spans. The spans of a
// trace follow each other.
func analyse(b *testing.B, input []byte) (count int) {
	var summary gap.Summary
	var trace []gap.Span
	add := func() {
		built, _ := gap.Build(trace)
		summary.Add(built)
		count += len(trace)
		trace = trace[:0]
	}
	for batch, err := range otlp.Read(bytes.NewReader(input)) {
		if err != nil {
			b.Fatal(err)
		}
		for len(batch) > 0 {
			if len(trace) > 0 && trace[0].TraceID != batch[0].TraceID {
				add()
			}
			same := 1
			for same < len(batch) && batch[same].TraceID == batch[0].TraceID {
				same++
			}
			trace, batch = append(trace, batch[:same]...), batch[same:]
		}
	}
	add()
	return count
}

// BenchmarkParts measures the CPU time of Read alone, and of Build and Summary.Add alone.
func BenchmarkParts(b *testing.B) {
	const n = 10_000
	for _, attributes := range []int{2, 5, 12} {
		input, err := new(ptrace.ProtoMarshaler).MarshalTraces(manySpans(n, attributes))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%d attributes", attributes), func(b *testing.B) {
			var pdata, reading, analysis measured
			for b.Loop() {
				pdata.add(func() { new(ptrace.ProtoUnmarshaler).UnmarshalTraces(input) })
				var all []gap.Span
				for batch := range otlp.Read(bytes.NewReader(input)) {
					all = append(all, batch...)
				}
				reading.add(func() {
					for range otlp.Read(bytes.NewReader(input)) {
					}
				})
				analysis.add(func() {
					var summary gap.Summary
					for trace := range slices.Chunk(all, perTrace) {
						built, _ := gap.Build(trace)
						summary.Add(built)
					}
				})
			}
			all := float64(b.N) * n
			b.ReportMetric(0, "ns/op")
			for name, m := range map[string]measured{"Pdata": pdata, "Read": reading, "Build+Add": analysis} {
				b.ReportMetric(float64(m.cpu)/all, name+"-ns/span")
				b.ReportMetric(float64(m.bytes)/all, name+"-B/span")
			}
		})
	}
}
