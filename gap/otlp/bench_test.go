package otlp_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
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

func BenchmarkBase(b *testing.B) {
	for _, attributes := range []int{2, 5, 12} {
		const n = 10000
		all := manySpans(n, attributes)
		proto, _ := new(ptrace.ProtoMarshaler).MarshalTraces(all)
		json, _ := new(ptrace.JSONMarshaler).MarshalTraces(all)
		b.Run(fmt.Sprint("proto/", attributes), func(b *testing.B) {
			b.SetBytes(int64(len(proto)))
			b.ReportAllocs()
			for b.Loop() {
				new(ptrace.ProtoUnmarshaler).UnmarshalTraces(proto)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/span")
		})
		b.Run(fmt.Sprint("json/", attributes), func(b *testing.B) {
			b.SetBytes(int64(len(json)))
			b.ReportAllocs()
			for b.Loop() {
				new(ptrace.JSONUnmarshaler).UnmarshalTraces(json)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/span")
		})
		_ = gap.Build
	}
}
