package zipkinjson_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/gap/zipkinjson"
)

const (
	root = `{"traceId":"00000000000000a1","id":"00000000000000b1","kind":"SERVER","name":"get /"` +
		`,"timestamp":1000000,"duration":500,"localEndpoint":{"serviceName":"shop","ipv4":"10.0.0.1","port":80}` +
		`,"tags":{"http.path":"/"}}`
	child = `{"traceId":"00000000000000a1","parentId":"00000000000000b1","id":"00000000000000b2","kind":"CLIENT"` +
		`,"name":"redis get","timestamp":1000100,"duration":50,"debug":true` +
		`,"localEndpoint":{"serviceName":"shop","ipv4":"10.0.0.1"}` +
		`,"remoteEndpoint":{"serviceName":"redis","ipv4":"10.0.0.2","ipv6":"::2","port":6379}` +
		`,"annotations":[{"timestamp":1000120,"value":"retry"}],"tags":{"error":"no \"x\"","db.statement":"get x"}}`
	array = `[` + root + `,` + child + `]`
)

// inputs hold the same trace in every form.
var inputs = map[string]string{
	"an array":             array,
	"an array of traces":   `[` + array + `]`,
	"lines":                root + "\n" + child + "\n",
	"one after the other":  root + child,
	"lines of arrays":      `[` + root + "]\n[" + child + "]\n",
	"a byte order mark":    "\ufeff" + array,
	"nulls":                `[null,` + root + `,null,` + child + `]`,
	"white space":          replaced(",", " ,\r\n\t", ":", " : "),
	"unknown members":      replaced(`{"traceId"`, `{"x":{"id":[1,{"y":null}]},"traceId"`),
	"short ids":            replaced("00000000000000", ""),
	"upper case":           replaced("00000000000000a1", "0000000000000000A1", "b1", "B1", "00000000000000b2", "0B2"),
	"numbers as strings":   replaced("1000000", `"1000000"`, "500", `"500"`, "1000100", `"1000100"`),
	"numbers as fractions": replaced("1000000", "1e6", "500", "500.0", "1000100", "1000100.0"),
	"kinds in lower case":  replaced("SERVER", "server", "CLIENT", "client"),
	"a shared span without a kind": replaced(
		`"kind":"SERVER"`, `"shared":true`),
	"false and null": replaced(
		`"kind":"SERVER"`, `"kind":"SERVER","shared":false,"parentId":null,"annotations":null,"remoteEndpoint":null`),
	"an IPv6 address": replaced(`"ipv4":"10.0.0.1"`, `"ipv6":"10.0.0.1"`),
	"tags as an array": replaced(
		`{"http.path":"/"}`, `[{"key":"http.path","value":"/"}]`),
	"an empty error":          replaced(`"no \"x\""`, `""`),
	"an error that is a bool": replaced(`"no \"x\""`, `true`),
	"a member that comes twice": replaced(
		`"duration":`, `"duration":7,"duration":`, `"timestamp":1000100`, `"timestamp":1,"timestamp":1000100`),
}

// replaced returns array with replacements, as strings.NewReplacer makes them.
func replaced(oldnew ...string) string { return strings.NewReplacer(oldnew...).Replace(array) }

func want() []gap.Span {
	p := &gap.Process{Service: "shop", Tags: []gap.Field{{Key: "ip", Value: "10.0.0.1"}}}
	a1 := gap.TraceID{Low: 0xa1}
	return []gap.Span{{
		TraceID: a1, SpanID: 0xb1, Operation: "get /", Start: time.UnixMicro(1_000_000).UTC(),
		Duration: 500 * time.Microsecond,
		Process:  p, Tags: []gap.Field{{Key: "span.kind", Value: "server"}},
	}, {
		TraceID: a1, SpanID: 0xb2, Operation: "redis get", Start: time.UnixMicro(1_000_100).UTC(),
		Duration:   50 * time.Microsecond,
		References: []gap.Reference{{SpanID: 0xb1}},
		Process:    p, Tags: []gap.Field{{Key: "error", Value: true}, {Key: "span.kind", Value: "client"}},
	}}
}

func TestEveryForm(t *testing.T) {
	for name, input := range inputs {
		traces, errs := readAll(strings.NewReader(input))
		if errs != nil || len(traces) != 1 || !reflect.DeepEqual(traces[0], want()) {
			t.Errorf("%s: %+v, %v\nwant %+v", name, traces, errs, want())
		} else if traces[0][0].Process != traces[0][1].Process {
			t.Errorf("%s: the process is not shared", name)
		}
	}
}

