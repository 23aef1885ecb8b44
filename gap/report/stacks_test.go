package report_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

func TestDeepStacksAreTruncated(t *testing.T) {
	_, s := gather(report.Options{}, [][]gap.Span{chain(100_000)})
	p := read(t, s)
	if len(p.Sample) != 1 || len(p.Sample[0].Location) != 256 ||
		p.Sample[0].Location[0].Line[0].Function.Name != "(deeper)" {
		t.Errorf("%d samples, the first of %d frames", len(p.Sample), len(p.Sample[0].Location))
	}
	if p.Sample[0].Value[1] != int64(10*time.Millisecond) {
		t.Errorf("%d", p.Sample[0].Value)
	}
}

func TestStackSumsSaturate(t *testing.T) {
	var traces [][]gap.Span
	for i := range uint64(100) {
		long := span(1, 0, shop, "server", "root", 0, 1)
		long.Duration = 80 * 365 * 24 * time.Hour
		traces = append(traces, inTrace(i+1, []gap.Span{long}))
	}
	_, s := gather(report.Options{}, traces)
	for _, sample := range read(t, s).Sample {
		if v := sample.Value[1]; v < 0 {
			t.Errorf("%d", v)
		}
	}
	var b strings.Builder
	if err := s.Folded(&b, report.FoldedOptions{}); err != nil || b.String() != "bookshop: root 9223372036854775\n" {
		t.Errorf("%s, %v; want the highest number, %d ns", b.String(), err, int64(math.MaxInt64))
	}
}
