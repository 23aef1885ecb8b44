package jaegerjson_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

const (
	process = `"processes":{"p1":{"serviceName":"shop","tags":[{"key":"ip","type":"string","value":"10.0.0.1"}]}}`
	root    = `{"traceID":"a1","spanID":"b1","operationName":"GET","references":[]` +
		`,"startTime":1000000,"duration":500` +
		`,"tags":[{"key":"span.kind","type":"string","value":"server"}],"logs":[]` +
		`,"processID":"p1","warnings":null}`
	child = `{"traceID":"a1","spanID":"b2","flags":1,"operationName":"redis get"` +
		`,"references":[{"refType":"CHILD_OF","traceID":"a1","spanID":"b1"}]` +
		`,"startTime":1000100,"duration":50` +
		`,"tags":[{"key":"span.kind","type":"string","value":"client"},{"key":"db.statement","type":"string","value":"get \"x\""}]` +
		`,"logs":[{"timestamp":1000120,"fields":[{"key":"event","type":"string","value":"retry"}]}]` +
		`,"processID":"p1","warnings":["odd"]}`
	spans  = `"spans":[` + root + `,` + child + `]`
	trace  = `{"traceID":"a1",` + spans + `,` + process + `,"warnings":null}`
	answer = `{"data":[` + trace + `],"total":0,"limit":0,"offset":0,"errors":null}`
)

// inputs hold the same trace in every form.
var inputs = map[string]string{
	"an answer of Jaeger's":      answer,
	"a bare trace":               trace,
	"an array of traces":         `[` + trace + `]`,
	"data that is one trace":     `{"data":` + trace + `}`,
	"a null among traces":        `{"data":[null,` + trace + `]}`,
	"processes before the spans": `{` + process + `,` + spans + `,"traceID":"a1"}`,
	"a byte order mark":          "\ufeff" + answer,
	"white space":                "\r\n\t " + replaced(",", " ,\r\n\t", ":", " : ") + "\n\n",
	"ids of other lengths and cases": replaced(
		`"a1"`, `"`+strings.Repeat("0", 30)+`A1"`, `"b1"`, `"B1"`, `"b2"`, `"0b2"`),
	"numbers that are strings": replaced(`1000000`, `"1000000"`, `500`, `"500"`, `1000100`, `"1000100"`),
	"numbers with a fraction":  replaced(`1000000`, `1e6`, `500`, `500.0`, `1000100`, `1000100.0`),
	"unknown fields": strings.ReplaceAll(
		strings.Replace(answer, `{`, `{"x":{"y":[1,{"z":null}],"spans":[7]},`, 1),
		`"spanID"`, `"x":[{"spanID":1}],"spanID"`),
	"the trace's id only once": replaced(`{"traceID":"a1","spanID"`, `{"spanID"`),
	"a parentSpanID": replaced(
		`"references":[{"refType":"CHILD_OF","traceID":"a1","spanID":"b1"}]`, `"parentSpanID":"b1"`),
	"a process in each span": replaced(
		process, `"processes":null`,
		`"processID":"p1"`, `"process":{"serviceName":"shop","tags":[{"key":"ip","value":"10.0.0.1"}]}`),
	"names in camel case": replaced(
		`traceID`, `traceId`, `spanID`, `spanId`, `processID`, `processId`),
	"names in snake case": replaced(
		`traceID`, `trace_id`, `spanID`, `span_id`, `processID`, `process_id`),
	"a parentSpanId": replaced(
		`"references":[{"refType":"CHILD_OF","traceID":"a1","spanID":"b1"}]`, `"parentSpanId":"b1"`),
	"tags as an object": replaced(
		`[{"key":"ip","type":"string","value":"10.0.0.1"}]`, `{"ip":"10.0.0.1"}`,
		`[{"key":"span.kind","type":"string","value":"server"}]`, `{"x":[1,{"y":2}],"span.kind":"server"}`,
		`[{"key":"span.kind","type":"string","value":"client"},{`, `{"db.statement":"x","span.kind":"client"},"x":[{`),
	"tags as fields, as in Elasticsearch": replaced(
		`"tags":[{"key":"ip","type":"string","value":"10.0.0.1"}]`, `"tag":{"ip":"10.0.0.1"},"tags":[]`,
		`"tags":[{"key":"span.kind","type":"string","value":"server"}]`, `"tags":[],"tag":{"x@y":7,"span@kind":"server"}`,
		`{"key":"span.kind","type":"string","value":"client"},{`, `{`,
		`"logs":[{"timestamp"`, `"tag":{"span@kind":"client"},"logs":[{"timestamp"`),
	"a tag that is no object": replaced(`"flags":1`, `"tag":["span@kind"]`),
	"values before their types": replaced(
		`"key":"span.kind","type":"string","value":"client"`, `"value":"client","type":"string","key":"span.kind"`),
	"keys that come twice": strings.Replace(
		strings.Replace(answer, `"duration"`, `"tags":[{"key":"error","value":true}],"duration":7,"duration"`, 1),
		`"spans"`, `"spans":[`+child+`],"spans"`, 1),
	"escaped names":          replaced(`"spans"`, `"sp\u0061ns"`, `"client"`, `"\u0063lient"`),
	"an answer in an answer": `{"spans":[],"data":[` + answer + `]}`,
}

