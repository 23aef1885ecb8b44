package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap/read"
)

func TestFileKind(t *testing.T) {
	for head, want := range map[string]fileKind{
		"": emptyFile, "go 1.26 trace\x00\x00\x00": executionTraceFile, "go 1.11 trace\x00\x00\x00": executionTraceFile,
		"go 10.100 trace\x00": executionTraceFile, "go 1.26 trace": unknownFile, "go 1.2": unknownFile,
		"PK\x03\x04": zipFile, "PK\x05\x06": zipFile, "\x1f\x8b": gzipFile, "\x1f": unknownFile,
		`{"data":`: jsonFile, " \n[": jsonFile, "\ufeff{": jsonFile, "   ": unknownFile, "\x00": unknownFile,
	} {
		if got := kindOf([]byte(head)); got != want {
			t.Errorf("%q: %d, want %d", head, got, want)
		}
	}
}

func TestBoundedReader(t *testing.T) {
	for most, want := range map[int64]string{0: "abcdef", -1: "abcdef", 7: "abcdef", 6: "abcdef", 5: "abcde", 1: "a"} {
		got, err := io.ReadAll(bounded(strings.NewReader("abcdef"), most))
		tooLarge, ok := errors.AsType[read.TooLargeError](err)
		if string(got) != want || ok != (len(want) < 6) || ok && int64(tooLarge) != most {
			t.Errorf("%d: %q, %v", most, got, err)
		}
	}
}

// A file in a bundle has a limit even without --max-bytes, since a zip file of a few kB may have
// any size after decompression.
func TestBundleIsBounded(t *testing.T) {
	traced := recordTrace(func() {})
	for most, large := range map[int64]bool{int64(len(traced)): false, int64(len(traced)) - 1: true} {
		in, err := openBundle("bundle.zip", strings.NewReader(string(zipped(file{"trace.out", traced}))), most)
		if err != nil {
			t.Fatal(err)
		}
		in.onRead = func(int) {}
		n, err := io.Copy(io.Discard, in)
		if _, ok := errors.AsType[read.TooLargeError](err); n != most || ok != large {
			t.Errorf("%d bytes read of %d, %v", n, most, err)
		}
	}
}
