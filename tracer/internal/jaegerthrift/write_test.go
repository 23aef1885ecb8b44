package jaegerthrift

import (
	"bytes"
	"context"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/uber/jaeger-client-go/thrift"
	"github.com/uber/jaeger-client-go/thrift-gen/agent"
	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// Random returns a batch with every field of Jaeger's, of any size.
type random struct{ *rand.Rand }

func (r random) text() string {
	n := r.IntN(20)
	if r.IntN(20) == 0 {
		n = r.IntN(20_000)
	}
	return strings.Repeat("a\xffß", n)[:n]
}

func (r random) i64() int64 {
	switch r.IntN(4) {
	case 0:
		return int64(r.IntN(300)) - 100
	case 1:
		return [...]int64{math.MinInt64, math.MaxInt64, -1, 0}[r.IntN(4)]
	}
	return int64(r.Uint64()) >> r.IntN(64)
}

func (r random) tags() []*j.Tag {
	tags := make([]*j.Tag, r.IntN(20))
	for i := range tags {
		t := &j.Tag{Key: r.text(), VType: j.TagType(r.IntN(5))}
		switch t.VType {
		case j.TagType_STRING:
			t.VStr = new(r.text())
		case j.TagType_DOUBLE:
			t.VDouble = new(math.Float64frombits(r.Uint64()))
		case j.TagType_BOOL:
			t.VBool = new(r.IntN(2) == 0)
		case j.TagType_LONG:
			t.VLong = new(r.i64())
		case j.TagType_BINARY:
			t.VBinary = []byte(r.text())
		}
		tags[i] = t
	}
	return tags
}

func (r random) span() *j.Span {
	s := &j.Span{
		TraceIdLow: r.i64(), TraceIdHigh: r.i64(), SpanId: r.i64(), ParentSpanId: r.i64(), OperationName: r.text(),
		Flags: int32(r.i64()), StartTime: r.i64(), Duration: r.i64(),
	}
	if r.IntN(5) > 0 {
		s.Tags = r.tags()
	}
	if r.IntN(2) > 0 {
		s.References = []*j.SpanRef{}
	}
	for range r.IntN(3) {
		s.References = append(s.References, &j.SpanRef{
			RefType: j.SpanRefType(r.IntN(2)), TraceIdLow: r.i64(), TraceIdHigh: r.i64(), SpanId: r.i64(),
		})
	}
	if r.IntN(2) > 0 {
		s.Logs = []*j.Log{}
	}
	for range r.IntN(3) {
		s.Logs = append(s.Logs, &j.Log{Timestamp: r.i64(), Fields: r.tags()})
	}
	return s
}

func (r random) batch() *j.Batch {
	b := &j.Batch{Process: &j.Process{ServiceName: r.text(), Tags: r.tags()}, Spans: []*j.Span{}}
	if r.IntN(5) == 0 {
		b.Process.Tags = nil
	}
	for range r.IntN(40) {
		b.Spans = append(b.Spans, r.span())
	}
	return b
}

// encoded returns b as this package encodes it.
func encoded(b *j.Batch, p Protocol) Batch {
	batch := Batch{Process: AppendProcess(nil, p, b.Process), Count: len(b.Spans)}
	for _, s := range b.Spans {
		batch.Spans = AppendSpan(batch.Spans, p, s)
	}
	return batch
}

// The bytes are those of jaeger-client-go.
func TestSameBytes(t *testing.T) {
	for seed := range uint64(300) {
		b := random{rand.New(rand.NewPCG(seed, 0))}.batch()
		buffer := thrift.NewTMemoryBuffer()
		if err := b.Write(context.Background(), thrift.NewTBinaryProtocolConf(buffer, nil)); err != nil {
			t.Fatal(err)
		}
		compare(t, "binary", encoded(b, Binary).AppendTo(nil, Binary), buffer.Bytes())

		lost := &j.ClientStats{FullQueueDroppedSpans: int64(seed), TooLargeDroppedSpans: 1, FailedToEmitSpans: math.MaxInt64}
		b.SeqNo, b.Stats = new(int64(seed)), lost
		buffer.Reset()
		client := agent.NewAgentClientFactory(buffer, thrift.NewTCompactProtocolFactoryConf(nil))
		for range seed % 3 { // a client counts its calls
			if err := client.EmitBatch(context.Background(), b); err != nil {
				t.Fatal(err)
			}
		}
		buffer.Reset()
		if err := client.EmitBatch(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		got := encoded(b, Compact).AppendMessage(nil, int32(seed%3+1), int64(seed), lost)
		compare(t, "compact", got, buffer.Bytes())
	}
}

func compare(t *testing.T, protocol string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: byte %d: got\n%s\nwant\n%s", protocol, i,
				hex.Dump(got[i:min(i+64, len(got))]), hex.Dump(want[i:min(i+64, len(want))]))
		}
	}
	t.Fatalf("%s: %d bytes, want %d", protocol, len(got), len(want))
}

func BenchmarkSpan(b *testing.B) {
	s := random{rand.New(rand.NewPCG(1, 1))}.span()
	s.Logs, s.Tags = nil, s.Tags[:min(len(s.Tags), 8)]
	buf := []byte{}
	b.Run("compact", func(b *testing.B) {
		for b.Loop() {
			buf = AppendSpan(buf[:0], Compact, s)
		}
	})
	b.Run("Jaeger's", func(b *testing.B) {
		buffer := thrift.NewTMemoryBuffer()
		protocol := thrift.NewTCompactProtocolConf(buffer, nil)
		for b.Loop() {
			buffer.Reset()
			if err := s.Write(context.Background(), protocol); err != nil {
				b.Fatal(err)
			}
		}
	})
}
