package jaegerjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// stored returns root and child as Elasticsearch stores them: each with its process, and with all
// values of tags as strings.
func stored() (first, second string) {
	const process = `"process":{"serviceName":"shop","tags":[{"key":"ip","type":"string","value":"10.0.0.1"}]}`
	replace := strings.NewReplacer(`"processID":"p1"`, process+`,"startTimeMillis":1000`, `"warnings":null`, `"flags":1`)
	return replace.Replace(root), replace.Replace(child)
}

// storedInputs hold the two spans in every form in which they come out of Elasticsearch.
func storedInputs() map[string]string {
	first, second := stored()
	hit := func(id, source string) string {
		return `{"_index":"jaeger-span-2026-01-01","_type":"_doc","_id":"` + id + `","_score":1,"_source":` + source +
			`,"sort":[1,"a"]}`
	}
	hits := hit("x0", first) + "," + hit("x1", second)
	total := `"hits":{"total":{"value":2,"relation":"eq"},"max_score":1,"hits":[` + hits + `]}`
	return map[string]string{
		"lines":               first + "\n" + second + "\n",
		"an array":            "[" + first + ",\n" + second + "]",
		"lines of hits":       hit("x0", first) + "\n" + hit("x1", second),
		"an array of hits":    "[" + hits + "]",
		"a search answer":     `{"took":1,"timed_out":false,"_shards":{"total":1,"failed":0},` + total + `}`,
		"an answer to scroll": `{"_scroll_id":"FG==","took":1,` + total + `}`,
		"an answer for a PIT": `{` + total + `,"pit_id":"46To=="}`,
		"only the hits":       `{"hits":[` + hits + `]}`,
		"sorted members":      sorted(first) + sorted(second),
		"sorted hits":         sorted(hit("x0", first)) + sorted(hit("x1", second)),
		"a hit and a line":    hit("x0", first) + "\n" + second + `{"_source":null}`,
		"a search without and one with hits": `{"hits":{"total":{"value":0},"hits":[]}}{"hits":null}` +
			`{` + total + `}`,
	}
}

