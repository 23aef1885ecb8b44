package otlp_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/gap/read"
)

// readAll returns the spans in r, and the errors.
func readAll(r io.Reader, opts ...read.Option) (all []gap.Span, errs []error) {
	for spans, err := range otlp.Read(r, opts...) {
		if err != nil {
			errs = append(errs, err)
		} else {
			all = append(all, spans...)
		}
	}
	return all, errs
}

// render returns a line for each span.
func render(spans []gap.Span) string {
	var b strings.Builder
	for _, s := range spans {
		fmt.Fprintf(&b, "%x%016x/%x", s.TraceID.High, s.TraceID.Low, uint64(s.SpanID))
		for _, ref := range s.References {
			fmt.Fprintf(&b, " %d:%x/%x", ref.Type, ref.TraceID.Low, uint64(ref.SpanID))
		}
		fmt.Fprintf(&b, " %s", s.Operation)
		if !s.Start.IsZero() {
			fmt.Fprintf(&b, " %d", s.Start.UnixNano())
		}
		fmt.Fprintf(&b, "+%d", s.Duration)
		if s.Process != nil {
			fmt.Fprintf(&b, " %s%v", s.Process.Service, s.Process.Tags)
		}
		fmt.Fprintf(&b, " %v", s.Tags)
		for _, log := range s.Logs {
			fmt.Fprintf(&b, " log %d %v", log.Time.UnixNano(), log.Fields)
		}
		if s.Warnings != nil {
			fmt.Fprintf(&b, " %q", s.Warnings)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

const (
	jsonSpan = `{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173",` +
		`"name":"GET","kind":3,"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000","attributes":[` +
		`{"key":"http.method","value":{"stringValue":"GET"}},{"key":"wait.joined_us","value":{"intValue":"120"}}],"status":{"code":2}}`
	jsonGroup = `{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}},` +
		`{"key":"host.name","value":{"stringValue":"a"}}]},"scopeSpans":[{"scope":{"name":"lib","version":"1"},"spans":[` + jsonSpan + `]}]}`
	rendered = "5b8efff798038103d269b633813fc60c/eee19b7ec3c1b174 0:0/eee19b7ec3c1b173 GET 1544712660000000000+1000000000 " +
		"shop[{host.name a}] [{wait.joined_us 120} {span.kind client} {error true}]\n"
)

// spanWith returns a request with a span of these members.
func spanWith(members string) string {
	return `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"1","spanId":"2",` + members + `}]}]}]}`
}

// shapes are inputs by name, each with the spans that they have.
var shapes = map[string]struct{ input, want string }{
	"a request":         {`{"resourceSpans":[` + jsonGroup + `]}`, rendered},
	"lines":             {strings.Repeat(`{"resourceSpans":[`+jsonGroup+"]}\n", 2), rendered + rendered},
	"byte order marks":  {strings.Repeat("\uFEFF"+`{"resourceSpans":[`+jsonGroup+"]}\n", 2), rendered + rendered},
	"an array":          {`[{"resourceSpans":[` + jsonGroup + `]}, null]`, rendered},
	"Jaeger":            {`{"result":{"resourceSpans":[` + jsonGroup + `]}}`, rendered},
	"Jaeger, streamed":  {strings.Repeat(`{"result":{"resourceSpans":[`+jsonGroup+"]}}\n", 2), rendered + rendered},
	"Tempo":             {`{"batches":[` + jsonGroup + `]}`, rendered},
	"Tempo's trace":     {`{"trace":{"resourceSpans":[` + jsonGroup + `]},"metrics":{}}`, rendered},
	"Tempo's batches":   {`{"trace":{"batches":[` + jsonGroup + `]}}`, rendered},
	"other signals":     {`{"resourceLogs":[{}]}{"resourceMetrics":[]}{"resourceSpans":[` + jsonGroup + `]}`, rendered},
	"nothing":           {`{}`, ""},
	"null":              {`{"resourceSpans":null}`, ""},
	"nulls":             {`{"resourceSpans":[null,{"resource":null,"scopeSpans":[null,{"scope":null,"spans":[null]}]}]}`, ""},
	"empty batches":     {`{"resourceSpans":[]}{"resourceSpans":[{}]}{"resourceSpans":[{"scopeSpans":[{"spans":[]}]}]}`, ""},
	"white space":       {"\n\n \t{\n\"resourceSpans\"\n:[" + jsonGroup + "]}\n\n", rendered},
	"old names":         {`{"resourceSpans":[{"instrumentationLibrarySpans":[{"instrumentationLibrary":{},"spans":[{"spanId":"1"}]}]}]}`, "00000000000000000/1 +0 []\n"},
	"snake case":        {`{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"1","span_id":"2","parent_span_id":"3","start_time_unix_nano":5,"end_time_unix_nano":"7"}]}]}]}`, "00000000000000001/2 0:0/3  5+2 []\n"},
	"resource at last":  {`{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"1"}]}],"resource":{"attributes":[{"value":{"stringValue":"a"},"key":"service.name"}]}}]}`, "00000000000000000/1 +0 a[] []\n"},
	"two resources":     {`{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"intValue":1}}]},"scopeSpans":[{"spans":[{"spanId":"1"}]}],"resource":{"attributes":[{"key":"b","value":{"boolValue":true}}]}}]}`, "00000000000000000/1 +0 [{b true}] []\n"},
	"base64":            {`{"batches":[{"scopeSpans":[{"spans":[{"traceId":"W47/95gDgQPSabYzgT/GDA==","spanId":"7uGbfsPBsXQ=","parentSpanId":"7uGbfsPBsXM="}]}]}]}`, "5b8efff798038103d269b633813fc60c/eee19b7ec3c1b174 0:0/eee19b7ec3c1b173 +0 []\n"},
	"64-bit trace id":   {`{"batches":[{"scopeSpans":[{"spans":[{"traceId":"7uGbfsPBsXQ=","spanId":"AQ=="}]}]}]}`, "0eee19b7ec3c1b174/1 +0 []\n"},
	"kind as a name":    {spanWith(`"kind":"SPAN_KIND_SERVER"`), "00000000000000001/2 +0 [{span.kind server}]\n"},
	"kind as a string":  {spanWith(`"kind":"2"`), "00000000000000001/2 +0 [{span.kind server}]\n"},
	"unknown kinds":     {spanWith(`"kind":17`) + spanWith(`"kind":-1`) + spanWith(`"kind":"NEW"`) + spanWith(`"kind":{}`) + spanWith(`"kind":"NaN"`) + spanWith(`"kind":9999999999999999999999`), strings.Repeat("00000000000000001/2 +0 []\n", 6)},
	"status as a name":  {spanWith(`"status":{"code":"STATUS_CODE_ERROR"}`), "00000000000000001/2 +0 [{error true}]\n"},
	"times as floats":   {spanWith(`"startTimeUnixNano":1.5e18,"endTimeUnixNano":"1500000000000000007.0"`), "00000000000000001/2  1500000000000000000+0 []\n"},
	"no start":          {spanWith(`"endTimeUnixNano":5`), "00000000000000001/2 +0 []\n"},
	"no end":            {spanWith(`"startTimeUnixNano":5`), "00000000000000001/2  5+-5 []\n"},
	"ends early":        {spanWith(`"startTimeUnixNano":5,"endTimeUnixNano":3`), "00000000000000001/2  5+-2 []\n"},
	"links":             {spanWith(`"links":[{"traceId":"9","spanId":"8"},{"traceId":"1","spanId":"3","attributes":[{"key":"opentracing.ref_type","value":{"stringValue":"child_of"}}]},{"spanId":""}],"parentSpanId":"4"`), "00000000000000001/2 0:0/4 1:9/8 0:1/3 +0 []\n"},
	"link to parent":    {spanWith(`"links":[{"traceId":"1","spanId":"4"}],"parentSpanId":"4"`), "00000000000000001/2 1:0/4 +0 []\n"},
	"warnings":          {spanWith(`"attributes":[{"key":"@jaeger@warnings","value":{"arrayValue":{"values":[{"stringValue":"clock"}]}}}]`), "00000000000000001/2 +0 [] [\"clock\"]\n"},
	"error attribute":   {spanWith(`"attributes":[{"key":"error","value":{"boolValue":"true"}}],"kind":1`), "00000000000000001/2 +0 [{error true} {span.kind internal}]\n"},
	"hostile attribute": {spanWith(`"attributes":[null,{},{"key":"error"},{"key":"error","value":[]},{"key":"error","value":{"new":1}},{"value":{"stringValue":"x"},"key":"dropped"}]`), "00000000000000001/2 +0 []\n"},
}

func TestRead(t *testing.T) {
	for name, c := range shapes {
		t.Run(name, func(t *testing.T) {
			spans, errs := readAll(strings.NewReader(c.input))
			got := render(spans)
			if want := strings.ReplaceAll(c.want, "  ", " "); strings.ReplaceAll(got, "  ", " ") != want || errs != nil {
				t.Errorf("got\n%swant\n%s%v", got, want, errs)
			}
		})
	}
}

// A span without an end, or with a time that is none, is kept, and a warning says so.
func TestOddTimes(t *testing.T) {
	const start, noEnd = 1_500_000_000_000_000_000, "has no end: perhaps it was not finished; its duration counts as zero"
	for name, c := range map[string]struct {
		start, end uint64
		want       string // the beginning of a warning
	}{
		"no start":        {0, start, "has no time"},
		"no times":        {0, 0, "has no time"},
		"no end":          {start, 0, noEnd},
		"start -1":        {math.MaxUint64, start, "its start 2262-04-11 "},
		"a late start":    {1 << 63, 1<<63 + 5, "its start 2262-04-11 "},
		"end -1":          {start, math.MaxUint64, "duration 2145381h"},
		"an early end":    {start, start - 1, "duration -1ns counts as zero"},
		"start after end": {start, 5, "duration -416666h"},
	} {
		traces := ptrace.NewTraces()
		for i, times := range [][2]uint64{{start, start + 10}, {c.start, c.end}} {
			s := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
			s.SetTraceID(pcommon.TraceID{1})
			s.SetSpanID(pcommon.SpanID{byte(1 + i)})
			s.SetStartTimestamp(pcommon.Timestamp(times[0]))
			s.SetEndTimestamp(pcommon.Timestamp(times[1]))
		}
		for encoding, input := range encodings(t, traces) {
			spans, errs := readAll(bytes.NewReader(input))
			trace, warnings := gap.Build(spans)
			if trace.Len() != 2 || len(errs) > 0 || trace.Duration() != 10 ||
				!slices.ContainsFunc(warnings, func(w gap.Warning) bool { return strings.HasPrefix(w.Message, c.want) }) {
				t.Errorf("%s, %s: %v, %d spans in %v, %v", name, encoding, warnings, trace.Len(), trace.Duration(), errs)
			}
		}
	}
	negative := strings.NewReader(spanWith(`"startTimeUnixNano":"-1","endTimeUnixNano":5`))
	spans, errs := readAll(negative)
	if _, warnings := gap.Build(spans); len(errs) > 0 || len(warnings) != 2 || warnings[0].Code != gap.WarnBadDuration ||
		warnings[1].Code != gap.WarnBadTime {
		t.Errorf("a negative number: %v, %v", warnings, errs)
	}
}
