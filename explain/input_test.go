package explain_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/explain"
	"github.com/gaptrace/gaptrace/gap"
)

// testdata/record describes these files.
func recordings(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.trace")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	all := map[string][]byte{}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = content
	}
	return all
}

func TestVersions(t *testing.T) {
	for name, content := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			r := read(t, content)
			gaps := gapsOf(t, r, "waits")
			causes := gaps[0].Explanation.Causes()
			if causes[gap.CauseLock] < 25*time.Millisecond || causes[gap.CauseCPU] < 20*time.Millisecond ||
				causes[gap.CauseUnobserved] > time.Millisecond {
				t.Errorf("got %v", gaps[0].Explanation.Parts)
			}
			for _, p := range gaps[0].Explanation.Parts {
				if p.Cause == gap.CauseLock && (p.HeldBy.Operation != "holds" || p.Reason != "sync.(*Mutex).Lock" ||
					!strings.HasPrefix(p.Frame.Function, "main.record.")) {
					t.Errorf("got %+v", p)
				}
			}
			old := strings.Compare(name, "go1.25") < 0
			noted := slices.ContainsFunc(r.Notes(), func(s string) bool { return strings.Contains(s, "no clock snapshot") })
			if noted != old {
				t.Errorf("notes %q", r.Notes())
			}
		})
	}
}

func TestTruncated(t *testing.T) {
	content := recordings(t)["go1.26.11.trace"]
	whole := read(t, content)
	for n := range len(content) {
		r, err := explain.Read(bytes.NewReader(content[:n]), explain.Options{})
		if err != nil {
			continue
		}
		note := slices.ContainsFunc(r.Notes(), func(s string) bool { return strings.Contains(s, "truncated") })
		if r.Events() < whole.Events() && (!note || r.Err() == nil) {
			t.Errorf("%d of %d bytes: %d events, notes %q", n, len(content), r.Events(), r.Notes())
		}
	}
}

func TestBadInput(t *testing.T) {
	for name, test := range map[string]struct{ input, want string }{
		"empty":          {"", "not an execution trace"},
		"text":           {"hello, world, this is not a trace", "not an execution trace"},
		"newer version":  {"go 1.99 trace\x00\x00\x00", "1.99"},
		"header only":    {"go 1.26 trace\x00\x00\x00", "nothing can be read"},
		"CPU profile":    {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff", "not an execution trace"},
		"ancient":        {"go 1.5 trace\x00\x00\x00\x00", "1.5"},
		"damaged header": {"go 1.26 trace\x00\x00\x01" + strings.Repeat("\xff", 100), "not an execution trace"},
	} {
		r, err := explain.Read(strings.NewReader(test.input), explain.Options{})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "explain: ") {
			t.Errorf("%s: %v, %v, want %q", name, r, err, test.want)
		}
	}
}

func TestAnotherProcess(t *testing.T) {
	other, _ := gap.Build([]gap.Span{{
		TraceID: gap.TraceID{Low: 99}, SpanID: 99, Operation: "other", Start: time.Now(), Duration: time.Second,
	}})
	var e explain.Explainer
	explained, notes, err := e.Explain(bytes.NewReader(recordings(t)["go1.26.11.trace"]), []*gap.Trace{other})
	if err != nil || len(explained) != 1 || !slices.ContainsFunc(notes, func(s string) bool {
		return strings.Contains(s, "another process")
	}) {
		t.Fatalf("%d traces, notes %q, %v", len(explained), notes, err)
	}
	for g := range explained[0].Gaps(0) {
		if p := g.Explanation.Parts; len(p) != 1 || p[0].Cause != gap.CauseUnobserved || p[0].Duration != time.Second {
			t.Errorf("got %+v", p)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, content := range recordings(f) {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := explain.Read(bytes.NewReader(content), explain.Options{MaxHistory: 100})
		if err != nil {
			return
		}
		for _, spans := range r.Traces() {
			built, _ := gap.Build(spans)
			for g := range r.Explain(built).Gaps(0) {
				check(t, g)
			}
		}
	})
}
