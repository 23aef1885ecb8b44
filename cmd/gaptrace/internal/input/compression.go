package input

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/gaptrace/gaptrace/gap/read"
)

// compressions are the formats that unpack decompresses, by their first bytes.
var compressions = []struct {
	magic string
	open  func(io.Reader) (io.Reader, error)
}{
	{"\x1f\x8b", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
	{zstdMagic, openZstd},
	{"BZh", func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil }},
}

const zstdMagic = "\x28\xb5\x2f\xfd"

// maxWindow is the largest window of zstd --long without a further flag. The window is allocated
// before anything is read.
const maxWindow = 128 << 20

func openZstd(r io.Reader) (io.Reader, error) {
	// One that decompresses ahead would need goroutines and a Close.
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
}

// maxLayers is how often an input may be compressed. Twice is common: a server compresses what is
// already compressed.
const maxLayers = 2

// headLength is enough for the first bytes of every format but tar, which needs tarOffset more.
const headLength = 512

// Decompress returns what r has after decompression, of unbounded size, or r if it is not
// compressed.
func Decompress(r io.Reader) (io.Reader, error) {
	unpacked, _, err := unpack(bufio.NewReader(r), -1)
	return unpacked, err
}

// unpack returns the decompressed input, and whether it was compressed. Each layer has at most
// maxBytes after decompression, or no bound if maxBytes is less than 0.
func unpack(r *bufio.Reader, maxBytes int64) (_ *bufio.Reader, compressed bool, err error) {
	for range maxLayers {
		head, _ := r.Peek(headLength)
		open := func(io.Reader) (io.Reader, error) { return nil, nil }
		for _, c := range compressions {
			if bytes.HasPrefix(head, []byte(c.magic)) {
				open = c.open
			}
		}
		if isFramed(head) {
			open = func(io.Reader) (io.Reader, error) { return newFramedReader(r) }
		}
		unpacked, err := open(r)
		if unpacked == nil || err != nil {
			return r, compressed, err
		}
		compressed = true
		r = bufio.NewReaderSize(&bounded{r: unpacked, most: maxBytes}, 64<<10)
	}
	return r, compressed, nil
}

// bounded reads at most most bytes from r, if most is not negative. It fails with a TooLargeError
// if r has more. It repeats an error: a bufio.Reader forgets one that it has returned.
type bounded struct {
	r          io.Reader
	read, most int64
	err        error
}

func (b *bounded) Read(p []byte) (n int, err error) {
	if b.err != nil {
		return 0, b.err
	}
	n, b.err = b.r.Read(p)
	if b.read += int64(n); b.most >= 0 && b.read > b.most {
		n, b.err = n-int(b.read-b.most), read.TooLargeError(b.most)
	}
	return n, b.err
}
