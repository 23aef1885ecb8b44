package report_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

func TestFolded(t *testing.T) {
	const want = `reader: HTTP GET;bookshop: HTTP GET /books/{id} 59800
reader: HTTP GET;bookshop: HTTP GET /books/{id};bookshop: ren,der 20000
`
	spans := request()
	spans[5].Operation = "ren;der"
	_, s := gather(report.Options{}, [][]gap.Span{spans, inTrace(2, spans)})
	var b strings.Builder
	if err := s.Folded(&b, report.FoldedOptions{}); err != nil || b.String() != want {
		t.Errorf("%v, got:\n%s\nwant:\n%s", err, b.String(), want)
	}
}

func TestFoldedTimes(t *testing.T) {
	_, s := gather(report.Options{}, [][]gap.Span{fork()})
	for time, want := range map[string]string{
		"self": `bookshop: GET 20000
bookshop: GET;bookshop: log 10000
bookshop: GET;bookshop: price 20000
bookshop: GET;bookshop: stock;bookshop: HTTP GET;supplier: HTTP GET 20000
`,
		"critical": `bookshop: GET 20000
bookshop: GET;bookshop: stock;bookshop: HTTP GET;supplier: HTTP GET 18000
`,
		"wire": `bookshop: GET;bookshop: stock;bookshop: HTTP GET 20000
`,
		"remote": `bookshop: GET;bookshop: price;bookshop: sql query 10000
bookshop: GET;bookshop: stock;bookshop: redis set 52000
`,
		"path": `bookshop: GET 20000
bookshop: GET;bookshop: stock;bookshop: HTTP GET 10000
bookshop: GET;bookshop: stock;bookshop: HTTP GET;supplier: HTTP GET 18000
bookshop: GET;bookshop: stock;bookshop: redis set 52000
`,
	} {
		var b strings.Builder
		if err := s.Folded(&b, report.FoldedOptions{Time: time}); err != nil || b.String() != want {
			t.Errorf("%s: %v, got:\n%s\nwant:\n%s", time, err, b.String(), want)
		}
	}
	var b strings.Builder
	err := s.Folded(&b, report.FoldedOptions{Time: "gaps"})
	if err == nil || b.Len() > 0 || !strings.Contains(err.Error(), "self, critical, wire, remote, path") {
		t.Errorf("a time that stacks do not have: %v, %d bytes", err, b.Len())
	}
}

// A joined gap's critical time is a part of the call's, so it must not count twice.
func TestPathAddsUpToTheRoot(t *testing.T) {
	spans := request()
	spans[3].Tags = append(spans[3].Tags, gap.Field{Key: "wait.joined_us", Value: int64(3000)})
	_, s := gather(report.Options{}, [][]gap.Span{spans})
	sum := int64(0)
	for _, sample := range read(t, s).Sample {
		sum += sample.Value[5]
	}
	if sum != int64(100*time.Millisecond) {
		t.Errorf("%v, want 100ms", time.Duration(sum))
	}
}

