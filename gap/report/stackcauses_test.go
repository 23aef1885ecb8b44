package report_test

import (
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

func TestFoldedShowsCauses(t *testing.T) {
	const want = `reader: HTTP GET;bookshop: HTTP GET /books/{id};bookshop: render;cpu;shop.render render.go:9 7000
reader: HTTP GET;bookshop: HTTP GET /books/{id};bookshop: render;runnable;shop.render render.go:9 2000
reader: HTTP GET;bookshop: HTTP GET /books/{id};bookshop: render;unobserved 1000
reader: HTTP GET;bookshop: HTTP GET /books/{id};cpu;shop.render page.go:31 8500
reader: HTTP GET;bookshop: HTTP GET /books/{id};gc 500
reader: HTTP GET;bookshop: HTTP GET /books/{id};lock;shop.render cart.go:17 8000
reader: HTTP GET;bookshop: HTTP GET /books/{id};network;shop.render page.go:44 9400
reader: HTTP GET;bookshop: HTTP GET /books/{id};no-cpu;shop.render page.go:31 3500
`
	_, s := explainedReport()
	for _, o := range []report.FoldedOptions{{}, {Time: "critical"}} {
		if got := written(t, func(w io.Writer) error { return s.Folded(w, o) }); got != want {
			t.Errorf("%+v: got\n%s\nwant\n%s", o, got, want)
		}
	}
	const lock = "reader: HTTP GET;bookshop: HTTP GET /books/{id};lock;shop.render cart.go:17 8000\n"
	got := written(t, func(w io.Writer) error { return s.Folded(w, report.FoldedOptions{Time: "lock"}) })
	if got != lock {
		t.Errorf("got\n%s\nwant\n%s", got, lock)
	}
}

// sums adds up each type of a profile's values.
func sums(t *testing.T, s *report.Stacks) map[string]int64 {
	t.Helper()
	p, all := read(t, s), map[string]int64{}
	for _, sample := range p.Sample {
		for i, v := range sample.Value {
			all[p.SampleType[i].Type] += v
		}
	}
	return all
}

func TestProfileOfCausesAddsUp(t *testing.T) {
	joined := request()
	joined[3].Tags = append(joined[3].Tags, gap.Field{Key: "wait.joined_us", Value: int64(3000)})
	failed := fork()
	failed[0] = tagged(failed[0], "error", true)
	for name, spans := range map[string][]gap.Span{
		"request": joined, "failed": failed, "comb": comb(7), "deep": chain(300),
	} {
		trace, _ := gap.Build(spans)
		var plain, some, many report.Stacks
		plain.Add(trace)
		some.Add(explain(trace, false))
		many.Add(hostile(trace))
		want := sums(t, &plain)
		for _, s := range []*report.Stacks{&some, &many} {
			got := sums(t, s)
			for kind, sum := range want {
				if got[kind] != sum {
					t.Errorf("%s: %s is %d, want %d", name, kind, got[kind], sum)
				}
			}
			causes := int64(0)
			for c := range gap.Cause(gap.NumCauses) {
				causes += got[strings.ReplaceAll(c.String(), " ", "-")]
			}
			if causes > want["self"] {
				t.Errorf("%s: causes of %d ns, self time %d", name, causes, want["self"])
			}
		}
	}
	_, s := explainedReport()
	got := sums(t, s)
	for kind, want := range map[string]int64{
		"cpu": 15_500_000, "no-cpu": 3_500_000, "gc": 500_000, "lock": 8_000_000, "network": 9_400_000,
		"runnable": 2_000_000, "unobserved": 1_000_000, "sleep": 0,
	} {
		if got[kind] != want {
			t.Errorf("%s is %d, want %d", kind, got[kind], want)
		}
	}
}

func TestPprofReadsCauses(t *testing.T) {
	_, s := explainedReport()
	var b bytes.Buffer
	if err := s.Profile(&b, report.ProfileOptions{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "gaps.pb.gz")
	write(t, file, b.Bytes())
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"cpu": {
			[]string{"-sample_index=cpu", "-lines"},
			[]string{
				"Type: cpu", "8.50ms 54.84% 54.84%     8.50ms 54.84%  example.com/shop.render /src/shop/page.go:31",
				"7ms 45.16%   100%        7ms 45.16%  example.com/shop.render /src/shop/render.go:9",
			},
		},
		"lock":   {[]string{"-sample_index=lock"}, []string{"8ms   100%   100%        8ms   100%  example.com/shop.render"}},
		"gc":     {[]string{"-sample_index=gc"}, []string{"500us   100%   100%      500us   100%  (gc)"}},
		"no-cpu": {[]string{"-sample_index=no-cpu"}, []string{"Type: no-cpu", "3.50ms   100%"}},
		"tag":    {[]string{"-tagfocus=cause=lock"}, []string{"Type: self", "8ms 20.05%"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(append([]string{"tool", "pprof", "-top"}, test.args...), file)
			out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("%q is missing in\n%s", want, out)
				}
			}
		})
	}
}
