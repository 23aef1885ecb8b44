package jaegerjson_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
	"testing"

	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

// BenchmarkRead reads one trace, and traces of a hundred spans. BenchmarkTokensOfEncodingJSON reads
// the tokens of the same text and does nothing with them.
func BenchmarkRead(b *testing.B) {
	for _, shape := range []struct {
		name, shape string
		perTrace    int
	}{{"realistic", "realistic", 0}, {"traces of 100", "realistic", 100}, {"deep", "deep", 0}, {"wide", "wide", 0}} {
		for _, n := range []int{10_000, 100_000, 1_000_000} {
			b.Run(shape.name+"/"+strconv.Itoa(n), func(b *testing.B) {
				text := manySpans(b, shape.shape, n, shape.perTrace)
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					read := 0
					for spans, err := range jaegerjson.Read(bytes.NewReader(text)) {
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

func BenchmarkTokensOfEncodingJSON(b *testing.B) {
	const n = 100_000
	text := manySpans(b, "realistic", n, 0)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		d := json.NewDecoder(bytes.NewReader(text))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/span")
}

func manySpans(b *testing.B, shape string, n, perTrace int) []byte {
	b.Helper()
	var text bytes.Buffer
	if err := manyspans.Write(&text, shape, n, perTrace); err != nil {
		b.Fatal(err)
	}
	return text.Bytes()
}
