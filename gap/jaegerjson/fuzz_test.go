package jaegerjson_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// readAll returns the traces in r, and the errors.
func readAll(r io.Reader, opts ...read.Option) (traces [][]gap.Span, errs []error) {
	for spans, err := range jaegerjson.Read(r, opts...) {
		if err != nil {
			errs = append(errs, err)
		} else {
			traces = append(traces, spans)
		}
	}
	return traces, errs
}

// FuzzRead reads untrusted input. Read must not panic, must allocate in proportion to the input,
// and must not depend on how much each Read returns. What Write writes must read the same.
func FuzzRead(f *testing.F) {
	for _, input := range inputs {
		f.Add([]byte(input))
	}
	for _, input := range storedInputs() {
		f.Add([]byte(input))
	}
	for text := range malformed {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"spans":[{"startTime":"Infinity"},{"startTime":1,"duration":{},"tag":{"a@b":1,"c":[]},"tags":{"d":"x"}},` +
		`{"startTime":1,"logs":[{"timestamp":[]},{"timestamp":1,"fields":{"e":2}}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		traces, errs := readAll(bytes.NewReader(data), read.WithEverything(), read.WithMaxBytes(1<<20))
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) &&
			n > 1<<20+256*uint64(len(data)) {
			t.Errorf("%d bytes allocated for %d", n, len(data))
		}
		slow, slowErrs := readAll(iotest.OneByteReader(bytes.NewReader(data)), read.WithEverything(),
			read.WithMaxBytes(1<<20))
		if !same(traces, slow) || places(errs) != places(slowErrs) {
			t.Errorf("read in one go:\n%v %v\nbyte by byte:\n%v %v", traces, errs, slow, slowErrs)
		}
		once := rewrite(t, traces) // without fractions of microseconds and repeated keys
		if twice := rewrite(t, once); !same(once, twice) || len(once) != len(traces) {
			t.Errorf("written:\n%+v\nwritten again:\n%+v", once, twice)
		}
		for _, spans := range traces {
			gap.Build(spans)
		}
	})
}

// places returns the errors without Found, which depends on how much was read.
func places(errs []error) (text string) {
	for _, err := range errs {
		if e, ok := errors.AsType[*read.Error](err); ok {
			err = fmt.Errorf("%d %s %w", e.Offset, e.Expected, e.Err)
		}
		text += fmt.Sprintln(err)
	}
	return text
}

func rewrite(t *testing.T, traces [][]gap.Span) [][]gap.Span {
	t.Helper()
	var b bytes.Buffer
	if err := jaegerjson.Write(&b, traces...); err != nil {
		t.Fatal(err)
	}
	again, errs := readAll(&b, read.WithEverything())
	if errs != nil {
		t.Fatal(errs)
	}
	return again
}

// same compares everything in the spans. NaN equals NaN, nil equals empty, and a reference without
// a trace id is to the span's own trace.
func same(a, b [][]gap.Span) bool { return reflect.DeepEqual(dump(a), dump(b)) }

func dump(traces [][]gap.Span) (lines []string) {
	for i, spans := range traces {
		for _, s := range spans {
			process := "none"
			if s.Process != nil {
				process = fmt.Sprintf("%q %#v", s.Process.Service, s.Process.Tags)
			}
			references := slices.Clone(s.References)
			for i := range references {
				references[i].TraceID = cmp.Or(references[i].TraceID, s.TraceID)
			}
			var line strings.Builder
			fmt.Fprintf(&line, "%d %v/%v %v %q %d %d %s %#v %q", i, s.TraceID, s.SpanID, references, s.Operation,
				s.Start.UnixNano(), s.Duration, process, s.Tags, s.Warnings)
			for _, l := range s.Logs {
				line.WriteString(fmt.Sprintf("\n  %d %#v", l.Time.UnixNano(), l.Fields))
			}
			lines = append(lines, line.String())
		}
	}
	return lines
}
