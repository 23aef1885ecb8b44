package interop_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/report"
)

func TestReportsAreOfTheirSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("../../docs/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../../testdata/traces/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	all := report.New(report.Options{Traces: 1000})
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r := report.New(report.Options{})
		for spans, err := range jaegerjson.Read(f) {
			if err != nil {
				t.Fatal(err)
			}
			trace, warnings := gap.Build(spans)
			r.Add(trace, warnings)
			all.Add(trace, warnings)
		}
		holds(t, schema, name, r)
	}
	if traces, spans := all.Count(); traces < 5 || spans < 20 {
		t.Errorf("only %d traces with %d spans were read", traces, spans)
	}
	holds(t, schema, "all", all)
	holds(t, schema, "none", report.New(report.Options{}))

	broken, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(`{"version":1,"count":{"traces":0,"spans":-1},"warnings":{},"operations":[],"gaps":[],"traces":[]}`)))
	if err != nil || schema.Validate(broken) == nil {
		t.Error("the schema takes -1 spans")
	}
}

func holds(t *testing.T, schema *jsonschema.Schema, name string, r *report.Report) {
	t.Helper()
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("%s: %#v", name, err)
	}
}