func TestEverything(t *testing.T) {
	traces, errs := readAll(strings.NewReader(array), read.WithEverything())
	if errs != nil {
		t.Fatal(errs)
	}
	want := want()
	want[0].Tags = []gap.Field{{Key: "http.path", Value: "/"}, {Key: "span.kind", Value: "server"}}
	want[1].Tags = []gap.Field{
		{Key: "peer.service", Value: "redis"},
		{Key: "peer.ipv4", Value: "10.0.0.2"},
		{Key: "peer.ipv6", Value: "::2"},
		{Key: "peer.port", Value: int64(6379)},
		{Key: "error", Value: true},
		{Key: "db.statement", Value: "get x"},
		{Key: "span.kind", Value: "client"},
		{Key: "error.message", Value: `no "x"`},
	}
	want[1].Logs = []gap.Log{{
		Time: time.UnixMicro(1_000_120).UTC(), Fields: []gap.Field{{Key: "event", Value: "retry"}},
	}}
	if !reflect.DeepEqual(traces[0], want) {
		t.Errorf("%+v\nwant %+v", traces[0], want)
	}
	traces, errs = readAll(strings.NewReader(array), read.WithTags("peer.service", "http.path", "error.message"))
	if got := len(traces[0][0].Tags) + len(traces[0][1].Tags); got != 2+4 || errs != nil {
		t.Errorf("%+v, %v", traces[0], errs)
	}
}

// A server's span may have the id of its client's. Spans below it have one parent id for both, and
// their service says which it is.
func TestSharedSpans(t *testing.T) {
	span := func(id, parent, kind, service, more string, start, duration int) string {
		return fmt.Sprintf(`{"traceId":"a1","id":"%s","parentId":"%s","kind":"%s","name":"%s","timestamp":%d,"duration":%d`+
			`,"localEndpoint":{"serviceName":"%s"}%s}`, id, parent, kind, id+kind, 1_000_000+start, duration, service, more)
	}
	text := "[" + strings.Join([]string{
		span("1", "", "SERVER", "frontend", "", 0, 100_000),
		span("2", "1", "CLIENT", "frontend", "", 10_000, 80_000),
		span("2", "1", "SERVER", "backend", `,"shared":true`, 20_000, 60_000),
		span("3", "2", "CLIENT", "backend", "", 30_000, 20_000),
		span("4", "2", "", "frontend", "", 11_000, 2_000),
		span("5", "2", "", "elsewhere", "", 21_000, 1_000),
	}, ",") + "]"
	traces, errs := readAll(strings.NewReader(text))
	if errs != nil {
		t.Fatal(errs)
	}
	trace, warnings := gap.Build(traces[0])
	var got strings.Builder
	for n := range trace.Nodes() {
		fmt.Fprintf(&got, "%s%s %v\n", strings.Repeat(" ", n.Depth()), n.Span().Operation, n.SelfTime())
	}
	const want = `1SERVER 20ms
 2CLIENT 0s
  4 2ms
  2SERVER 39ms
   5 1ms
   3CLIENT 0s
`
	if got.String() != want || len(warnings) != 0 {
		t.Errorf("%s%v", &got, warnings)
	}
}

