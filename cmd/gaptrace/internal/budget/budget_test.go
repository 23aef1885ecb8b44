package budget_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/budget"
	"github.com/gaptrace/gaptrace/gap"
)

const ms = time.Millisecond

// trace returns a trace of two spans: work of the service a, which lasts for self and for the 10 ms
// of a call.
func trace(id uint64, operation string, self time.Duration) *gap.Trace {
	process := &gap.Process{Service: "a"}
	start := time.Unix(1_700_000_000, 0)
	traceID := gap.TraceID{Low: id}
	built, _ := gap.Build([]gap.Span{
		{TraceID: traceID, SpanID: 1, Operation: operation, Start: start, Duration: self + 10*ms, Process: process},
		{
			TraceID: traceID, SpanID: 2, Operation: "get", Start: start, Duration: 10 * ms, Process: process,
			References: []gap.Reference{{TraceID: traceID, SpanID: 1}},
			Tags:       []gap.Field{{Key: "span.kind", Value: "client"}},
		},
	})
	return built
}

// hundred returns traces of "work" with a self time of 1 ms, 2 ms, … 100 ms, in any order.
func hundred() (traces []*gap.Trace) {
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(100) {
		traces = append(traces, trace(uint64(i+1), "work", time.Duration(i+1)*ms))
	}
	return traces
}

