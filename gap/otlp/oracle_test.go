package otlp_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/gap/read"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// randomValue sets v to a value of any kind.
func randomValue(random *rand.Rand, v pcommon.Value, depth int) {
	switch random.IntN(9 - 2*min(depth, 1)) {
	case 0:
		v.SetStr(strings.Repeat("ä<\"\\", random.IntN(4)))
	case 1:
		v.SetInt(int64(random.Uint64()) >> random.IntN(64))
	case 2:
		v.SetDouble([]float64{0, -1.5, 1e300, math.Inf(1), math.Inf(-1), 3}[random.IntN(6)])
	case 3:
		v.SetBool(random.IntN(2) == 0)
	case 4:
		v.SetEmptyBytes().FromRaw(make([]byte, random.IntN(5)))
	case 5: // without a value
	case 6:
		v.SetStr(strings.Repeat("long ", random.IntN(60)))
	case 7:
		list := v.SetEmptySlice()
		for range random.IntN(3) {
			randomValue(random, list.AppendEmpty(), depth+1)
		}
	case 8:
		m := v.SetEmptyMap()
		for i := range random.IntN(3) {
			randomValue(random, m.PutEmpty(fmt.Sprint("k", i)), depth+1)
		}
	}
}

func randomAttributes(random *rand.Rand, m pcommon.Map) {
	keys := []string{
		"http.method", "error", "span.kind", "wait.joined_us", "", "a", "service.name", "event", "@jaeger@warnings",
	}
	random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	for _, key := range keys[:random.IntN(5)] {
		randomValue(random, m.PutEmpty(key), 0)
	}
}

// randomTraces makes spans with all fields that pdata has.
func randomTraces(random *rand.Rand) ptrace.Traces {
	traces := ptrace.NewTraces()
	traceID := func() (id pcommon.TraceID) {
		binary.BigEndian.PutUint64(id[:], random.Uint64()<<(64*random.IntN(2)))
		binary.BigEndian.PutUint64(id[8:], random.Uint64N(3))
		return id
	}
	spanID := func() (id pcommon.SpanID) {
		binary.BigEndian.PutUint64(id[:], random.Uint64N(3)<<random.IntN(60))
		return id
	}
	at := func() pcommon.Timestamp { return pcommon.Timestamp(random.Uint64N(5) * 1_700_000_000_123_456_789 >> 2) }
	for range random.IntN(4) {
		rs := traces.ResourceSpans().AppendEmpty()
		randomAttributes(random, rs.Resource().Attributes())
		if random.IntN(2) == 0 {
			rs.Resource().Attributes().PutStr("service.name", fmt.Sprint("s", random.IntN(2)))
		}
		for range random.IntN(3) {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName([]string{"", "scope"}[random.IntN(2)])
			ss.Scope().SetVersion([]string{"", "1.0"}[random.IntN(2)])
			randomAttributes(random, ss.Scope().Attributes())
			for range random.IntN(3) * random.IntN(100) {
				s := ss.Spans().AppendEmpty()
				s.SetTraceID(traceID())
				s.SetSpanID(spanID())
				s.SetParentSpanID(spanID())
				s.SetName([]string{"", "GET", strings.Repeat("x", 200)}[random.IntN(3)])
				s.SetKind(ptrace.SpanKind(random.IntN(7)))
				s.SetStartTimestamp(at())
				s.SetEndTimestamp(at())
				s.SetFlags(random.Uint32())
				s.TraceState().FromRaw([]string{"", "a=b"}[random.IntN(2)])
				s.SetDroppedAttributesCount(random.Uint32N(2))
				s.Status().SetCode(ptrace.StatusCode(random.IntN(3)))
				s.Status().SetMessage([]string{"", "refused"}[random.IntN(2)])
				randomAttributes(random, s.Attributes())
				for range random.IntN(3) {
					l := s.Links().AppendEmpty()
					l.SetTraceID([]pcommon.TraceID{s.TraceID(), traceID()}[random.IntN(2)])
					l.SetSpanID([]pcommon.SpanID{s.ParentSpanID(), spanID()}[random.IntN(2)])
					randomAttributes(random, l.Attributes())
					if random.IntN(2) == 0 {
						l.Attributes().PutStr("opentracing.ref_type", []string{"child_of", "follows_from"}[random.IntN(2)])
					}
				}
				for range random.IntN(3) {
					e := s.Events().AppendEmpty()
					e.SetName([]string{"", "retry"}[random.IntN(2)])
					e.SetTimestamp(at())
					randomAttributes(random, e.Attributes())
				}
			}
		}
	}
	return traces
}