// read encodes a profile and parses it.
func read(t *testing.T, s *report.Stacks) *profile.Profile {
	t.Helper()
	var b bytes.Buffer
	if err := s.Profile(&b, report.ProfileOptions{}); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProfileHoldsAllGaps(t *testing.T) {
	traces := someTraces()
	traces = append(traces, inTrace(8, fan(1)))
	var want [6]int64
	for _, spans := range traces {
		trace, _ := gap.Build(spans)
		for g := range trace.Gaps(0) {
			want[0]++
			if !g.Joined() {
				want[5] += int64(g.CriticalTime)
			}
			switch g.Class {
			case gap.ClassSelf:
				want[1] += int64(g.Time)
				want[2] += int64(g.CriticalTime)
			case gap.ClassWire:
				want[3] += int64(g.Time)
			case gap.ClassRemote:
				want[4] += int64(g.Time)
			}
		}
	}
	_, s := gather(report.Options{}, traces)
	p := read(t, s)
	var got [6]int64
	for _, sample := range p.Sample {
		for i, v := range sample.Value {
			got[i] += v
		}
	}
	if got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if p.DefaultSampleType != "self" {
		t.Errorf("the default is %q", p.DefaultSampleType)
	}
}

// There are a hundred traces of the same shape, each slower than the one before.
func TestProfileNamesTheWorstTraces(t *testing.T) {
	var traces [][]gap.Span
	for i := range uint64(100) {
		spans := inTrace(i+1, []gap.Span{span(1, 0, shop, "server", "root", 0, 1+float64(i))})
		traces = append(traces, spans)
	}
	_, s := gather(report.Options{}, traces)
	var labels []string
	var rest, all int64
	for _, sample := range read(t, s).Sample {
		all += sample.Value[1]
		if id := sample.Label["trace_id"]; len(id) == 1 {
			labels = append(labels, id[0])
		} else {
			rest += sample.Value[0]
		}
	}
	want := []string{}
	for i := range uint64(10) {
		want = append(want, gap.TraceID{Low: 100 - i}.String())
	}
	slices.Sort(labels)
	slices.Sort(want)
	if !slices.Equal(labels, want) || rest != 90 || all != 5050*int64(time.Millisecond) {
		t.Errorf("%d gaps without a trace, %v in all, labels %v", rest, time.Duration(all), labels)
	}
}

func TestPprofReadsProfile(t *testing.T) {
	_, s := gather(report.Options{}, [][]gap.Span{request()})
	file := filepath.Join(t.TempDir(), "gaps.pb.gz")
	var b bytes.Buffer
	if err := s.Profile(&b, report.ProfileOptions{}); err != nil {
		t.Fatal(err)
	}
	write(t, file, b.Bytes())
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"top": {
			[]string{"-top"},
			[]string{
				"Type: self",
				"29.90ms 74.94% 74.94%    39.90ms   100%  bookshop: HTTP GET /books/{id}",
				"10ms 25.06%   100%       10ms 25.06%  bookshop: render",
			},
		},
		"wire": {
			[]string{"-top", "-sample_index=wire"}, []string{"20ms   100%   100%       20ms   100%  reader: HTTP GET"},
		},
		"traces": {
			[]string{"-traces"},
			[]string{
				"trace_id:  0000000000000001",
				"bookshop: render\n             bookshop: HTTP GET /books/{id}\n             reader: HTTP GET",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(append([]string{"tool", "pprof"}, test.args...), file)
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

func TestProfileKeepsSimilarOperationsApart(t *testing.T) {
	_, s := gather(report.Options{}, [][]gap.Span{
		inTrace(1, []gap.Span{span(1, 0, &gap.Process{Service: "s"}, "server", "a: b", 0, 1)}),
		inTrace(2, []gap.Span{span(1, 0, &gap.Process{Service: "s: a"}, "server", "b", 0, 2)}),
	})
	p := read(t, s)
	files := map[string]string{}
	for _, f := range p.Function {
		files[f.Filename] = f.Name
	}
	if len(p.Function) != 2 || files["s"] != "s: a: b" || files["s: a"] != "s: a: b" {
		t.Errorf("functions %v", files)
	}
}

// pprof strips templates and parameters from what it takes for C++.
func TestPprofKeepsBracketsInNames(t *testing.T) {
	names := []string{
		"GET /users/<int:id>", "GET /users/<name>", "[GET] /a (v1)", "[GET] /a (v2)",
		"Users::Show(html)", "Users::Show(json)", "plain (x)",
	}
	var traces [][]gap.Span
	for i, name := range names {
		one := span(1, 0, &gap.Process{Service: "web"}, "server", name, 0, 1)
		traces = append(traces, inTrace(uint64(i+1), []gap.Span{one}))
	}
	_, s := gather(report.Options{}, traces)
	var b bytes.Buffer
	if err := s.Profile(&b, report.ProfileOptions{}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "gaps.pb.gz")
	write(t, file, b.Bytes())
	out, err := exec.CommandContext(t.Context(), "go", "tool", "pprof", "-top", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range names {
		if !strings.Contains(string(out), " web: "+name+"\n") {
			t.Errorf("%q is missing in\n%s", name, out)
		}
	}
}

func TestProfileReturnsWriteError(t *testing.T) {
	_, s := gather(report.Options{}, [][]gap.Span{request(), chain(1000)})
	var whole bytes.Buffer
	if err := s.Profile(&whole, report.ProfileOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, left := range []int{0, 1, whole.Len() / 2, whole.Len() - 1} {
		if err := s.Profile(&full{left}, report.ProfileOptions{}); err != errFull {
			t.Errorf("after %d of %d bytes: %v, want %v, once", left, whole.Len(), err, errFull)
		}
	}
}

func TestProfileOfUnknownTime(t *testing.T) {
	var s report.Stacks
	var b bytes.Buffer
	err := s.Profile(&b, report.ProfileOptions{Time: "gaps"})
	if err == nil || !strings.Contains(err.Error(), `unknown time "gaps"`) || b.Len() > 0 {
		t.Errorf("got %v and %d bytes", err, b.Len())
	}
}
