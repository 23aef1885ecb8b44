package otlp_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/gap/read"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// malformed are inputs, each with the error that Read returns.
var malformed = map[string]string{
	``:                                     `byte 0: expected an object of OTLP with "resourceSpans", found the end of the input`,
	`<html>`:                               `byte 0: expected an object of OTLP with "resourceSpans", found '<'`,
	`{"data":[]}`:                          `byte 11: expected an object with "resourceSpans", "batches", "trace" or "result", found one without`,
	`{"resourceSpans"`:                     `byte 16: expected ':' after a key, found the end of the input`,
	`{"resourceSpans":{}}`:                 `byte 17: expected an array, found '{'`,
	spanWith(`"name":5`):                   `byte 78: expected a string, found 5`,
	spanWith(`"attributes":{}`):            `byte 84: expected an array, found '{'`,
	spanWith(`"status":2`):                 `byte 80: expected an object, found 2`,
	spanWith(`"startTimeUnixNano":"soon"`): `byte 91: expected nanoseconds since 1970 (startTimeUnixNano), found "soon"`,
	spanWith(`"startTimeUnixNano":"Infinity"`):               `byte 91: expected nanoseconds since 1970 (startTimeUnixNano), found "Infinity"`,
	spanWith(`"endTimeUnixNano":[]`):                         `byte 89: expected nanoseconds since 1970 (endTimeUnixNano), found '['`,
	`{"error":{"httpCode":404,"message":"trace not found"}}`: `the server reports 404: trace not found`,
	`{"error":"no\u001b[31m"}`:                               "the server reports: no\uFFFD[31m",
	"\x00\x00\x00\x05\x0a\x02\x12\x01\x0a":                   `byte 6: expected a field that ends within its message, found a longer one`,
	"\x00\x00\x00\x07\x0a\x05\x12\x03\x12\x01\x0b":           `byte 11: expected a field that ends within its message, found none`,
	"\x00\x00\x00\x08\x0a\x06\x12\x04\x12\x02\x2a\x05":       `byte 11: expected a field that ends within its message, found none`,
	"\x0a\x04\x12\x02\x0b\x0c":                               `byte 4: expected a field of OTLP, found a group or a type that Protobuf does not have`,
	"\x0a\x04\x12\x02\x12\xff":                               `byte 5: expected the size of a field, found none`,
	"\x0a\x02\x12\x00\x0a":                                   `byte 5: expected the size of a field, found the end of the input`,
	"\x0a\x05\x12":                                           `byte 3: expected the size of a field, found the end of the input`,
	"\x0a\xff\xff\xff\xff\x0f\x12\x00":                       `byte 0: expected a field that ends within its message, found a longer one`,
	"\x00\x00\x00\x02\x0a\x00\x00":                           `byte 7: expected the size of a message in 4 bytes, found the end of the input`,
	"\x02\x0a\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f":       `byte 3: expected the size of a message, less than 2 GiB, found a larger one`,
}

func TestMalformed(t *testing.T) {
	for input, want := range malformed {
		_, errs := readAll(strings.NewReader(input))
		if len(errs) != 1 || errs[0].Error() != want {
			t.Errorf("%q: %v, want %q", input, errs, want)
		}
	}
}

func TestErrorHasNameAndOffset(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, `{"resourceSpans":[}`)
	z.Close()
	_, errs := readAll(&zipped, read.WithName("x.json.gz"))
	e, ok := errors.AsType[*read.Error](errs[0])
	if !ok || e.Name != "x.json.gz" || e.Offset != 18 || !e.Decompressed {
		t.Errorf("%+v", errs)
	}
	_, errs = readAll(strings.NewReader("\x1f\x8bno"))
	if len(errs) != 1 {
		t.Errorf("%v for what begins as gzip does", errs)
	}
	big := []byte(`{"resourceSpans":[` + strings.Repeat(" ", 1000) + `]}`)
	_, errs = readAll(bytes.NewReader(big), read.WithMaxBytes(100))
	if large, ok := errors.AsType[read.TooLargeError](errors.Join(errs...)); !ok || large != 100 {
		t.Errorf("%v for a large input", errs)
	}
}

// Whatever an input is truncated to, the spans before that are read.
func TestTruncated(t *testing.T) {
	for name, whole := range encodings(t, manySpans(100, 2)) {
		all, _ := readAll(bytes.NewReader(whole))
		before := 0
		for n := range len(whole) {
			if n%37 != 0 && n < len(whole)-300 && n > 600 {
				continue // for speed
			}
			spans, errs := readAll(bytes.NewReader(whole[:n]))
			if len(errs) != 1 || len(spans) < before {
				t.Fatalf("%s truncated to %d bytes: %d spans, %v", name, n, len(spans), errs)
			}
			before = len(spans)
		}
		if before < len(all)-1 {
			t.Errorf("%s: only %d of %d spans are read before the end", name, before, len(all))
		}
	}
}