// encodings returns traces in each format in which pdata and the collector write them.
func encodings(t testing.TB, traces ptrace.Traces) map[string][]byte {
	t.Helper()
	text, err := new(ptrace.JSONMarshaler).MarshalTraces(traces)
	if err != nil {
		t.Fatal(err)
	}
	proto, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		"JSON":          text,
		"Protobuf":      proto,
		"with its size": append(binary.BigEndian.AppendUint32(nil, uint32(len(proto))), proto...),
		"delimited":     append(binary.AppendUvarint(nil, uint64(len(proto))), proto...),
		"Tempo":         append(binary.AppendUvarint([]byte{0x0a}, uint64(len(proto))), proto...),
	}
}

// recognizable reports whether the encoding of traces can be told from its first bytes. No message
// is encoded as no bytes, and a message in an answer as one that is not, if no scope comes first.
func recognizable(traces ptrace.Traces, encoding string) bool {
	groups := traces.ResourceSpans()
	return encoding == "JSON" || groups.Len() > 0 && (encoding != "Tempo" || groups.At(0).ScopeSpans().Len() > 0)
}

func TestReadAgreesWithPdata(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	spans := 0
	for range 20 {
		traces := randomTraces(random)
		want := render(otlp.Spans(traces, read.WithEverything()))
		spans += traces.SpanCount()
		for name, input := range encodings(t, traces) {
			if !recognizable(traces, name) {
				continue
			}
			got, errs := readAll(bytes.NewReader(input), read.WithEverything())
			if render(got) != want || errs != nil {
				t.Fatalf("%s: %v\n%s", name, errs, differ(render(got), want))
			}
			got, errs = readAll(iotest.OneByteReader(bytes.NewReader(input)), read.WithEverything())
			if render(got) != want || errs != nil {
				t.Fatalf("%s, byte by byte: %v\n%s", name, errs, differ(render(got), want))
			}
		}
	}
	if spans < 500 {
		t.Errorf("only %d spans", spans)
	}
}

// Without everything, the tags that analysis needs are the same.
func TestReadKeepsWhatAnalysisNeeds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 30 {
		traces := randomTraces(random)
		want := otlp.Spans(traces, read.WithEverything())
		for i := range want {
			s := &want[i]
			s.Logs = nil
			s.Tags = slices.DeleteFunc(s.Tags, func(f gap.Field) bool {
				return f.Key != "error" && f.Key != "span.kind" && f.Key != "wait.joined_us" && f.Key != "http.method"
			})
		}
		if got := render(otlp.Spans(traces, read.WithTags("http.method"))); got != render(want) {
			t.Fatalf("Spans:\n%s", differ(got, render(want)))
		}
		var one []gap.Span
		for s := range otlp.Converter(read.WithTags("http.method"))(traces) {
			copied := *s
			copied.References = slices.Clone(s.References)
			one = append(one, copied)
		}
		if got := render(one); got != render(want) {
			t.Fatalf("Converter:\n%s", differ(got, render(want)))
		}
		for name, input := range encodings(t, traces) {
			if !recognizable(traces, name) {
				continue
			}
			got, errs := readAll(bytes.NewReader(input), read.WithTags("http.method"))
			if render(got) != render(want) || errs != nil {
				t.Fatalf("%s: %v\n%s", name, errs, differ(render(got), render(want)))
			}
		}
	}
}

