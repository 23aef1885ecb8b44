package diff_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/diff"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/page"
)

var names = [2]string{"before.json", "after.json"}

// example has a place of each kind.
func example() *diff.Diff {
	before := append(carts(1, 20, 0, 3*ms, 4*ms), carts(2, 20, 2*ms, 3*ms, 4*ms)...)
	after := append(carts(3, 20, 0, 23*ms, 0), carts(4, 20, 2*ms, 23*ms, 0)...)
	return diff.Compare(sideOf(before...), sideOf(after...), diff.DefaultAlpha)
}

func text(t *testing.T, d *diff.Diff, o diff.TextOptions) string {
	t.Helper()
	o.Names = names
	var b bytes.Buffer
	if err := d.Text(&b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	const want = `before  before.json: 40 traces, 120 spans
after   after.json: 40 traces, 120 spans
a trace takes 17.9 ms ± 5 % → 33.9 ms ± 4 %, +89 % (p<0.001); critical self time 7.97 ms → 24.1 ms, +16.1 ms

Changes of self time, by their cost on the critical path of a trace
critical         before          after  change                 occurs  span, and where in it
+20.1 ms  2.96 ms ± 4 %  23.2 ms ± 3 %  +684 % (p<0.001)        100 %  shop: GET /cart, after get, before set
−4.02 ms  4.07 ms ± 4 %                 vanished (p<0.001)  100 → 0 %  shop: GET /cart, after set
1 more place without a significant change
`
	got := text(t, example(), diff.TextOptions{})
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	all := text(t, example(), diff.TextOptions{All: true, ASCII: true, Rows: 2})
	if !strings.Contains(all, "and 1 more place") || strings.ContainsAny(all, "→±−×") {
		t.Errorf("%s", all)
	}
}

func TestTextFitsTheTerminal(t *testing.T) {
	for line := range strings.Lines(text(t, example(), diff.TextOptions{Width: 100, All: true})) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	colored := text(t, example(), diff.TextOptions{Color: true})
	if !strings.Contains(colored, "\x1b[31m+") || !strings.Contains(colored, "\x1b[32m−") {
		t.Errorf("%q", colored)
	}
}

func TestNamesAreSafe(t *testing.T) {
	trace, _ := gap.Build([]gap.Span{{
		TraceID: gap.TraceID{Low: 1}, SpanID: 1, Operation: "a\x1b[31m<b>", Start: time.Unix(1, 0), Duration: ms,
		Process: &gap.Process{Service: "\x07", Tags: []gap.Field{{Key: "hostname", Value: "h\x1b\n"}}},
	}})
	d := diff.Compare(sideOf(trace), sideOf(carts(1, 3, ms, ms, ms)...), diff.DefaultAlpha)
	if got := text(t, d, diff.TextOptions{All: true}); strings.ContainsAny(got, "\x1b\x07") {
		t.Errorf("%q", got)
	}
	var b bytes.Buffer
	if err := d.HTML(&b, diff.HTMLOptions{Names: [2]string{"<i>", "x"}, All: true}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Contains(got, "<b>…") || strings.Contains(got, "<i>") || strings.Contains(got, "\x1b") {
		t.Errorf("%s", got)
	}
}

func TestWarnings(t *testing.T) {
	other, _ := gap.Build([]gap.Span{{
		TraceID: gap.TraceID{Low: 1}, SpanID: 1, Operation: "GET /x", Start: time.Unix(1, 0), Duration: ms,
		References: []gap.Reference{{TraceID: gap.TraceID{Low: 1}, SpanID: 9}},
		Process:    &gap.Process{Service: "shop", Tags: []gap.Field{{Key: "hostname", Value: "b"}}},
		Tags:       []gap.Field{{Key: "sampler.type", Value: "probabilistic"}, {Key: "sampler.param", Value: 0.1}},
	}})
	after := sideOf(other)
	after.AddSeenAgain()
	d := diff.Compare(sideOf(carts(1, 10, ms, ms, ms)...), after, diff.DefaultAlpha)
	for _, want := range []string{
		"only 1 trace after: 6 are needed", "1 of 1 traces after lack spans", "1 of 1 traces after are parts of traces",
		"different hosts: a before, b after", "sampled in different ways: const true before, probabilistic 0.1 after",
		"100 % of the traces begin with another operation",
	} {
		if all := strings.Join(d.Warnings, "\n"); !strings.Contains(all, want) {
			t.Errorf("no warning %q in\n%s", want, all)
		}
	}
	if d := diff.Compare(after, after, diff.DefaultAlpha); !strings.Contains(strings.Join(d.Warnings, "\n"), "not all requests") {
		t.Errorf("%q", d.Warnings)
	}
}

func TestUnknownTagIsAWarning(t *testing.T) {
	for by, want := range map[string]bool{"nosuch": true, "sampler.type": false, "": false} {
		side := diff.NewSide(by)
		side.Add(cart(1, ms, ms, ms))
		d := diff.Compare(side, side, diff.DefaultAlpha)
		if got := strings.Contains(strings.Join(d.Warnings, "\n"), "no span has the tag nosuch of --by"); got != want {
			t.Errorf("--by %s: %q", by, d.Warnings)
		}
	}
}

func TestJSONMatchesSchema(t *testing.T) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("../../../../docs/diff.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(d *diff.Diff) (string, error) {
		var b bytes.Buffer
		if err := d.JSON(&b, names); err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		return b.String(), schema.Validate(document)
	}
	some := sideOf(carts(1, 3, ms, ms, ms)...)
	by := diff.NewSide("span.kind")
	for _, trace := range carts(1, 7, ms, ms, 0) {
		by.Add(trace)
	}
	for name, d := range map[string]*diff.Diff{
		"all kinds": example(), "nothing": diff.Compare(sideOf(), sideOf(), 0.01),
		"nothing before": diff.Compare(sideOf(), some, 0.01), "few": diff.Compare(some, some, 0.01),
		"by a tag": diff.Compare(by, by, 0.01),
	} {
		if document, err := valid(d); err != nil {
			t.Errorf("%s: %v in\n%s", name, err, document)
		}
	}
	wrong := example()
	wrong.Before.Traces = -1
	if _, err := valid(wrong); err == nil {
		t.Error("the schema accepts -1 traces")
	}
}

func TestHTML(t *testing.T) {
	var b bytes.Buffer
	if err := example().HTML(&b, diff.HTMLOptions{Names: names}); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		"<title>Gaps of before.json and after.json</title>", "after get, before set", "vanished (p&lt;0.001)", "−4.02 ms",
		string(page.Style()), "1 more place without a significant change",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %.60q in the page", want)
		}
	}
	if strings.Contains(got, "<script") || strings.Count(got, "<tr") != 3 {
		t.Errorf("%s", got)
	}
}
