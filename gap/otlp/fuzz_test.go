package otlp_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/iotest"

	"github.com/gaptrace/gaptrace/gap/otlp"
	"github.com/gaptrace/gaptrace/gap/read"
)

// FuzzRead reads untrusted input. Read must not panic, must allocate in proportion to the input,
// and must not depend on how much each Read of the input returns. What Write writes must read the
// same.
func FuzzRead(f *testing.F) {
	for _, c := range shapes {
		f.Add([]byte(c.input))
	}
	for input := range malformed {
		f.Add([]byte(input))
	}
	random := rand.New(rand.NewPCG(7, 8))
	for range 5 {
		for _, input := range encodings(f, randomTraces(random)) {
			f.Add(input[:min(len(input), 10_000)])
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		opts := []read.Option{read.WithEverything(), read.WithMaxBytes(1 << 20)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		spans, errs := readAll(bytes.NewReader(data), opts...)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) &&
			n > 1<<20+1024*uint64(len(data)) {
			t.Errorf("%d bytes allocated for %d", n, len(data))
		}
		slow, slowErrs := readAll(iotest.OneByteReader(bytes.NewReader(data)), opts...)
		if a, b := render(spans), render(slow); a != b || errors.Join(errs...) == nil != (errors.Join(slowErrs...) == nil) {
			t.Errorf("read in one go: %v, byte by byte: %v\n%s", errs, slowErrs, differ(b, a))
		}
		few, _ := readAll(bytes.NewReader(data), read.WithMaxBytes(1<<20))
		if len(few) > len(spans) {
			t.Errorf("%d spans without everything, %d with it", len(few), len(spans))
		}
		var once, twice bytes.Buffer
		if err := otlp.Write(&once, spans); err != nil {
			t.Fatal(err)
		}
		again, errs := readAll(bytes.NewReader(once.Bytes()), read.WithEverything())
		if err := otlp.Write(&twice, again); err != nil || errs != nil || len(again) != len(spans) {
			t.Fatalf("%d spans are %d after writing: %v %v", len(spans), len(again), errs, err)
		}
		if third, _ := readAll(&twice, read.WithEverything()); canonical(third) != canonical(again) {
			t.Error("written twice:", differ(canonical(third), canonical(again)))
		}
	})
}
