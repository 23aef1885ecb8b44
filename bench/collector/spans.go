package main

import (
	"encoding/binary"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	services        = 4
	spansOfService  = 5
	spansPerTrace   = services * spansOfService
	tracesInBatches = 25 // of one service each
)

// batches returns traces, whose ids begin with a number, as batches of single services.
func batches(from uint64, traces int) (all []ptrace.Traces) {
	start := time.Now().Add(-time.Minute)
	for first := from; first < from+uint64(traces); first += tracesInBatches {
		for service := range services {
			batch := ptrace.NewTraces()
			rs := batch.ResourceSpans().AppendEmpty()
			resource := rs.Resource().Attributes()
			resource.PutStr("service.name", fmt.Sprint("service-", service))
			resource.PutStr("host.name", "a")
			resource.PutStr("zone", "north")
			spans := rs.ScopeSpans().AppendEmpty().Spans()
			for id := first; id < min(first+tracesInBatches, from+uint64(traces)); id++ {
				for i := range spansOfService {
					put(spans.AppendEmpty(), id, service*spansOfService+i, start)
				}
			}
			all = append(all, decoded(batch))
		}
	}
	return all
}

// put sets the span i of a trace. Its parent is the span (i-1)/2.
func put(s ptrace.Span, trace uint64, i int, start time.Time) {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], 7)
	binary.BigEndian.PutUint64(id[8:], trace*0x9e3779b97f4a7c15+1) // odd: other ids differ
	s.SetTraceID(id)
	s.SetSpanID(spanID(trace, i))
	if i > 0 {
		s.SetParentSpanID(spanID(trace, (i-1)/2))
	}
	s.SetName(fmt.Sprint("operation ", i))
	s.SetKind(ptrace.SpanKindInternal)
	if i%2 == 1 {
		s.SetKind(ptrace.SpanKindClient)
	}
	at := start.Add(time.Duration(i) * time.Millisecond)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(40-2*i) * time.Millisecond)))
	s.Attributes().PutStr("http.method", "GET")
	s.Attributes().PutStr("http.url", "http://example.com/books/17")
	s.Attributes().PutInt("http.status_code", 200)
	s.Attributes().PutStr("peer.service", "service-1")
}

func spanID(trace uint64, i int) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], trace*spansPerTrace+uint64(i)+1)
	return id
}

// decoded returns a batch as a receiver decodes it: no two spans share a string.
func decoded(batch ptrace.Traces) ptrace.Traces {
	marshaler, unmarshaler := ptrace.ProtoMarshaler{}, ptrace.ProtoUnmarshaler{}
	bytes, err := marshaler.MarshalTraces(batch)
	if err != nil {
		panic(err) // what was made above can be encoded
	}
	made, err := unmarshaler.UnmarshalTraces(bytes)
	if err != nil {
		panic(err)
	}
	return made
}
