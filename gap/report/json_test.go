package report_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// document is the part of the schema that the tests check.
type document struct {
	Version    int
	Count      struct{ Traces, Spans int }
	Warnings   map[string]int
	Operations []struct {
		Service, Operation string
		Count              int64
		Self               int64   `json:"self_ns"`
		Share              float64 `json:"share"`
	}
	Gaps []struct {
		TraceID  string `json:"trace_id"`
		Critical int64  `json:"critical_ns"`
	}
	Traces []struct {
		TraceID  string    `json:"trace_id"`
		Start    time.Time `json:"start"`
		Duration int64     `json:"duration_ns"`
		Self     int64     `json:"self_ns"`
		Warnings []struct{ Code, Message string }
		Spans    []struct {
			SpanID             string `json:"span_id"`
			Parent             *int
			Service, Operation string
			Kind               string
			Start              int64 `json:"start_ns"`
			Duration           int64 `json:"duration_ns"`
			Self               int64 `json:"self_ns"`
			Critical           int64 `json:"critical_ns"`
			Blocking           bool
			Gaps               []struct {
				Class string
				Start int64 `json:"start_ns"`
				End   int64 `json:"end_ns"`
				Time  int64 `json:"time_ns"`
				Call  *int
			}
		}
		Path []struct {
			Span  int
			Start int64 `json:"start_ns"`
			End   int64 `json:"end_ns"`
		} `json:"critical_path"`
	}
}

func decode(t *testing.T, r *report.Report) (d document) {
	t.Helper()
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	return d
}

func TestJSON(t *testing.T) {
	traces := someTraces()
	joined := inTrace(9, request())
	joined[3].Tags = append(joined[3].Tags, gap.Field{Key: "wait.joined_us", Value: int64(3000)})
	traces = append(traces, joined)
	r, _ := gather(report.Options{Traces: 100}, traces)
	d := decode(t, r)
	if d.Version != 2 || d.Count.Traces != len(traces) || len(d.Traces) != len(traces) {
		t.Fatalf("version %d, %d traces, of which %d", d.Version, d.Count.Traces, len(d.Traces))
	}
	for i, trace := range r.Traces() {
		got := d.Traces[i]
		if got.TraceID != trace.ID().String() || !got.Start.Equal(trace.Start()) ||
			got.Duration != int64(trace.End().Sub(trace.Start())) {
			t.Errorf("trace %s from %v, %d ns; want %v", got.TraceID, got.Start, got.Duration, trace.ID())
		}
		ns := func(t time.Time) int64 { return int64(t.Sub(trace.Start())) }
		if len(got.Spans) != trace.Len() {
			t.Fatalf("%d spans of %d", len(got.Spans), trace.Len())
		}
		self, calls := int64(0), 0
		for n := range trace.Nodes() {
			s := got.Spans[n.Index()]
			if s.SpanID != n.Span().SpanID.String() || s.Service != n.Service() ||
				s.Operation != n.Span().Operation || s.Kind != n.Kind().String() ||
				s.Start != ns(n.Start()) || s.Duration != int64(n.Duration()) || s.Self != int64(n.SelfTime()) ||
				s.Critical != int64(n.CriticalTime()) || s.Blocking != n.Blocking() {
				t.Errorf("span %+v", s)
			}
			parent, ok := n.Parent()
			if ok != (s.Parent != nil) || ok && *s.Parent != parent.Index() {
				t.Errorf("the parent of %s is %v", s.SpanID, s.Parent)
			}
			self += s.Self
			j := 0
			for g := range n.Gaps(0) {
				h := s.Gaps[j]
				if h.Class != g.Class.String() || h.Start != ns(g.Start) || h.End != ns(g.End) ||
					h.Time != int64(g.Time) ||
					g.Joined() != (h.Call != nil) {
					t.Errorf("gap %+v, want %+v", h, g)
				}
				if g.Joined() {
					calls++
				}
				j++
			}
			if j != len(s.Gaps) {
				t.Errorf("%d gaps, want %d", len(s.Gaps), j)
			}
		}
		if self != got.Self || calls > 0 != (trace.ID().Low == 9) {
			t.Errorf("self time %d, want %d; %d joined gaps", got.Self, self, calls)
		}
		j := 0
		for p := range trace.CriticalPath() {
			if h := got.Path[j]; h.Span != p.Node.Index() || h.Start != ns(p.Start) || h.End != ns(p.End) {
				t.Errorf("segment %+v, want %+v", h, p)
			}
			j++
		}
		if j != len(got.Path) {
			t.Errorf("%d segments, want %d", len(got.Path), j)
		}
	}
	if want := map[string]int{"clock-skew": 1, "missing-parent": 1}; !maps.Equal(d.Warnings, want) {
		t.Errorf("warnings %v, want %v", d.Warnings, want)
	}
	if len(d.Gaps) != 20 || !slices.IsSortedFunc(d.Gaps, func(a, b struct {
		TraceID  string `json:"trace_id"`
		Critical int64  `json:"critical_ns"`
	},
	) int {
		return cmp.Compare(b.Critical, a.Critical)
	}) {
		t.Errorf("gaps %+v", d.Gaps)
	}
	share := 0.0
	for _, o := range d.Operations {
		share += o.Share
	}
	if share < 0.999 || share > 1.001 {
		t.Errorf("the shares of %d operations add up to %v", len(d.Operations), share)
	}
}

func TestJSONOfEmptyReport(t *testing.T) {
	var b strings.Builder
	if err := report.New(report.Options{}).JSON(&b); err != nil {
		t.Fatal(err)
	}
	const want = `{"version":2,"count":{"traces":0,"spans":0,"seen_again":0,"incomplete":0,"moved":0},"warnings":{},` +
		`"operations":[],"gaps":[],"traces":[` + "\n]}\n"
	if b.String() != want {
		t.Errorf("%s\nwant %s", b.String(), want)
	}
}

// full is a writer that fails after left bytes.
type full struct{ left int }

var errFull = errors.New("full")

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrorsAreReturned(t *testing.T) {
	r, s := gather(report.Options{}, someTraces())
	for name, to := range map[string]func(*full) error{
		"text":     func(f *full) error { return r.Text(f, report.TextOptions{}) },
		"json":     func(f *full) error { return r.JSON(f) },
		"perfetto": func(f *full) error { return r.Perfetto(f) },
		"folded":   func(f *full) error { return s.Folded(f, report.FoldedOptions{}) },
	} {
		for _, left := range []int{0, 5000} {
			if err := to(&full{left}); !errors.Is(err, errFull) && (left == 0 || name != "folded") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// JSON writes 1,000 gaps of a span at a time.
func TestJSONOfManyGaps(t *testing.T) {
	for _, n := range []int{999, 1000, 1001, 2000, 3500} {
		r, _ := gather(report.Options{}, [][]gap.Span{comb(n)})
		spans := decode(t, r).Traces[0].Spans
		if len(spans) != n+1 || len(spans[0].Gaps) != n || spans[0].Operation != "root" {
			t.Errorf("%d spans, %d gaps of %q; want %d", len(spans), len(spans[0].Gaps), spans[0].Operation, n)
		}
		for i, g := range spans[0].Gaps {
			if g.Start != int64(2*i+1)*int64(time.Millisecond) {
				t.Fatalf("gap %d starts at %d", i, g.Start)
			}
		}
	}
}