// replaced returns answer with replacements, as strings.NewReplacer makes them.
func replaced(oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(answer) }

func want() []gap.Span {
	p := &gap.Process{Service: "shop", Tags: []gap.Field{{Key: "ip", Value: "10.0.0.1"}}}
	a1 := gap.TraceID{Low: 0xa1}
	return []gap.Span{{
		TraceID: a1, SpanID: 0xb1, Operation: "GET", Start: time.UnixMicro(1_000_000).UTC(),
		Duration: 500 * time.Microsecond,
		Process:  p, Tags: []gap.Field{{Key: "span.kind", Value: "server"}},
	}, {
		TraceID: a1, SpanID: 0xb2, Operation: "redis get", Start: time.UnixMicro(1_000_100).UTC(),
		Duration:   50 * time.Microsecond,
		References: []gap.Reference{{TraceID: a1, SpanID: 0xb1}},
		Process:    p, Tags: []gap.Field{{Key: "span.kind", Value: "client"}}, Warnings: []string{"odd"},
	}}
}

func TestEveryForm(t *testing.T) {
	for name, input := range inputs {
		t.Run(name, func(t *testing.T) {
			traces, errs := readAll(strings.NewReader(input))
			if errs != nil || len(traces) != 1 {
				t.Fatalf("%d traces, %v", len(traces), errs)
			}
			want := want()
			if strings.HasPrefix(name, "a parentSpan") {
				want[1].References[0].TraceID = gap.TraceID{} // within the trace
			}
			if !reflect.DeepEqual(traces[0], want) {
				t.Errorf("%+v\nwant %+v", traces[0], want)
			}
			if p, q := traces[0][0].Process, traces[0][1].Process; p != q {
				t.Errorf("processes %p and %p", p, q)
			}
		})
	}
}

func TestConcatenatedDocuments(t *testing.T) {
	for name, input := range map[string]string{
		"lines":        answer + "\n" + trace + "\n[" + trace + "," + answer + "]\n",
		"nothing":      answer + trace + trace + trace,
		"marks":        "\ufeff" + answer + "\r\n\ufeff" + trace + "\ufeff" + answer + "\ufeff" + answer,
		"one and null": answer + `{"data":null,"errors":null}{"data":[]}[]` + answer + answer + answer,
	} {
		if traces, errs := readAll(strings.NewReader(input)); errs != nil || len(traces) != 4 {
			t.Errorf("%s: %d traces, %v", name, len(traces), errs)
		}
	}
}

func TestTraceIsYieldedBeforeTheNextIsRead(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	go w.Write([]byte(answer[:len(answer)-len(`],"total":0,"limit":0,"offset":0,"errors":null}`)]))
	for spans, err := range jaegerjson.Read(r) {
		if len(spans) != 2 || err != nil {
			t.Errorf("%v, %v", spans, err)
		}
		break // reading on would block for ever
	}
}

func TestGzip(t *testing.T) {
	var b bytes.Buffer
	for _, text := range []string{answer, trace} { // gzip allows several members
		z := gzip.NewWriter(&b)
		z.Write([]byte(text))
		z.Close()
	}
	if traces, errs := readAll(bytes.NewReader(b.Bytes())); errs != nil || len(traces) != 2 {
		t.Errorf("%d traces, %v", len(traces), errs)
	}
	short := b.Bytes()[:b.Len()-20]
	traces, errs := readAll(bytes.NewReader(short), read.WithName("x.gz"))
	if len(traces) != 1 || len(errs) != 1 || !errors.Is(errs[0], io.ErrUnexpectedEOF) ||
		!strings.Contains(errs[0].Error(), "x.gz: byte ") ||
		!strings.Contains(errs[0].Error(), " of the decompressed text: unexpected EOF") {
		t.Errorf("%d traces, %v", len(traces), errs)
	}
}

