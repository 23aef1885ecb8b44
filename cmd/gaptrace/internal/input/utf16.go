package input

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// fromUTF16 returns r in UTF-8 if it is text in UTF-16, as PowerShell's > writes it: with a byte
// order mark, or with { or [ as the first character.
func fromUTF16(r *bufio.Reader) (_ *bufio.Reader, converted bool) {
	head, _ := r.Peek(4)
	starts := func(texts ...string) bool {
		for _, text := range texts {
			if bytes.HasPrefix(head, []byte(text)) {
				return true
			}
		}
		return false
	}
	var order binary.ByteOrder
	switch {
	case starts("\xff\xfe", "{\x00", "[\x00"):
		order = binary.LittleEndian
	// The latter also begin a message in protobuf with its length, which has no zero in each second
	// byte.
	case starts("\xfe\xff"), starts("\x00{\x00", "\x00[\x00") && len(head) == 4:
		order = binary.BigEndian
	default:
		return r, false
	}
	return bufio.NewReaderSize(&utf16Reader{r, order}, 64<<10), true
}

// utf16Reader converts UTF-16 to UTF-8. Half of a surrogate pair becomes U+FFFD.
type utf16Reader struct {
	r     *bufio.Reader
	order binary.ByteOrder
}

// Read needs room for a character: bufio gives it more.
func (u *utf16Reader) Read(p []byte) (n int, err error) {
	for n <= len(p)-utf8.UTFMax {
		if n > 0 && u.r.Buffered() < 4 {
			return n, nil // without waiting for more
		}
		unit, err := u.r.Peek(2)
		switch {
		case len(unit) == 1 && err == io.EOF:
			return n, io.ErrUnexpectedEOF
		case len(unit) < 2:
			return n, err
		}
		c := rune(u.order.Uint16(unit))
		size := 2
		if utf16.IsSurrogate(c) {
			pair, _ := u.r.Peek(4)
			low := rune(utf8.RuneError)
			if len(pair) == 4 {
				low = rune(u.order.Uint16(pair[2:]))
			}
			if c = utf16.DecodeRune(c, low); c != utf8.RuneError {
				size = 4
			}
		}
		if _, err := u.r.Discard(size); err != nil {
			return n, err
		}
		n += utf8.EncodeRune(p[n:], c)
	}
	return n, nil
}