func check(t *testing.T, text string, traces ...*gap.Trace) []budget.Result {
	t.Helper()
	f, err := budget.Parse("budget.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m := budget.NewMeasures(f)
	for _, x := range traces {
		m.Add(x)
	}
	return budget.Check(f, m)
}

// of returns a file with one limit for the operation "work".
func of(limit string) string {
	return fmt.Sprintf("budgets: [{operation: work, limits: [%q]}]", limit)
}

func TestLimits(t *testing.T) {
	other := trace(200, "other", 5050*ms) // as much self time as all of "work"
	for limit, kept := range map[string]bool{
		"self p50 < 50ms":        false,
		"self p50 <= 50ms":       true,
		"self p50 < 50.000001ms": true,
		"self p95 < 96ms":        true,
		"self p95 < 95ms":        false,
		"self p99.5 < 100ms":     false,
		"self min < 2ms":         true,
		"self min < 1ms":         false,
		"self max <= 100ms":      true,
		"self max < 99ms":        false,
		"self mean <= 50.5ms":    true,
		"self mean < 50.5ms":     false,
		"critical p50 <= 50ms":   true,
		"critical p50 < 50ms":    false,
		"duration max <= 110ms":  true,
		"duration max < 110ms":   false,
		"share <= 50%":           true,
		"share < 50 %":           false,
	} {
		t.Run(limit, func(t *testing.T) {
			results := check(t, of(limit), append(hundred(), other)...)
			if len(results) != 1 {
				t.Fatalf("%+v", results)
			}
			r := results[0]
			if (r.Status == budget.Kept) != kept || r.Failed() == kept || r.Spans != 100 {
				t.Errorf("%+v", r)
			}
			if r.Worst != (gap.TraceID{Low: 100}) || r.Span() != "a: work" {
				t.Errorf("worst trace %v of %s", r.Worst, r.Span())
			}
		})
	}
}

func TestPatterns(t *testing.T) {
	traces := []*gap.Trace{
		trace(1, "HTTP GET /a", ms), trace(2, "HTTP GET /b", ms), trace(3, "sql query", ms), trace(4, `/*\*`, ms),
	}
	for pattern, want := range map[string]string{
		"HTTP GET /a":        "HTTP GET /a",
		"HTTP GET /*":        "HTTP GET /a, HTTP GET /b",
		"*":                  `/*\*, HTTP GET /a, HTTP GET /b, get, sql query`,
		"*T*E* /b":           "HTTP GET /b",
		"sql*query":          "sql query",
		"sql*y*query":        "",
		"http get /a":        "",
		"HTTP GET":           "",
		"*a*":                "HTTP GET /a",
		`/\*\\*`:             `/*\*`,
		`/*\\*`:              `/*\*`,
		`*\*`:                `/*\*`,
		`HTTP GET /\*`:       "",
		"HTTP GET /a*HTTP *": "",
	} {
		t.Run(pattern, func(t *testing.T) {
			var got []string
			text := fmt.Sprintf("budgets: [{operation: %q, service: 'a*', optional: true, limits: [self max < 1h]}]", pattern)
			for _, r := range check(t, text, traces...) {
				if r.Status == budget.Kept {
					got = append(got, r.Operation)
				}
			}
			if strings.Join(got, ", ") != want {
				t.Errorf("%q, want %s", got, want)
			}
		})
	}
}

const mixed = `budgets:
  - operation: work
    limits:
      - self max < 99ms
      - self max < 1s
  - {operation: "gone, or\nnot: 100%", service: b, limits: [share < 1%]}
  - {operation: rare, optional: true, limits: [share < 1%]}
`

func mixedReport(t *testing.T) *budget.Report {
	return &budget.Report{
		File: "dir,a:b/budget.yaml", Input: "traces.json", Traces: 100, Spans: 200, Results: check(t, mixed, hundred()...),
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := mixedReport(t).Text(&b); err != nil {
		t.Fatal(err)
	}
	const want = `dir,a:b/budget.yaml:4: a: work: self max is 100 ms, limit < 99.0 ms; worst trace 0000000000000064
dir,a:b/budget.yaml:6: b: gone, or�not: 100%: does not occur in the traces
dir,a:b/budget.yaml: 2 limits checked on 100 traces, 200 spans: 1 broken, 1 operation missing, 1 optional operation missing
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

func TestMessageShowsWhatDiffers(t *testing.T) {
	r := check(t, of("self max < 100ms"), trace(1, "work", 100*ms+1))[0]
	if got := r.Message(); !strings.HasPrefix(got, "self max is 100.000001ms, limit < 100ms;") {
		t.Errorf("%s", got)
	}
}

func TestGitHub(t *testing.T) {
	var b bytes.Buffer
	if err := mixedReport(t).GitHub(&b); err != nil {
		t.Fatal(err)
	}
	const want = `::error file=dir%2Ca%3Ab/budget.yaml,line=4,title=Budget broken::` +
		`a: work: self max is 100 ms, limit < 99.0 ms; worst trace 0000000000000064
::error file=dir%2Ca%3Ab/budget.yaml,line=6,title=Operation missing::b: gone, or�not: 100%25: does not occur in the traces
::notice file=dir%2Ca%3Ab/budget.yaml,line=7,title=Operation missing::rare: does not occur in the traces
`
	if got := b.String(); !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 4 {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := mixedReport(t).JUnit(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Suite struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Class   string    `xml:"classname,attr"`
				Name    string    `xml:"name,attr"`
				Line    int       `xml:"line,attr"`
				Failure *struct{} `xml:"failure"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v in %s", err, b.String())
	}
	s := got.Suite
	if s.Tests != 4 || s.Failures != 2 || s.Skipped != 1 || len(s.Cases) != 4 {
		t.Fatalf("%+v", s)
	}
	if c := s.Cases[0]; c.Class != "a: work" || c.Name != "self max < 99ms" || c.Line != 4 || c.Failure == nil {
		t.Errorf("%+v", c)
	}
	if c := s.Cases[1]; c.Failure != nil || c.Skipped != nil || c.Name != "self max < 1s" {
		t.Errorf("%+v", c)
	}
	if c := s.Cases[3]; c.Failure != nil || c.Skipped == nil || c.Name != "occurs" {
		t.Errorf("%+v", c)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := mixedReport(t).JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Failed  bool
		Results []struct {
			Status string
			Line   int
			Value  *float64
			Worst  string `json:"worst_trace_id"`
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	var statuses []string
	for _, r := range got.Results {
		statuses = append(statuses, r.Status)
	}
	if !got.Failed || !reflect.DeepEqual(statuses, []string{"broken", "kept", "missing", "skipped"}) {
		t.Errorf("%s", b.String())
	}
	if r := got.Results[0]; r.Value == nil || *r.Value != float64(100*ms) || r.Line != 4 || r.Worst != "0000000000000064" {
		t.Errorf("%+v", r)
	}
	if got.Results[2].Value != nil {
		t.Errorf("a missing operation has the value %v", *got.Results[2].Value)
	}
}

func TestJSONMatchesSchema(t *testing.T) {
	const allMetrics = "budgets: [{operation: work, limits: [share < 5%, critical p50 < 1ms, duration mean <= 1s]}]"
	schema, err := jsonschema.NewCompiler().Compile("../../../../docs/check.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(r *budget.Report) (string, error) {
		var b bytes.Buffer
		if err := r.JSON(&b); err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		return b.String(), schema.Validate(document)
	}
	for name, r := range map[string]*budget.Report{
		"all kinds": mixedReport(t), "nothing": {},
		"all metrics": {Results: check(t, allMetrics, hundred()...)},
	} {
		if document, err := valid(r); err != nil {
			t.Errorf("%s: %v in\n%s", name, err, document)
		}
	}
	for name, spoil := range map[string]func(r *budget.Report){
		"-1 traces":                   func(r *budget.Report) { r.Traces = -1 },
		"no spans, but a value":       func(r *budget.Report) { r.Results[0].Spans = 0 },
		"spans of missing operations": func(r *budget.Report) { r.Results[2].Spans = 7 },
		"line 0":                      func(r *budget.Report) { r.Results[0].Line = 0 },
	} {
		wrong := mixedReport(t)
		spoil(wrong)
		if document, err := valid(wrong); err == nil {
			t.Errorf("the schema accepts %s:\n%s", name, document)
		}
	}
}

func TestProposedBudgetIsKept(t *testing.T) {
	m := budget.NewMeasures(nil)
	for _, x := range hundred() {
		m.Add(x)
	}
	others := []*gap.Trace{trace(300, "a: *'\"\n", 2*ms), trace(301, "a: b'\"\n", 3*time.Second)}
	for _, x := range others {
		m.Add(x)
	}
	text, err := budget.Propose(m).Format()
	if err != nil {
		t.Fatal(err)
	}
	const want = `budgets:
  - operation: work
    service: a
    limits:
      - self p95 < 120ms
      - critical p50 < 60ms
      - share < 76%
  - operation: `
	if !strings.HasPrefix(string(text), want) {
		t.Errorf("%s\nwant\n%s…", text, want)
	}
	results := check(t, string(text), append(hundred(), others...)...)
	if len(results) != 8 {
		t.Errorf("%d results: %+v", len(results), results)
	}
	for _, r := range results {
		if r.Failed() {
			t.Errorf("%s: %s", r.Span(), r.Message())
		}
	}
}

// A budget without a service is about all services.
func TestProposalsAreAboutOneService(t *testing.T) {
	anonymous := func(id uint64, operation string) *gap.Trace {
		built, _ := gap.Build([]gap.Span{
			{TraceID: gap.TraceID{Low: id}, SpanID: 1, Operation: operation, Start: time.Unix(1, 0), Duration: ms},
		})
		return built
	}
	traces := []*gap.Trace{trace(1, "work", 50*ms), anonymous(2, "work"), anonymous(3, "alone")}
	m := budget.NewMeasures(nil)
	for _, x := range traces {
		m.Add(x)
	}
	proposed := budget.Propose(m)
	var names []string
	for _, b := range proposed.Budgets {
		names = append(names, b.Service+": "+b.Operation)
	}
	if want := []string{"a: work", ": alone"}; !reflect.DeepEqual(names, want) {
		t.Errorf("budgets of %q, want %q", names, want)
	}
	text, err := proposed.Format()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range check(t, string(text), traces...) {
		if r.Failed() {
			t.Errorf("%s: %s", r.Span(), r.Message())
		}
	}
}

func TestMissingOperationsHaveHints(t *testing.T) {
	for text, want := range map[string]string{
		"operation: wrok":                "does not occur in the traces; did you mean work?",
		"operation: work, service: b":    "does not occur in the traces; it is an operation of a",
		`operation: "w*", service: shop`: "does not occur in the traces; it is an operation of a",
		"operation: elsewhere":           "does not occur in the traces",
	} {
		r := check(t, "budgets: [{"+text+", limits: [share < 1%]}]", trace(1, "work", ms))[0]
		if got := r.Message(); got != want {
			t.Errorf("%s: %s\nwant %s", text, got, want)
		}
	}
}

func TestProposalsLeaveRoomForTheMachine(t *testing.T) {
	m := budget.NewMeasures(nil)
	m.Add(trace(1, "short", 10*time.Microsecond))
	text, _ := budget.Propose(m).Format()
	if !strings.Contains(string(text), "self p95 < 1ms") || strings.Contains(string(text), "share") ||
		strings.Contains(string(text), "operation: get") {
		t.Errorf("%s", text)
	}
}

// Of more spans than are kept, a quantile is that of a sample. The order does not change it.
func TestManySpans(t *testing.T) {
	const n = 30_000
	values := func(order []int) float64 {
		f, err := budget.Parse("", []byte(of("self p50 < 1h")))
		if err != nil {
			t.Fatal(err)
		}
		m := budget.NewMeasures(f)
		for _, i := range order {
			m.Add(trace(uint64(i+1), "work", time.Duration(i)*time.Microsecond))
		}
		return budget.Check(f, m)[0].Value
	}
	r := rand.New(rand.NewPCG(3, 4))
	a, b := values(r.Perm(n)), values(r.Perm(n))
	if half := float64(n / 2 * time.Microsecond); a != b || a < 0.97*half || a > 1.03*half {
		t.Errorf("medians %v and %v, want about %v", a, b, half)
	}
}

func TestNoTraces(t *testing.T) {
	if r := check(t, of("share < 5%")); len(r) != 1 || r[0].Status != budget.Missing {
		t.Errorf("%+v", r)
	}
	empty, _ := gap.Build(nil)
	m := budget.NewMeasures(nil)
	m.Add(empty)
	if n, _ := m.Count(); n != 0 || len(budget.Propose(m).Budgets) != 0 {
		t.Errorf("an empty trace counts")
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "f: the file is empty: want a list of budgets",
		"# nothing":                        "f: the file is empty",
		"budgets":                          "f:1: want a list of budgets",
		"budgets: 3":                       "f:1: want a list of budgets",
		"budgets: []":                      "f:1: want a list of budgets",
		"{}":                               "f:1: want a list of budgets",
		"budgets:\n- 1":                    "f:2: want a budget",
		"budget:\n- operation: a":          `f:1: unknown member "budget" of the file; did you mean budgets?`,
		"budgets:\n- operation: a":         `f:2: the budget of "a" has no limits`,
		"budgets:\n- limits: [share < 1%]": "f:2: the budget has no operation",
		"budgets:\n- operation: [a]":       "f:2: operation: want a name",
		"budgets:\n- operation: a\n  limits: share < 1%":          "f:3: limits: want a list",
		"budgets:\n- operation: a\n  limits:\n  - [a]":            "f:4: want a limit such as",
		"budgets:\n- operation: a\n  limits:\n  - self p95":       `f:4: "self p95": want a limit such as`,
		"budgets:\n- operation: a\n  limits:\n  - < 3ms":          `f:4: "< 3ms": want a limit such as`,
		"budgets:\n- operation: a\n  limits:\n  - self p95 < -1s": `f:4: "self p95 < -1s": want a duration`,
		"budgets:\n- operation: a\n  limits:\n  - self p0 < 1s":   `unknown statistic "p0"`,
		"budgets:\n- operation: a\n  limits:\n  - self p100 < 1s": `unknown statistic "p100"`,
		"budgets:\n- operation: a\n  limits:\n  - self p1e1 < 1s": `unknown statistic "p1e1"`,
		"budgets:\n- operation: a\n  limits:\n  - self < 1s":      "self needs one statistic",
		"budgets:\n- operation: a\n  limits:\n  - share < 101%":   "want a percentage",
		"budgets:\n- operation: a\n  limits:\n  - share < NaN%":   "want a percentage",
		"budgets:\n- operation: a\n  limits:\n  - share p95 < 1%": `unexpected "p95"`,
		"budgets:\n- operation: a\n  optional: 7\n  limits: []":   "f:3: optional: want true or false",
		"budgets:\n- operation: a\n  operation: b":                `f:3: a budget has two members "operation"`,
		"budgets: &a\n- *a": "f:2: want a budget",
		"budgets:\n\t- a":   "f:2: invalid YAML:",
		"budgets:\n- {operation: a, limits: [share < 1%]}\n---\nb: 1": "f:4: a second document begins here",
		strings.Repeat("#", budget.MaxBytes+1):                        "the file has more than 1048576 bytes",
		"budgets:" + strings.Repeat("\n- 1", 30):                      "f: and 10 more errors",
	} {
		f, err := budget.Parse("f", []byte(text))
		if err == nil {
			t.Errorf("%.80q: no error, but %+v", text, f)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v\nwant %s", text, err, want)
		}
	}
}

// FuzzParse parses any text. What is accepted comes out the same after it was written.
func FuzzParse(f *testing.F) {
	f.Add([]byte(mixed))
	f.Add([]byte(of("self p99.9 <= 1h2m3.5s")))
	f.Add([]byte("budgets: &a\n- *a\n- {<<: *a}\n---\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := budget.Parse("f", text)
		if err != nil {
			return
		}
		written, err := file.Format()
		if err != nil {
			t.Fatal(err)
		}
		again, err := budget.Parse("f", written)
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		for _, file := range []*budget.File{file, again} { // lines may differ
			for i := range file.Budgets {
				file.Budgets[i].Line = 0
				for j := range file.Budgets[i].Limits {
					file.Budgets[i].Limits[j].Line = 0
				}
			}
		}
		if !reflect.DeepEqual(file, again) {
			t.Errorf("%+v\nwant %+v in\n%s", again, file, written)
		}
	})
}