// sorted returns an object with its members in the order of the alphabet, as jq -S writes it.
func sorted(object string) string {
	var members map[string]any
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		panic(err)
	}
	b, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestSpansStoredOneByOne(t *testing.T) {
	want := want()
	for name, input := range storedInputs() {
		traces, errs := readAll(strings.NewReader(input))
		if errs != nil || len(traces) != 1 {
			t.Errorf("%s: %d traces, %v", name, len(traces), errs)
			continue
		}
		got := traces[0]
		for i := range got {
			got[i].Warnings = want[i].Warnings
		}
		if !reflect.DeepEqual(got, want) || got[0].Process != got[1].Process {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
	}
}

// Jaeger stores numbers and bools as strings, with their type.
func TestStoredValuesHaveTheirTypes(t *testing.T) {
	const text = `{"traceID":"1","spanID":"2","startTime":5,"duration":1,"startTimeMillis":0,"logs":[],"tags":[` +
		`{"key":"wait.joined_us","type":"int64","value":"120"},{"key":"error","type":"bool","value":"true"},` +
		`{"key":"f","type":"float64","value":"0.5"},{"key":"b","type":"binary","value":"AP8="}]}` +
		`{"traceID":"1","spanID":"3","startTime":5,"tags":[],"tag":{"span@kind":"client","wait@joined_us":120}}`
	traces, errs := readAll(strings.NewReader(text), read.WithEverything())
	if errs != nil {
		t.Fatal(errs)
	}
	for i, want := range [][]gap.Field{{
		{Key: "wait.joined_us", Value: int64(120)},
		{Key: "error", Value: true},
		{Key: "f", Value: 0.5},
		{Key: "b", Value: []byte{0, 0xff}},
	}, {
		{Key: "span.kind", Value: "client"}, {Key: "wait.joined_us", Value: int64(120)},
	}} {
		if got := traces[0][i].Tags; !reflect.DeepEqual(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// The spans of traces come mixed, and in several slices. None is lost, and none of another trace is
// between them.
func TestStoredSpansOfManyTraces(t *testing.T) {
	const n, traces = 10_000, 7
	r, w := io.Pipe()
	go func() {
		for i := range n {
			fmt.Fprintf(w, `{"traceID":"%x","spanID":"%x","startTime":%d,"process":{"serviceName":"s%d"}}`+"\n",
				1+i%traces, 1+i, i, i%3)
		}
		w.Close()
	}()
	count := map[gap.TraceID]int{}
	processes := map[*gap.Process]bool{}
	seen := map[gap.SpanID]bool{}
	var last read.Progress
	for spans, err := range jaegerjson.Read(r, read.WithProgress(func(p read.Progress) { last = p })) {
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range spans {
			if s.TraceID != spans[0].TraceID || len(spans) > 1024/traces+1 {
				t.Fatalf("%d spans, of traces %v and %v", len(spans), s.TraceID, spans[0].TraceID)
			}
			seen[s.SpanID] = true
			processes[s.Process] = true
			count[s.TraceID]++
		}
	}
	if len(seen) != n || len(count) != traces || len(processes) != 3 || last.Spans != n || last.Traces != 0 {
		t.Errorf("%d spans, %d traces, %d processes, %+v", len(seen), len(count), len(processes), last)
	}
}

// Somebody may have put stored spans of several traces into one object.
func TestOneObjectWithManyTraces(t *testing.T) {
	var spans []string
	for i := range 10 {
		spans = append(spans, fmt.Sprintf(`{"traceID":"%x","spanID":"%x","startTime":1}`, 1+i%5, 1+i))
	}
	var last read.Progress
	traces, errs := readAll(strings.NewReader(`{"spans":[`+strings.Join(spans, ",")+`]}`),
		read.WithProgress(func(p read.Progress) { last = p }))
	if errs != nil || len(traces) != 5 || last.Traces != 5 || last.Spans != 10 {
		t.Fatalf("%v, %v, %+v", traces, errs, last)
	}
	for i, spans := range traces {
		if id := (gap.TraceID{Low: uint64(i + 1)}); len(spans) != 2 || spans[0].TraceID != id || spans[1].TraceID != id {
			t.Errorf("%+v", spans)
		}
	}
}

// Some tracers send half of a trace's id. Build joins the halves, so they come together.
func TestHalfOfATraceIDStaysWithTheWhole(t *testing.T) {
	text := func(ids ...string) (text string) {
		for i, id := range ids {
			text += fmt.Sprintf(`{"traceID":"%s","spanID":"%x","startTime":1}`, id, i+1)
		}
		return text
	}
	const whole, half, other = "c7000000000000000000000000000001", "1", "c8000000000000000000000000000001"
	for _, test := range []struct {
		ids   []string
		sizes string
	}{
		{[]string{half, whole, half}, "[3]"},
		{[]string{whole, half, "2"}, "[2 1]"},
		{[]string{half, whole, other, half}, "[2 1 1]"}, // the half of either
		{[]string{"0", whole, "c9000000000000000000000000000000"}, "[1 1 1]"},
	} {
		traces, errs := readAll(strings.NewReader(text(test.ids...)))
		var sizes []int
		for _, spans := range traces {
			sizes = append(sizes, len(spans))
		}
		if fmt.Sprint(sizes) != test.sizes || errs != nil {
			t.Errorf("%v: %v, %v", test.ids, sizes, errs)
		}
	}
}

func TestTracesAndStoredSpansInOneFile(t *testing.T) {
	first, second := stored()
	text := answer + first + "\n" + trace + "\n[" + second + "," + trace + "]" +
		`{"hits":{"hits":[{"_source":` + first + `}]}}`
	traces, errs := readAll(strings.NewReader(text))
	spans := 0
	for _, trace := range traces {
		spans += len(trace)
	}
	if errs != nil || len(traces) != 4 || spans != 9 {
		t.Errorf("%d traces, %d spans, %v", len(traces), spans, errs)
	}
}

func TestStoredSpansBeforeAnErrorAreYielded(t *testing.T) {
	first, second := stored()
	lines := first + "\n" + second
	for length := len(first); length < len(lines); length++ {
		traces, errs := readAll(strings.NewReader(lines[:length]))
		cut := length > len(first)+1 // in the second line
		if len(traces) != 1 || len(traces[0]) != 1 || (len(errs) == 1) != cut ||
			cut && !errors.Is(errs[0], io.ErrUnexpectedEOF) {
			t.Fatalf("truncated to %d: %v, %v", length, traces, errs)
		}
	}
	for _, test := range []struct {
		text   string
		offset int // after the first span
		want   string
	}{
		{`{"spanID":"1","duration":1}`, 0, "a span with its startTime, found one without"},
		{`{"_source":{"a":1}}`, 18, object + ", found one without"},
		{`{"_source":5}`, 11, document + ", found 5"},
		{`{"hits":5}`, 8, "an array, found 5"},
		{`{"spanID":"1","startTime":"x"}` + second, 26, `microseconds since 1970 (startTime), found "x"`},
	} {
		traces, errs := readAll(strings.NewReader(first + test.text))
		want := fmt.Sprintf("byte %d: expected %s", len(first)+test.offset, test.want)
		if len(traces) != 1 || len(errs) != 1 || errs[0].Error() != want {
			t.Errorf("%s: %v, %v\nwant %s", test.text, traces, errs, want)
		}
	}
}

func TestIterationOverStoredSpansStops(t *testing.T) {
	for _, end := range []string{"", "x"} {
		slices := 0
		for range jaegerjson.Read(strings.NewReader(`{"traceID":"1","spanID":"1","startTime":1}` +
			`{"traceID":"2","spanID":"1","startTime":1}` + end)) {
			slices++
			break
		}
		if slices != 1 {
			t.Errorf("%d slices", slices)
		}
	}
}

func TestStoredProcessesAreShared(t *testing.T) {
	process := func(service, tags string) string {
		return `{"spanID":"1","startTime":1,"process":{"serviceName":"` + service + `","tags":[` + tags + `]}}`
	}
	const ip, bytes = `{"key":"ip","value":"x"}`, `{"key":"b","type":"binary","value":"AP8="}`
	text := process("a", ip) + process("b", ip) + process("a", "") + process("a", bytes) +
		`{"spanID":"1","startTime":1,"process":null}`
	traces, errs := readAll(strings.NewReader(text + text))
	if errs != nil || len(traces) != 1 || len(traces[0]) != 10 {
		t.Fatal(traces, errs)
	}
	processes := map[*gap.Process]bool{}
	for i, s := range traces[0][:5] {
		processes[s.Process] = true
		if s.Process != traces[0][i+5].Process || (s.Process == nil) != (i == 4) {
			t.Errorf("%d: %+v and %+v", i, s.Process, traces[0][i+5].Process)
		}
	}
	if len(processes) != 5 {
		t.Errorf("%d processes", len(processes))
	}
}

func TestIncompleteAnswersAreReported(t *testing.T) {
	answer := func(members string) string {
		return `{"took":3,` + members + `"hits":{"total":{"value":1},"hits":[{"_source":{"traceID":"1","spanID":"1","startTime":1}}]}}`
	}
	for members, want := range map[string]string{
		`"timed_out":false,"_shards":{"total":5,"successful":5,"skipped":0,"failed":0},`: "[]",
		`"timed_out":"no","_shards":5,`: "[]",
		`"timed_out":true,`:             "[es.json: byte 0: expected a complete answer of Elasticsearch, found one that timed out]",
		`"timed_out":false,"_shards":{"total":5,"successful":3,"failed":2,"failures":[{"shard":0}]},`: "[es.json: byte 0: " +
			"expected a complete answer of Elasticsearch, found one with 2 failed shards]",
	} {
		traces, errs := readAll(strings.NewReader(answer(members)), read.WithName("es.json"))
		if len(traces) != 1 || fmt.Sprint(errs) != want {
			t.Errorf("%s: %d traces, %v, want %s", members, len(traces), errs, want)
		}
	}
	two := answer("") + answer(`"_shards":{"failed":1},`) + answer(`"timed_out":true,`)
	_, errs := readAll(strings.NewReader(two))
	if got, want := fmt.Sprint(errs), fmt.Sprintf("[byte %d: expected a complete answer of Elasticsearch, "+
		"found one with 1 failed shard (and 1 more such value)]", len(answer(""))); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