func TestOptions(t *testing.T) {
	for name, test := range map[string]struct {
		opts []read.Option
		tags int
		logs int
	}{
		"default":    {nil, 1, 0},
		"tags":       {[]read.Option{read.WithTags("db.statement")}, 2, 0},
		"everything": {[]read.Option{read.WithEverything()}, 2, 1},
	} {
		traces, errs := readAll(strings.NewReader(answer), test.opts...)
		if errs != nil || len(traces[0][1].Tags) != test.tags || len(traces[0][1].Logs) != test.logs {
			t.Errorf("%s: %+v, %v", name, traces[0][1], errs)
		}
	}
}

func TestTagTypes(t *testing.T) {
	for json, want := range map[string]any{
		`"type":"string","value":"x"`:             "x",
		`"type":"string","value":5`:               "5",
		`"type":"string","value":true`:            "true",
		`"type":"bool","value":true`:              true,
		`"type":"bool","value":"false"`:           false,
		`"type":"bool","value":"maybe"`:           "maybe",
		`"type":"int64","value":-5`:               int64(-5),
		`"type":"int64","value":"-5"`:             int64(-5),
		`"type":"int64","value":9007199254740993`: int64(9007199254740993),
		`"type":"int64","value":2.5`:              2.5,
		`"type":"int64","value":"five"`:           "five",
		`"type":"int64","value":1e400`:            "1e400",
		`"type":"float64","value":3`:              3.0,
		`"type":"float64","value":"0.5"`:          0.5,
		`"type":"binary","value":"AP8="`:          []byte{0, 0xff},
		`"type":"binary","value":"?"`:             "?",
		`"value":"x"`:                             "x",
		`"value":7`:                               int64(7),
		`"value":7.5`:                             7.5,
		`"value":false`:                           false,
		`"value":5,"type":"float64"`:              5.0,
		`"type":"long","value":5`:                 int64(5),
		`"type":"string","value":null`:            nil,
		`"type":"string","value":{"a":[]}`:        nil,
		`"type":"string"`:                         nil,
		`"type":"STRING","value":"a\u00e9\n"`:     "aé\n",
	} {
		traces, errs := readAll(strings.NewReader(`{"spans":[{"startTime":1,"tags":[{"key":"error",` + json + `}]}]}`))
		var got any
		if errs == nil && len(traces[0][0].Tags) > 0 {
			got = traces[0][0].Tags[0].Value
		}
		if errs != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v; want %#v", json, got, errs, want)
		}
	}
}

// Members have no type, so that of the JSON value counts. Both kinds of tags are kept.
func TestTagsAsObjects(t *testing.T) {
	const text = `{"spans":[{"startTime":1,"tags":{"a.b":1,"c":2.5,"d":null,"e":{"f":1},"g@h":true},` +
		`"logs":[{"timestamp":1,"fields":{"event":"retry"}}]},` +
		`{"startTime":1,"tag":{"a@b":"1"},"tags":[{"key":"c","value":2}],` +
		`"process":{"serviceName":"s","tags":[{"key":"ip","value":"x"}],"tag":{"host@name":"h"}}}]}`
	traces, errs := readAll(strings.NewReader(text), read.WithEverything())
	if errs != nil {
		t.Fatal(errs)
	}
	first, second := traces[0][0], traces[0][1]
	for _, test := range []struct{ got, want []gap.Field }{
		{first.Tags, []gap.Field{{Key: "a.b", Value: int64(1)}, {Key: "c", Value: 2.5}, {Key: "g@h", Value: true}}},
		{first.Logs[0].Fields, []gap.Field{{Key: "event", Value: "retry"}}},
		{second.Tags, []gap.Field{{Key: "c", Value: int64(2)}, {Key: "a.b", Value: "1"}}},
		{second.Process.Tags, []gap.Field{{Key: "ip", Value: "x"}, {Key: "host.name", Value: "h"}}},
	} {
		if !reflect.DeepEqual(test.got, test.want) {
			t.Errorf("%v, want %v", test.got, test.want)
		}
	}
}

