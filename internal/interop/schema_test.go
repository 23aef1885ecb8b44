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
