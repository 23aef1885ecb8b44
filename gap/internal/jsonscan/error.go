package jsonscan

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// Error reports malformed input, or an error of Source.
type Error struct {
	Offset   int64
	Expected string // at Offset; "" if Source failed
	Found    string // at Offset; "" if Err is not nil
	Err      error  // io.ErrUnexpectedEOF if the input ends too soon, an error of Source, or nil
}

// Error returns one line with all of this.
func (e *Error) Error() string {
	return fmt.Sprintf("byte %d: expected %s, found %s (%v)", e.Offset, e.Expected, e.Found, e.Err)
}

// Excerpt returns the first token of b, or its beginning, as text that is safe to show.
func Excerpt(b []byte) string {
	switch {
	case b[0] == '"' || IsDigit(b[0]) || b[0] == '-' || 'a' <= b[0] && b[0] <= 'z':
		return token(b)
	case b[0] == 0xfe || b[0] == 0xff:
		return strconv.QuoteToASCII(string(b[:1])) + " (UTF-16? It has to be UTF-8)"
	}
	r, _ := utf8.DecodeRune(b)
	return strconv.QuoteRune(r)
}

func token(b []byte) string {
	const most = 24
	n := 1
	for ; n < len(b) && n < most; n++ {
		if b[0] == '"' {
			if b[n] == '"' {
				n++
				break
			}
		} else if c := b[n]; !IsDigit(c) && c != '.' && c != '-' && c != '+' && (c|0x20 < 'a' || 'z' < c|0x20) {
			break
		}
	}
	return printable.Text(string(b[:n]), most)
}