func TestOddNumbers(t *testing.T) {
	for json, want := range map[string]string{
		`"startTime":0,"duration":0`:                       "1970-01-01 00:00:00 +0000 UTC 0s",
		`"startTime":1700000000000000,"duration":-5`:       "2023-11-14 22:13:20 +0000 UTC -5µs",
		`"startTime":1.5,"duration":0.25`:                  "1970-01-01 00:00:00.0000015 +0000 UTC 250ns",
		`"startTime":-1.5,"duration":null`:                 "1969-12-31 23:59:59.9999985 +0000 UTC 0s",
		`"startTime":"7","duration":"2e3"`:                 "1970-01-01 00:00:00.000007 +0000 UTC 2ms",
		`"startTime":1,"duration":99999999999999999999999`: "1970-01-01 00:00:00.000001 +0000 UTC 2562047h47m16.854774s",
		`"startTime":1,"duration":-1e300`:                  "1970-01-01 00:00:00.000001 +0000 UTC -2562047h47m16.854774s",
		`"startTime":1,"duration":1e400`:                   "1970-01-01 00:00:00.000001 +0000 UTC 2562047h47m16.854774s",
		`"startTime":1,"duration":18446744073709551550`:    "1970-01-01 00:00:00.000001 +0000 UTC -66µs",
		`"startTime":1,"duration":"18446744073709551615"`:  "1970-01-01 00:00:00.000001 +0000 UTC -1µs",
		`"startTime":1,"duration":18446744073709551550.0`:  "1970-01-01 00:00:00.000001 +0000 UTC 2562047h47m16.854774s",
		`"startTime":1,"duration":18446744073709549568.0`:  "1970-01-01 00:00:00.000001 +0000 UTC -2.048ms",
		`"startTime":1,"duration":9223372036854775808`:     "1970-01-01 00:00:00.000001 +0000 UTC -2562047h47m16.854774s",
		`"startTime":1,"duration":9223372036854775807`:     "1970-01-01 00:00:00.000001 +0000 UTC 2562047h47m16.854774s",
		`"startTime":18446744073709551614,"duration":1`:    "1969-12-31 23:59:59.999998 +0000 UTC 1µs",
		`"startTime":1e300`:                                "294247-01-10 04:00:54.775807 +0000 UTC 0s",
	} {
		traces, errs := readAll(strings.NewReader(`{"spans":[{` + json + `}]}`))
		if errs != nil {
			t.Errorf("%s: %v", json, errs)
		} else if got := fmt.Sprint(traces[0][0].Start, " ", traces[0][0].Duration); got != want {
			t.Errorf("%s: %s, want %s", json, got, want)
		}
	}
}

// Jaeger's backends store -66 µs as 18446744073709551550. A program that reads JSON numbers as
// floats rounds that up to 1<<64.
func TestUnsignedNegativeDuration(t *testing.T) {
	for _, duration := range []string{
		"-66", "18446744073709551550", `"18446744073709551550"`, "18446744073709552000", "1.8446744073709552e19",
	} {
		text := strings.Replace(answer, `"duration":50`, `"duration":`+duration, 2)
		text = strings.Replace(text, `"duration":`+duration+"0", `"duration":500`, 1) // the root's
		traces, errs := readAll(strings.NewReader(text))
		if errs != nil {
			t.Fatal(errs)
		}
		built, warnings := gap.Build(traces[0])
		if len(warnings) != 1 || warnings[0].Code != gap.WarnBadDuration || warnings[0].SpanID != 0xb2 {
			t.Errorf("%s: %v", duration, warnings)
		}
		for root := range built.Roots() {
			if root.Duration() != 500*time.Microsecond || root.SelfTime() != 500*time.Microsecond {
				t.Errorf("%s: the root lasts %v, self time %v", duration, root.Duration(), root.SelfTime())
			}
		}
	}
}

func TestIDsThatAreNotNumbers(t *testing.T) {
	traces, errs := readAll(strings.NewReader(`{"traceID":"T","spans":[{"spanID":"R","startTime":0,"duration":9},` +
		`{"spanID":"00112233445566778","startTime":1,"duration":1,` +
		`"references":[{"refType":"CHILD_OF","traceID":"T","spanID":"R"}]}]}`))
	if errs != nil {
		t.Fatal(errs)
	}
	built, warnings := gap.Build(traces[0])
	if built.Len() != 2 || len(warnings) != 0 {
		t.Errorf("%d spans, %v", built.Len(), warnings)
	}
}

func TestUnknownProcess(t *testing.T) {
	traces, errs := readAll(strings.NewReader(`{"spans":[
		{"startTime":0,"processID":"p1"},{"startTime":0,"processID":"p2"},{"startTime":0,"processID":null}],
		"processes":{"p2":{"serviceName":""}}}`))
	for _, s := range traces[0] {
		if s.Process != nil {
			t.Errorf("%v, %v", s.Process, errs)
		}
	}
}

