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

// maxLayers is how often an input may be compressed. Twice happens to people: a server compresses
// what is compressed already.
const maxLayers = 2

// headLength is enough for the first bytes of every format but tar, which needs tarOffset more.
const headLength = 512

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
		if maxBytes >= 0 {
			unpacked = &bounded{r: unpacked, left: maxBytes, most: maxBytes}
		}
		r = bufio.NewReaderSize(unpacked, 64<<10)
	}
	return r, compressed, nil
}

// bounded reads at most most bytes from r. It fails with a TooLargeError if r has more.
type bounded struct {
	r          io.Reader
	left, most int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = n+int(b.left), read.TooLargeError(b.most)
		b.left = 0
	}
	return n, err
}
