package jaegerjson_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

const (
	document = "a trace or a span in Jaeger's JSON, an array of them, or an answer with them"
	object   = `an object with "data", "spans", "spanID", "hits", "_source" or "errors"`
)

// malformed holds inputs and their errors.
var malformed = map[string]string{
	``:                                     "byte 0: expected " + document + ", found the end of the input",
	`null`:                                 "byte 0: expected " + document + ", found null",
	` hello`:                               "byte 1: expected " + document + ", found hello",
	`<html>`:                               "byte 0: expected " + document + ", found '<'",
	"\xff\xfe{\x00":                        "byte 0: expected " + document + `, found "\xff" (UTF-16? It has to be UTF-8)`,
	`{"a":1}`:                              "byte 7: expected " + object + ", found one without",
	`{"resourceSpans":[]}`:                 "byte 20: expected " + object + ", as OTLP is not read, found one without",
	`[{"spans":[7]}]`:                      "byte 11: expected an object, found 7",
	`{"spans":{}}`:                         "byte 9: expected an array, found '{'",
	`{"spans":[{}]}`:                       "byte 10: expected a span with its startTime, found one without",
	`{"spans":[{"startTime":"x"}]}`:        `byte 23: expected microseconds since 1970 (startTime), found "x"`,
	`{"spans":[{"startTime":"NaN"}]}`:      `byte 23: expected microseconds since 1970 (startTime), found "NaN"`,
	`{"spans":[{"startTime":"Infinity"}]}`: `byte 23: expected microseconds since 1970 (startTime), found "Infinity"`,
	`{"spans":[{"startTime":1,"duration":"-inf"}]}`:                       `byte 36: expected microseconds (duration), found "-inf"`,
	`{"spans":[{"startTime":"0x1p4"}]}`:                                   `byte 23: expected microseconds since 1970 (startTime), found "0x1p4"`,
	`{"spans":[{"startTime":[]}]}`:                                        `byte 23: expected microseconds since 1970 (startTime), found '['`,
	`{"spans":[{"duration":"1ms","startTime":1}]}`:                        `byte 22: expected microseconds (duration), found "1ms"`,
	`{"spans":[{"startTime":1,"spanID":5}]}`:                              "byte 34: expected a string, found 5",
	`{"spans":[{"startTime":1,"operationName":true}]}`:                    "byte 41: expected a string, found true",
	`{"spans":[{"startTime":1} {}]}`:                                      `byte 26: expected ',' or ']', found '{'`,
	`{"spans":[{"startTime":1,}]}`:                                        `byte 25: expected a string, found '}'`,
	`{"spans":[{"startTime" 1}]}`:                                         `byte 23: expected ':' after a key, found 1`,
	`{"spans":[{"startTime":01}]}`:                                        `byte 24: expected ',' or '}', found 1`,
	`{"spans":[{"startTime":-}]}`:                                         `byte 24: expected a digit of a number, at most 16 MiB long, found '}'`,
	`{"spans":[{"operationName":"a\x"}]}`:                                 `byte 30: expected one of "\/bfnrtu after a backslash, found x`,
	"{\"spans\":[{\"operationName\":\"a\n\"}]}":                           `byte 29: expected no control character in a string, found '\n'`,
	`{"spans":[{"operationName":"a`:                                       `byte 29: expected the end of a string, found the end of the input`,
	`{"spans":[{"operationName":"` + strings.Repeat("long", 20) + `",}]}`: `byte 110: expected a string, found '}'`,
	`{"spans":[{"x":` + strings.Repeat("[", 10_001):                       "byte 10012: expected at most 10,000 nested arrays and objects, found '['",
	trace + `,` + trace:                                                   "",
}

func TestErrorsSayWhereAndWhatWasExpected(t *testing.T) {
	for text, want := range malformed {
		traces, errs := readAll(strings.NewReader(text))
		if want == "" {
			want = "byte 767: expected " + document + ", found ','"
			if len(traces) != 1 {
				t.Errorf("%d traces before the error", len(traces))
			}
		}
		if len(errs) != 1 || errs[0].Error() != want {
			t.Errorf("%.60q:\n%v\nwant\n%s", text, errs, want)
		}
	}
}

func TestTracesBeforeAnErrorAreYielded(t *testing.T) {
	for length := range len(trace) {
		traces, errs := readAll(strings.NewReader(`{"data":[` + trace + `,` + trace[:length]))
		e, ok := errors.AsType[*read.Error](errors.Join(errs...))
		if len(traces) != 1 || !ok || e.Offset != int64(10+len(trace)+length) || e.Err != io.ErrUnexpectedEOF {
			t.Fatalf("truncated to %d: %d traces, %v", length, len(traces), errs)
		}
	}
	broken := errors.New("broken")
	traces, errs := readAll(io.MultiReader(strings.NewReader(trace+trace[:50]), iotest.ErrReader(broken)),
		read.WithName("pipe"))
	if len(traces) != 1 || len(errs) != 1 || !errors.Is(errs[0], broken) ||
		errs[0].Error() != "pipe: byte 817: broken" {
		t.Errorf("%d traces, %v", len(traces), errs)
	}
}

// A time that is no number is an error of its span only.
func TestSpanWithoutATimeIsLeftOut(t *testing.T) {
	for _, value := range []string{`"Infinity"`, `"-Inf"`, `"NaN"`, `"soon"`, `""`, `true`, `[1,{"a":[]}]`, `{"a":1}`} {
		for _, name := range []string{"startTime", "duration"} {
			bad := strings.Replace(`{"spanID":"b9","startTime":1,"duration":2}`,
				`"`+name+`":`, `"`+name+`":`+value+`,"x":`, 1)
			text := strings.Replace(trace, `"spans":[`, `"spans":[`+bad+`,`+bad+`,`, 1) + trace
			traces, errs := readAll(strings.NewReader(text))
			if len(traces) != 2 || len(traces[0]) != 2 || !same(traces[:1], traces[1:]) || len(errs) != 1 {
				t.Fatalf("%s of %s: %d traces, %v", value, name, len(traces), errs)
			}
			e, ok := errors.AsType[*read.Error](errs[0])
			if !ok || e.Offset != int64(strings.Index(text, value)) || e.More != 1 ||
				!strings.HasSuffix(e.Error(), " (and 1 more such value)") {
				t.Errorf("%s of %s: %v", value, name, errs)
			}
		}
	}
	twice := strings.Replace(trace, `"startTime"`, `"startTime":"x","startTime"`, 1)
	if traces, errs := readAll(strings.NewReader(twice)); len(traces[0]) != 2 || len(errs) != 1 {
		t.Errorf("a key that comes twice: %v, %v", traces, errs)
	}
	logs := strings.Replace(trace, `"logs":[{`, `"logs":[{"timestamp":"x"},{`, 1)
	traces, errs := readAll(strings.NewReader(logs), read.WithEverything())
	if len(traces[0]) != 2 || len(traces[0][1].Logs) != 1 || len(errs) != 1 {
		t.Errorf("a log without a time: %v, %v", traces, errs)
	}
}

func TestIterationStopsAnywhere(t *testing.T) {
	for stopAt := 1; stopAt < 5; stopAt++ {
		n := 0
		for range jaegerjson.Read(strings.NewReader(`{"errors":["a","b"]}` + trace + trace + `x`)) {
			if n++; n == stopAt {
				break
			}
		}
		if n != stopAt {
			t.Errorf("%d, want %d", n, stopAt)
		}
	}
}