func TestQueryErrorsComeLast(t *testing.T) {
	traces, errs := readAll(strings.NewReader(`{"data":null,"errors":[
		{"code":404,"msg":"trace not found"},{"msg":"late","traceID":"a1"},"plain",null]}`+answer),
		read.WithName("x.json"))
	const want = `1 ["x.json: the query service answers 404: trace not found" ` +
		`"x.json: the query service answers for trace 00000000000000a1: late" "x.json: the query service answers: plain"]`
	if got := fmt.Sprintf("%d %q", len(traces), errs); got != want {
		t.Error(got)
	}
	if e, ok := errors.AsType[*jaegerjson.QueryError](errs[1]); !ok || e.TraceID != (gap.TraceID{Low: 0xa1}) {
		t.Errorf("%#v", errs[1])
	}
}

func TestErrorsNameTheFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "half.json")
	if err := os.WriteFile(name, []byte(answer+answer[:len(answer)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	traces, errs := readAll(f)
	e, _ := errors.AsType[*read.Error](errors.Join(errs...))
	if len(traces) != 1 || len(errs) != 1 || e.Name != name || e.Offset != int64(len(answer)+len(answer)/2) ||
		!errors.Is(e, io.ErrUnexpectedEOF) {
		t.Errorf("%d traces, %v", len(traces), errs)
	}
}

func TestProgress(t *testing.T) {
	var last read.Progress
	text := strings.Repeat(answer, 1000)
	traces, errs := readAll(strings.NewReader(text), read.WithProgress(func(p read.Progress) {
		if p.Bytes < last.Bytes || p.Traces < last.Traces || p.Spans < last.Spans {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
	}))
	want := read.Progress{Bytes: int64(len(text)), Traces: 1000, Spans: 2000}
	if errs != nil || len(traces) != 1000 || last != want {
		t.Errorf("%+v, %d, %v", last, len(traces), errs)
	}
}

func TestMaxBytes(t *testing.T) {
	text := trace + trace
	for _, n := range []int64{int64(len(text)), 0, -1} {
		traces, errs := readAll(strings.NewReader(text), read.WithMaxBytes(1), nil, read.WithMaxBytes(n))
		if errs != nil || len(traces) != 2 {
			t.Errorf("at most %d: %d, %v", n, len(traces), errs)
		}
	}
	traces, errs := readAll(strings.NewReader(text), read.WithMaxBytes(int64(len(text)-1)))
	if e, ok := errors.AsType[read.TooLargeError](errors.Join(errs...)); len(traces) != 1 || !ok ||
		int(e) != len(text)-1 {
		t.Errorf("%d, %v", len(traces), errs)
	}
}

func TestLongStringsAndTraces(t *testing.T) {
	long := strings.Repeat("sehr lang \U0001F600 \" ", 20_000)
	input := []gap.Span{{
		TraceID: gap.TraceID{High: 1}, SpanID: 1, Operation: long, Start: time.Unix(1, 0),
		Tags: []gap.Field{{Key: long, Value: long}}, Warnings: []string{long},
	}}
	for i := range 3000 { // more than a chunk
		input = append(input, gap.Span{
			TraceID: gap.TraceID{High: 1}, SpanID: gap.SpanID(i + 2), Start: time.Unix(1, 0),
			References: []gap.Reference{{SpanID: 1}, {SpanID: gap.SpanID(i)}},
		})
	}
	again := rewrite(t, [][]gap.Span{input})
	if len(again) != 1 || len(again[0]) != 3001 || again[0][0].Operation != long || again[0][0].Tags[0].Value != long ||
		again[0][0].Tags[0].Key != long {
		t.Errorf("%d", len(again))
	}
	for i, s := range again[0][3:] {
		if s.SpanID != gap.SpanID(i+4) || len(s.References) != 2 || s.References[1].SpanID != gap.SpanID(i+2) {
			t.Fatalf("%d: %+v", i, s)
		}
	}
}

func TestSpanWithoutAStartIsKept(t *testing.T) {
	traces, errs := readAll(strings.NewReader(`{"traceID":"1","spans":[{"spanID":"1","startTime":1000,"duration":50},` +
		`{"spanID":"2","duration":5,"references":[{"spanID":"1"}]}]}`))
	if len(traces) != 1 || errs != nil {
		t.Fatalf("%v, %v", traces, errs)
	}
	trace, warnings := gap.Build(traces[0])
	if trace.Len() != 2 || trace.Duration() != 50*time.Microsecond || len(warnings) != 1 ||
		warnings[0].String() != "span 0000000000000002: has no start: drawn where its parent starts" {
		t.Errorf("%d spans in %v, %v", trace.Len(), trace.Duration(), warnings)
	}
}