// Several messages after each other, and batches whose resources come after the spans.
func TestMessagesFollowEachOther(t *testing.T) {
	traces := manySpans(1000, 1)
	want := render(otlp.Spans(traces, read.WithEverything()))
	for name, input := range encodings(t, traces) {
		if name == "Tempo" {
			continue
		}
		input = bytes.Repeat(input, 3)
		if name == "with its size" { // and empty ones
			input = slices.Concat(make([]byte, 8), input, make([]byte, 4))
		}
		got, errs := readAll(bytes.NewReader(input), read.WithEverything())
		if render(got) != want+want+want || errs != nil {
			t.Errorf("%s: %d spans, %v", name, len(got), errs)
		}
		for spans, err := range otlp.Read(bytes.NewReader(input)) {
			if err != nil || len(spans) == 0 || len(spans) > 128 {
				t.Errorf("%s: a batch of %d spans, %v", name, len(spans), err)
			}
			break // and nothing is yielded afterwards
		}
	}
}

// TestWriteAndReadAgain reads what Write has written, and compares it with the original.
func TestWriteAndReadAgain(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		once := otlp.Spans(randomTraces(random), read.WithEverything())
		var b bytes.Buffer
		if err := otlp.Write(&b, once); err != nil {
			t.Fatal(err)
		}
		if _, err := new(ptrace.JSONUnmarshaler).UnmarshalTraces(b.Bytes()); err != nil {
			t.Fatal(err)
		}
		twice, errs := readAll(&b, read.WithEverything())
		if got, want := canonical(twice), canonical(once); got != want || errs != nil {
			t.Fatalf("read again: %v\n%s", errs, differ(got, want))
		}
		if got, want := canonical(otlp.Spans(otlp.Traces(once, nil), read.WithEverything())), canonical(once); got != want {
			t.Fatal("from pdata:", differ(got, want))
		}
	}
}

// differ returns the first lines that differ.
func differ(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	i := 0
	for i < min(len(a), len(b))-1 && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("line %d of %d:\n%.1000s\nwant, of %d:\n%.1000s", i, len(a), a[i], len(b), b[i])
}

// canonical renders spans in an order that does not depend on their processes, with sorted tags, of
// which the last of each key counts, and with the trace in each reference, which comes once. Write
// makes a status of a tag error, so the tag for the status is left out.
func canonical(spans []gap.Span) string {
	lines := make([]string, len(spans))
	fields := func(all []gap.Field) []gap.Field {
		last := map[string]gap.Field{}
		for _, f := range all {
			last[f.Key] = f
		}
		all = make([]gap.Field, 0, len(last))
		for _, f := range last {
			all = append(all, f)
		}
		slices.SortFunc(all, func(a, b gap.Field) int { return strings.Compare(a.Key, b.Key) })
		return all
	}
	for i, s := range spans {
		s.Tags = slices.DeleteFunc(fields(s.Tags), func(f gap.Field) bool { return f.Key == "otel.status_code" })
		s.References = slices.Clone(s.References)
		for i := range s.References {
			if s.References[i].TraceID == (gap.TraceID{}) {
				s.References[i].TraceID = s.TraceID
			}
		}
		slices.SortFunc(s.References, func(a, b gap.Reference) int {
			return cmp.Or(cmp.Compare(a.Type, b.Type), a.TraceID.Compare(b.TraceID), cmp.Compare(a.SpanID, b.SpanID))
		})
		s.References = slices.Compact(s.References)
		s.References = slices.DeleteFunc(s.References, func(a gap.Reference) bool {
			return a.Type == gap.FollowsFrom &&
				slices.Contains(s.References, gap.Reference{TraceID: a.TraceID, SpanID: a.SpanID})
		})
		s.Logs = slices.Clone(s.Logs)
		for i := range s.Logs {
			s.Logs[i].Fields = fields(s.Logs[i].Fields)
		}
		if s.Process != nil {
			s.Process = &gap.Process{Service: s.Process.Service, Tags: fields(s.Process.Tags)}
		}
		lines[i] = render([]gap.Span{s})
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