func TestTracesMayBeMixed(t *testing.T) {
	const n, traces = 5000, 3
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"traceId":"%x","id":"%x","timestamp":%d,"localEndpoint":{"serviceName":"s%d"}},`, 1+i%traces, 1+i, 1+i, i%2)
	}
	spans := strings.TrimSuffix(b.String(), ",")
	for _, test := range []struct {
		text               string
		slices, traces, at int
	}{
		{"[" + spans + "]", 5 * traces, 0, 1},
		{strings.ReplaceAll(spans, "},{\"traceId", "}\n{\"traceId"), 5 * traces, 0, 1},
		{"[[" + spans + "]]", traces, traces, 1},
		{"[[" + spans + "],[" + spans + "]]", 2 * traces, 2 * traces, 2},
	} {
		var last read.Progress
		count := map[gap.SpanID]int{}
		slices := 0
		for spans, err := range zipkinjson.Read(strings.NewReader(test.text), read.WithProgress(func(p read.Progress) { last = p })) {
			if err != nil {
				t.Fatal(err)
			}
			slices++
			for _, s := range spans {
				if count[s.SpanID]++; s.TraceID != spans[0].TraceID {
					t.Fatalf("traces %v and %v in a slice", s.TraceID, spans[0].TraceID)
				}
			}
		}
		want := read.Progress{Bytes: int64(len(test.text)), Traces: test.traces, Spans: n * test.at}
		if slices != test.slices || len(count) != n || last != want {
			t.Errorf("%.20s: %d slices, %d spans, %+v; want %d, %+v", test.text, slices, len(count), last, test.slices, want)
		}
	}
}

func TestTraceIsYieldedBeforeTheNextIsRead(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	go w.Write([]byte(`[` + array + `,[`))
	for spans, err := range zipkinjson.Read(r) {
		if len(spans) != 2 || err != nil {
			t.Errorf("%v, %v", spans, err)
		}
		break // reading on would block for ever
	}
}

func TestSpanWithABadTimeIsLeftOut(t *testing.T) {
	for _, test := range []struct {
		old, bad string
		spans    int
		want     string // the end of the error
	}{
		{root, `{"id":"1"}`, 1, "byte 1: expected a span with its traceId or its timestamp, found one without"},
		{`"timestamp":1000000`, `"timestamp":"NaN"`, 1, `expected microseconds since 1970 (timestamp), found "NaN"`},
		{`"duration":500`, `"duration":"x"`, 1, `expected microseconds (duration), found "x"`},
		{`{"timestamp":1000120`, `{"timestamp":true`, 2, `(timestamp of an annotation), found true`},
	} {
		traces, errs := readAll(strings.NewReader(replaced(test.old, test.bad)), read.WithEverything())
		e, ok := errors.AsType[*read.Error](errors.Join(errs...))
		if len(traces) != 1 || len(traces[0]) != test.spans || len(errs) != 1 || !ok ||
			!strings.HasSuffix(e.Error(), test.want) {
			t.Errorf("%s: %v, %v", test.bad, traces, errs)
		}
	}
	traces, errs := readAll(strings.NewReader(strings.Repeat(`{"id":"1","timestamp":"soon"}`, 3) + root))
	if len(traces) != 1 || len(traces[0]) != 1 || len(errs) != 1 ||
		!strings.HasSuffix(errs[0].Error(), "(and 2 more such values)") {
		t.Errorf("%v, %v", traces, errs)
	}
}

// A span without a timestamp keeps its place in the trace, and does not stretch it.
func TestSpanWithoutATimestampIsKept(t *testing.T) {
	for _, missing := range []string{"", `"timestamp":0,`, `"timestamp":null,`, `"timestamp":0,"duration":5,`} {
		traces, errs := readAll(strings.NewReader(`[{"traceId":"1","id":"1","timestamp":1000,"duration":50},` +
			`{"traceId":"1","id":"2","parentId":"1",` + missing + `"name":"late"},` +
			`{"traceId":"1","id":"3","parentId":"2","timestamp":1010,"duration":20}]`))
		if len(traces) != 1 || errs != nil {
			t.Fatalf("%s: %d traces, %v", missing, len(traces), errs)
		}
		trace, warnings := gap.Build(traces[0])
		if trace.Len() != 3 || trace.Duration() != 50*time.Microsecond || len(warnings) != 1 ||
			warnings[0].Code != gap.WarnBadTime || warnings[0].SpanID != 2 {
			t.Errorf("%s: %d spans in %v, %v", missing, trace.Len(), trace.Duration(), warnings)
		}
	}
}

func TestOddTimes(t *testing.T) {
	for json, want := range map[string]string{
		`"timestamp":1`:                                    "1970-01-01 00:00:00.000001 +0000 UTC 0s",
		`"timestamp":1,"duration":null`:                    "1970-01-01 00:00:00.000001 +0000 UTC 0s",
		`"timestamp":1.5,"duration":0.25`:                  "1970-01-01 00:00:00.0000015 +0000 UTC 250ns",
		`"timestamp":"1700000000000000","duration":"2e3"`:  "2023-11-14 22:13:20 +0000 UTC 2ms",
		`"timestamp":1,"duration":-5`:                      "1970-01-01 00:00:00.000001 +0000 UTC -5µs",
		`"timestamp":1,"duration":99999999999999999999999`: "1970-01-01 00:00:00.000001 +0000 UTC 2562047h47m16.854774s",
		`"timestamp":1e300`:                                "294247-01-10 04:00:54.775807 +0000 UTC 0s",
	} {
		traces, errs := readAll(strings.NewReader(`{"id":"1",` + json + `}`))
		if errs != nil {
			t.Errorf("%s: %v", json, errs)
		} else if got := fmt.Sprint(traces[0][0].Start, " ", traces[0][0].Duration); got != want {
			t.Errorf("%s: %s, want %s", json, got, want)
		}
	}
}

// malformed holds inputs and their errors.
var malformed = map[string]string{
	``:                     "byte 0: expected " + document + ", found the end of the input",
	`null`:                 "byte 0: expected " + document + ", found null",
	`[7]`:                  "byte 1: expected " + document + ", found 7",
	`<html>`:               "byte 0: expected " + document + ", found '<'",
	`{}`:                   "byte 0: expected a span in Zipkin's JSON, with its id, found an object without",
	`{"resourceSpans":[]}`: "byte 0: expected a span in Zipkin's JSON, with its id, found an object without",
	`{"id":"1","timestamp":1,"binaryAnnotations":[]}`: "byte 44: expected a span in Zipkin's JSON v2, " +
		"found binaryAnnotations, as in v1",
	`{"id":5}`:                          "byte 6: expected a string, found 5",
	`{"id":"1","traceId":[]}`:           "byte 20: expected a string, found '['",
	`{"id":"1","kind":1}`:               "byte 17: expected a string, found 1",
	`{"id":"1","localEndpoint":"shop"}`: `byte 26: expected an object, found "shop"`,
	`{"id":"1","remoteEndpoint":[]}`:    "byte 27: expected an object, found '['",
	`{"id":"1","tags":5}`:               "byte 17: expected an array, found 5",
	`[{"id":"1"`:                        "byte 10: expected ',' or '}', found the end of the input",
	`[` + strings.Repeat("[", 10_000):   "byte 10000: expected at most 10,000 nested arrays and objects, found '['",
}

const document = "a span in Zipkin's JSON (v2), an array of spans, or an array of traces"

func TestErrorsSayWhereAndWhatWasExpected(t *testing.T) {
	for text, want := range malformed {
		traces, errs := readAll(strings.NewReader(text))
		if len(traces) != 0 || len(errs) != 1 || errs[0].Error() != want {
			t.Errorf("%.60q: %v\n%v\nwant\n%s", text, traces, errs, want)
		}
	}
	for _, text := range []string{`[]`, `[[],[]]`, `[null]`, "[]\n[]"} {
		if traces, errs := readAll(strings.NewReader(text)); traces != nil || errs != nil {
			t.Errorf("%s: %v, %v", text, traces, errs)
		}
	}
}

func TestSpansBeforeAnErrorAreYielded(t *testing.T) {
	for _, text := range []string{`[` + root + `,` + child, `[[` + root + `,` + child, root + "\n" + child} {
		first := strings.Index(text, root) + len(root) + 1
		for length := first + 1; length < len(text); length++ {
			traces, errs := readAll(strings.NewReader(text[:length]), read.WithName("x"))
			e, ok := errors.AsType[*read.Error](errors.Join(errs...))
			if len(traces) != 1 || len(traces[0]) != 1 || !ok || e.Offset != int64(length) || e.Err != io.ErrUnexpectedEOF ||
				e.Name != "x" {
				t.Fatalf("truncated to %d: %v, %v", length, traces, errs)
			}
		}
	}
}

func TestGzipAndBounds(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(array))
	z.Close()
	traces, errs := readAll(bytes.NewReader(b.Bytes()))
	if len(traces) != 1 || errs != nil {
		t.Errorf("%v, %v", traces, errs)
	}
	traces, errs = readAll(&b, read.WithMaxBytes(int64(len(root)+2)))
	if len(traces) != 1 || len(errs) != 1 || !errors.Is(errs[0], read.TooLargeError(len(root)+2)) {
		t.Errorf("%v, %v", traces, errs)
	}
}

func TestLargeAttributes(t *testing.T) {
	long := strings.Repeat("sehr lang \U0001F600 ", 10<<20/15)
	text := replaced(`"get x"`, `"`+long+`"`, `"redis get"`, `"`+long+`"`, `"shop"`, `"`+long+`"`)
	traces, errs := readAll(strings.NewReader(text), read.WithEverything())
	if errs != nil || traces[0][1].Operation != long || traces[0][1].Process.Service != long {
		t.Errorf("%v", errs)
	} else if statement, _ := traces[0][1].Tag("db.statement"); statement != long {
		t.Errorf("%d bytes", len(statement))
	}
}

func TestIterationStopsAnywhere(t *testing.T) {
	for stopAt := 1; stopAt < 5; stopAt++ {
		n := 0
		for range zipkinjson.Read(strings.NewReader(`[` + array + `,[` + root + `]]{"id":"1"}` + root + `x`)) {
			if n++; n == stopAt {
				break
			}
		}
		if n != stopAt {
			t.Errorf("%d, want %d", n, stopAt)
		}
	}
}
