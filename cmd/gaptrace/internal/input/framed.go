package input

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxMessage bounds one message of a file that the Collector has compressed, before and after
// decompression. A batch has some MB at most.
const maxMessage = 128 << 20

// isFramed reports whether head begins like a file of the Collector's file exporter with
// compression: each message is compressed by itself, after its size in four bytes. An empty message
// may have no frame.
//
//	size | zstd frame | size | zstd frame | …
func isFramed(head []byte) bool {
	head = skipEmpty(head)
	return len(head) >= 8 && string(head[4:8]) == zstdMagic && binary.BigEndian.Uint32(head) <= maxMessage
}

// skipEmpty returns head after the sizes of empty messages, which may come first.
func skipEmpty(head []byte) []byte {
	for len(head) >= 4 && binary.BigEndian.Uint32(head) == 0 {
		head = head[4:]
	}
	return head
}

// framedReader decompresses such a file, to lines of JSON or to messages in protobuf after their
// sizes.
type framedReader struct {
	r       *bufio.Reader
	decoder *zstd.Decoder
	message []byte       // reused
	left    bytes.Buffer // of the current message
}

func newFramedReader(r *bufio.Reader) (*framedReader, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow),
		zstd.WithDecoderMaxMemory(maxMessage))
	return &framedReader{r: r, decoder: d}, err
}

func (f *framedReader) Read(p []byte) (int, error) {
	for f.left.Len() == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	return f.left.Read(p)
}

// next decompresses a message. At the end of the file it returns io.EOF.
func (f *framedReader) next() error {
	var size [4]byte
	if _, err := io.ReadFull(f.r, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxMessage {
		return fmt.Errorf("a compressed message of %d bytes, more than %d", n, maxMessage)
	}
	var frame bytes.Buffer // grows with what is there, not with what the size claims
	frame.Grow(int(min(n, 1<<20)))
	if _, err := io.CopyN(&frame, f.r, int64(n)); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	message, err := f.decoder.DecodeAll(frame.Bytes(), f.message[:0])
	if err != nil {
		return err
	}
	f.message = message
	f.left.Reset()
	if len(message) > 0 && (message[0] == '{' || message[0] == '[') { // [ if it is set to encode as Zipkin does
		f.left.Write(message)
		return f.left.WriteByte('\n')
	}
	f.left.Write(binary.BigEndian.AppendUint32(nil, uint32(len(message))))
	_, err = f.left.Write(message)
	return err
}
