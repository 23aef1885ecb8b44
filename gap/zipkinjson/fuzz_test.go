package zipkinjson_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/gap/zipkinjson"
)

// readAll returns what Read yields for r.
func readAll(r io.Reader, opts ...read.Option) (traces [][]gap.Span, errs []error) {
	for spans, err := range zipkinjson.Read(r, opts...) {
		if err != nil {
			errs = append(errs, err)
		} else {
			traces = append(traces, spans)
		}
	}
	return traces, errs
}

// FuzzRead reads untrusted input. Read must not panic, must allocate in proportion to the input,
// and must not depend on how much each Read returns.
func FuzzRead(f *testing.F) {
	for _, input := range inputs {
		f.Add([]byte(input))
	}
	for text := range malformed {
		f.Add([]byte(text))
	}
	f.Add([]byte(`[[{"id":"1","timestamp":"Infinity"},{"id":"1","timestamp":1,"duration":{},"tags":{"error":[]}}],` +
		`{"id":null,"timestamp":1,"annotations":[{"timestamp":[]},{"timestamp":1,"value":{}}],"shared":"true"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		traces, errs := readAll(bytes.NewReader(data), read.WithEverything(), read.WithMaxBytes(1<<20))
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) &&
			n > 1<<20+256*uint64(len(data)) {
			t.Errorf("%d bytes allocated for %d", n, len(data))
		}
		slow, slowErrs := readAll(iotest.OneByteReader(bytes.NewReader(data)), read.WithEverything(), read.WithMaxBytes(1<<20))
		if dump(traces) != dump(slow) || places(errs) != places(slowErrs) {
			t.Errorf("read in one go:\n%v %v\nbyte by byte:\n%v %v", traces, errs, slow, slowErrs)
		}
		for _, spans := range traces {
			if len(spans) == 0 {
				t.Error("no spans and no error")
			}
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

func dump(traces [][]gap.Span) (text string) {
	for _, spans := range traces {
		text += "trace\n"
		for _, s := range spans {
			process := s.Process
			if s.Process = nil; process != nil {
				text += fmt.Sprintf("%q %q ", process.Service, process.Tags)
			}
			text += fmt.Sprintf("%#v\n", s)
		}
	}
	return text
}
