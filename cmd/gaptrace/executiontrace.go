package main

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"regexp"
	"unicode"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/input"
	"github.com/gaptrace/gaptrace/gap/read"
)

// fileKind is what the first bytes of a file say about it.
type fileKind int

const (
	unknownFile fileKind = iota
	emptyFile
	executionTraceFile
	zipFile
	gzipFile
	jsonFile
)

// headLength is how many bytes kindOf needs.
const headLength = 16

var executionTraceHeader = regexp.MustCompile(`^go \d+\.\d+ trace\x00`)

func kindOf(head []byte) fileKind {
	switch text := bytes.TrimLeft(head, " \t\r\n\ufeff"); {
	case len(head) == 0:
		return emptyFile
	case executionTraceHeader.Match(head):
		return executionTraceFile
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")): // the latter is empty
		return zipFile
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return gzipFile
	case bytes.HasPrefix(text, []byte("{")), bytes.HasPrefix(text, []byte("[")):
		return jsonFile
	}
	return unknownFile
}

// hintForExplain changes the hint for a file that may have been meant as the first argument of
// explain. explains says that this is the command.
func hintForExplain(e *input.Unknown, explains bool) {
	switch {
	case e.Found != input.ExecutionTrace && e.Found != input.Zip:
	case explains:
		e.Hint = "only the first argument of explain may be one"
	case e.Found == input.Zip:
		e.Hint = "unzip it, or run gaptrace explain if it is a bundle of " + bundledTrace + " and " + bundledSpans
	}
}

// executionTrace reads an execution trace. It counts the bytes for the progress line.
type executionTrace struct {
	io.Reader
	spans  *source // those of the bundle; nil if there are none
	onRead func(n int)
	err    error // that ended reading; nil for io.EOF
}

func (t *executionTrace) Read(p []byte) (int, error) {
	n, err := t.Reader.Read(p)
	t.onRead(n)
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	return n, err
}

const howToRecord = "record one with curl -o trace.out 'http://localhost:6060/debug/pprof/trace?seconds=5'"

// openExecutionTrace finds the execution trace in r: r itself, compressed with gzip or not, or a
// file of a bundle. It reads at most maxBytes after decompression. 0 means 1 GiB for each file of a
// bundle, and no limit otherwise. A negative maxBytes means no limit.
func openExecutionTrace(name string, r io.Reader, maxBytes int64) (*executionTrace, error) {
	in := bufio.NewReaderSize(r, readBuffer)
	head, err := in.Peek(headLength)
	if len(head) == 0 && !errors.Is(err, io.EOF) {
		return nil, err
	}
	t := &executionTrace{Reader: in}
	switch kindOf(head) {
	case zipFile:
		return openBundle(name, in, cmp.Or(maxBytes, 1<<30))
	case gzipFile:
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		in = bufio.NewReader(unzipped)
		if head, err = in.Peek(headLength); len(head) == 0 && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if kindOf(head) == unknownFile && bytes.ContainsFunc(head, unicode.IsControl) {
			return nil, fmt.Errorf("%s is not an execution trace, but probably a profile for go tool pprof: %s",
				name, howToRecord)
		}
		t.Reader = in
	}
	t.Reader = bounded(t.Reader, maxBytes)
	return t, notExecutionTrace(name, head)
}

// notExecutionTrace returns the error for a file that is no execution trace, or nil.
func notExecutionTrace(name string, head []byte) error {
	switch kindOf(head) {
	case executionTraceFile:
		return nil
	case emptyFile:
		return fmt.Errorf("%s is empty: %s", name, howToRecord)
	case jsonFile:
		return fmt.Errorf("%s is JSON: the execution trace comes first, as in gaptrace explain trace.out traces.json", name)
	}
	return fmt.Errorf("%s is not an execution trace, it begins with %q: %s", name, head, howToRecord)
}

// The files of a bundle.
const (
	bundledTrace = "trace.out"
	bundledSpans = "spans.json"
)

// openBundle opens the files of a bundle. Reading a file fails after maxBytes.
func openBundle(name string, r io.Reader, maxBytes int64) (*executionTrace, error) {
	const most = 256 << 20
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > most:
		return nil, fmt.Errorf("%s has more than 256 MiB: unzip it, and run gaptrace explain on its files", name)
	}
	bundle, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	open := map[string]func() (io.ReadCloser, error){}
	for _, f := range bundle.File {
		if open[f.Name] != nil && (f.Name == bundledTrace || f.Name == bundledSpans) {
			return nil, fmt.Errorf("%s has %s twice", name, f.Name)
		}
		open[f.Name] = func() (io.ReadCloser, error) {
			unzipped, err := f.Open()
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, f.Name, err)
			}
			return io.NopCloser(bounded(unzipped, maxBytes)), nil
		}
	}
	if open[bundledTrace] == nil {
		return nil, fmt.Errorf("%s has no %s: want a bundle, which is a zip of %s and %s",
			name, bundledTrace, bundledTrace, bundledSpans)
	}
	unzipped, err := open[bundledTrace]()
	if err != nil {
		return nil, err
	}
	in := bufio.NewReader(unzipped)
	t := &executionTrace{Reader: in}
	if open[bundledSpans] != nil {
		s := fileSource(name+" "+bundledSpans, open[bundledSpans], true)
		t.spans = &s
	}
	head, err := in.Peek(headLength)
	if len(head) == 0 && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %s: %w", name, bundledTrace, err)
	}
	return t, notExecutionTrace(name+": "+bundledTrace, head)
}

// boundedReader fails if there are more bytes than its limit.
type boundedReader struct {
	io.Reader
	left, most int64
}

// bounded returns a reader that fails if r has more than most bytes. It returns r itself if most is
// 0 or less.
func bounded(r io.Reader, most int64) io.Reader {
	if most <= 0 {
		return r
	}
	return &boundedReader{r, most, most}
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n + int(b.left), read.TooLargeError(b.most)
	}
	return n, err
}
