package interop_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestReportsMatchSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema := spantest.Must(compiler.Compile("../../docs/report.schema.json"))(t)
	files := spantest.Must(filepath.Glob("../../testdata/traces/*.json"))(t)
	all := report.New(report.Options{Traces: 1000, By: "customer"})
	failed := []gap.Field{{Key: "error", Value: true}, {Key: "customer", Value: ""}}
	all.Add(gap.Build([]gap.Span{{TraceID: gap.TraceID{Low: 1}, SpanID: 1, Duration: 1, Tags: failed}}))
	for _, name := range files {
		r := report.New(report.Options{})
		f := spantest.Must(os.Open(name))(t)
		defer f.Close()
		for spans, err := range jaegerjson.Read(f) {
			if err != nil {
				t.Fatal(err)
			}
			trace, warnings := gap.Build(spans)
			r.Add(trace, warnings)
			all.Add(trace, warnings)
		}
		wantValid(t, schema, name, r)
	}
	if traces, spans := all.Count(); traces < 5 || spans < 20 {
		t.Errorf("only %d traces with %d spans were read from %d files", traces, spans, len(files))
	}
	wantValid(t, schema, "all traces", all)
	wantValid(t, schema, "no traces", report.New(report.Options{}))
	wantValid(t, schema, "explained traces", explainedReport())

	// The schema itself refuses what no report may say.
	empty := string(reportJSON(t, report.New(report.Options{})))
	negative := strings.Replace(empty, `"spans":0`, `"spans":-1`, 1)
	if negative == empty {
		t.Fatalf("the empty report has no count of spans: %s", empty)
	}
	document := spantest.Must(jsonschema.UnmarshalJSON(strings.NewReader(negative)))(t)
	if schema.Validate(document) == nil {
		t.Error("the schema accepts -1 spans")
	}
}

// explainedReport returns a report on a trace whose gaps have explanations, one of them with values
// that no gap can have.
func explainedReport() *report.Report {
	evidence := gap.Evidence{
		Frame: gap.Frame{Function: "main.main", File: "/main.go", Line: 1}, Reason: "sync", Client: "net/http", Wrapper: "w",
		HeldBy: gap.Holder{Service: "shop"}, Goroutine: 7, Proof: gap.ByClock, Samples: 3,
	}
	wrong := evidence
	wrong.Frame.Line, wrong.Proof, wrong.Samples = -1, 99, -1
	trace, warnings := gap.Build([]gap.Span{
		{TraceID: gap.TraceID{Low: 1}, SpanID: 1, Duration: 10},
		{TraceID: gap.TraceID{Low: 1}, SpanID: 2, Duration: 20},
		{TraceID: gap.TraceID{Low: 1}, SpanID: 3, Duration: 30},
	})
	trace = trace.Explained(func(g gap.Gap) *gap.Explanation {
		switch g.Time {
		case 10:
			return &gap.Explanation{}
		case 20:
			return &gap.Explanation{
				Parts:   []gap.Part{{Cause: gap.CauseCPU, Duration: -1, Evidence: wrong}, {Cause: 200, Duration: 1}},
				Moments: []gap.Moment{{Start: g.Start.Add(-5), End: g.End.Add(5)}, {Start: g.Start, End: g.End, Part: 7}},
			}
		}
		var parts []gap.Part
		for c := range gap.Cause(gap.NumCauses) {
			parts = append(parts, gap.Part{Cause: c, Duration: 1, Evidence: evidence})
		}
		return &gap.Explanation{Parts: parts, Moments: []gap.Moment{{Start: g.Start, End: g.End}}}
	})
	r := report.New(report.Options{})
	r.Add(trace, warnings)
	r.AddNotes([]string{"the execution trace ends early"})
	return r
}

func reportJSON(t *testing.T, r *report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wantValid(t *testing.T, schema *jsonschema.Schema, name string, r *report.Report) {
	t.Helper()
	document := spantest.Must(jsonschema.UnmarshalJSON(bytes.NewReader(reportJSON(t, r))))(t)
	if err := schema.Validate(document); err != nil {
		t.Errorf("%s: %#v", name, err)
	}
}
