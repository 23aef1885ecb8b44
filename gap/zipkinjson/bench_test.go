package zipkinjson_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/zipkinjson"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

// BenchmarkRead reads an array of traces of a hundred spans, and the same spans one a line.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		traces, lines := manySpans(b, n)
		for name, text := range map[string][]byte{"traces": traces, "lines": lines} {
			b.Run(name+"/"+strconv.Itoa(n), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					read := 0
					for spans, err := range zipkinjson.Read(bytes.NewReader(text)) {
						if err != nil {
							b.Fatal(err)
						}
						read += len(spans)
					}
					if read != n {
						b.Fatalf("%d spans of %d", read, n)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
			})
		}
	}
}

// manySpans returns n spans as Zipkin writes them.
func manySpans(b *testing.B, n int) (traces, lines []byte) {
	b.Helper()
	var jaeger, all, each bytes.Buffer
	if err := manyspans.Write(&jaeger, "realistic", n, 100); err != nil {
		b.Fatal(err)
	}
	outer := "["
	for spans, err := range jaegerjson.Read(&jaeger) {
		if err != nil {
			b.Fatal(err)
		}
		inner := "["
		all.WriteString(outer)
		for _, s := range spans {
			parent := ""
			if len(s.References) > 0 {
				parent = fmt.Sprintf(`"parentId":"%v",`, s.References[0].SpanID)
			}
			kind, _ := s.Tag("span.kind")
			line := fmt.Sprintf(`{"traceId":"%v",%s"id":"%v","kind":"%s","name":%q,"timestamp":%d,"duration":%d,`+
				`"localEndpoint":{"serviceName":%q,"ipv4":"10.0.0.1"},"tags":{"http.method":"GET","http.path":"/books/17"}}`,
				s.TraceID, parent, s.SpanID, strings.ToUpper(kind), s.Operation, s.Start.UnixMicro(), s.Duration.Microseconds(),
				s.Process.Service)
			all.WriteString(inner + line)
			each.WriteString(line + "\n")
			inner = ","
		}
		all.WriteString("]")
		outer = ","
	}
	all.WriteString("]")
	return all.Bytes(), each.Bytes()
}