func TestIDsOfEveryLength(t *testing.T) {
	for n := range 40 {
		for _, alphabet := range []string{"0123456789abcdef", "0123456789ABCDEF", "an id by hand, "} {
			id := strings.Repeat(alphabet, 3)[:n]
			spans, errs := readAll(strings.NewReader(fmt.Sprintf(
				`{"batches":[{"scopeSpans":[{"spans":[{"traceId":%[1]q,"spanId":%[1]q},{"traceId":%[1]q,"spanId":"1","parentSpanId":%[1]q}]}]}]}`, id)))
			if len(spans) != 2 || errs != nil || spans[0].TraceID != spans[1].TraceID {
				t.Fatalf("%q: %s%v", id, render(spans), errs)
			}
			if refs := spans[1].References; spans[0].SpanID != 0 && (len(refs) != 1 || refs[0].SpanID != spans[0].SpanID) {
				t.Errorf("%q: the parent is not found: %s", id, render(spans))
			}
		}
		id := append([]byte{0x0a, byte(n)}, bytes.Repeat([]byte{1}, n)...)
		id = append(append(id, 0x12, byte(n)), bytes.Repeat([]byte{1}, n)...)
		input := nest(id, 0x12, 0x12, 0x0a)
		if spans, errs := readAll(bytes.NewReader(input)); len(spans) != 1 || errs != nil || n > 0 && spans[0].SpanID == 0 {
			t.Errorf("%d bytes: %s%v", n, render(spans), errs)
		}
	}
}

// nest makes b the only field of a message for each tag.
func nest(b []byte, tags ...byte) []byte {
	for _, tag := range tags {
		b = append(binary.AppendUvarint([]byte{tag}, uint64(len(b))), b...)
	}
	return b
}

func TestDeepAndLargeAttributes(t *testing.T) {
	large := ptrace.NewTraces()
	span := large.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("large")
	span.Attributes().PutStr("a", strings.Repeat("x", 10<<20))
	for name, input := range encodings(t, large) {
		if spans, errs := readAll(bytes.NewReader(input)); len(spans) != 1 || len(spans[0].Tags) != 0 || errs != nil {
			t.Errorf("%s: %d spans, %v", name, len(spans), errs)
		}
		spans, errs := readAll(bytes.NewReader(input), read.WithEverything())
		if len(spans) != 1 || len(spans[0].Tags) != 1 || errs != nil {
			t.Errorf("%s, everything: %d spans, %v", name, len(spans), errs)
		}
	}
	value := []byte{0x0a, 1, 'x'} // a string
	for range 3000 {
		value = nest(value, 0x0a, 0x2a) // an array
	}
	attribute := append(nest(value, 0x12), 0x0a, 1, 'a')
	for _, opt := range []read.Option{nil, read.WithTags("a"), read.WithEverything()} {
		spans, errs := readAll(bytes.NewReader(nest(attribute, 0x4a, 0x12, 0x12, 0x0a)), opt)
		if len(spans) != 1 || errs != nil {
			t.Errorf("deep Protobuf: %d spans, %v", len(spans), errs)
		}
		for _, depth := range []int{99, 2000} {
			text := spanWith(`"attributes":[{"key":"a","value":` + strings.Repeat(`{"arrayValue":{"values":[`, depth) + `{}` +
				strings.Repeat(`]}}`, depth) + `}]`)
			if spans, errs := readAll(strings.NewReader(text), opt); len(spans) != 1 || errs != nil {
				t.Errorf("deep JSON: %d spans, %v", len(spans), errs)
			}
		}
	}
}

func TestProgress(t *testing.T) {
	for name, input := range encodings(t, manySpans(2000, 3)) {
		var last read.Progress
		calls := 0
		progress := func(p read.Progress) { last, calls = p, calls+1 }
		for _, err := range otlp.Read(bytes.NewReader(input), read.WithProgress(progress)) {
			if err != nil {
				t.Error(err)
			}
		}
		if calls < 3 || last.Bytes != int64(len(input)) || last.Spans != 2000 {
			t.Errorf("%s: %d calls, at last %+v of %d bytes", name, calls, last, len(input))
		}
	}
}
