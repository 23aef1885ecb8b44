package jaegerjson

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// Error is what is wrong with an input. It is the end of what can be read of it.
type Error struct {
	Name         string // of the input, "" if it has none
	Offset       int64  // bytes from the start of the text; where the input is compressed, of the text that comes out
	Decompressed bool   // the input is compressed
	Found        string // for people, "" where Err tells it
	Expected     string // for people, "" where the input could not be read
	Err          error  // io.ErrUnexpectedEOF where the text ends too soon, what the reader returned, or nil
}

// Error tells all of it in one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Name != "" {
		b.WriteString(e.Name + ": ")
	}
	fmt.Fprintf(&b, "byte %d", e.Offset)
	if e.Decompressed {
		b.WriteString(" of the decompressed text")
	}
	b.WriteString(": ")
	switch {
	case e.Expected == "":
		fmt.Fprint(&b, e.Err)
	case e.Err == io.ErrUnexpectedEOF:
		fmt.Fprintf(&b, "expected %s, found the end of the input", e.Expected)
	default:
		fmt.Fprintf(&b, "expected %s, found %s", e.Expected, e.Found)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// TooLargeError says that an input is larger than this many bytes, decompressed, which [WithMaxBytes] or [Client] bounds
// it to.
type TooLargeError int64

// Error tells the bound.
func (e TooLargeError) Error() string {
	return fmt.Sprintf("more than %d bytes, which is the limit set for it", int64(e))
}

// QueryError is an error that a Jaeger query service told, in an answer or in one that was saved to a file.
type QueryError struct {
	Code    int         // the HTTP status: 404 where there is no such trace. 0 if it was not told
	Message string      // in Jaeger's words
	TraceID gap.TraceID // the trace it is about, zero if it is about none
}

// Error tells all of it in one line.
func (e *QueryError) Error() string {
	var b strings.Builder
	b.WriteString("the query service answers")
	if e.Code != 0 {
		fmt.Fprintf(&b, " %d", e.Code)
	}
	if e.TraceID != (gap.TraceID{}) {
		fmt.Fprintf(&b, " of trace %v", e.TraceID)
	}
	return b.String() + ": " + printable.Text(e.Message, 1000)
}

// found describes the beginning of b.
func found(b []byte) string {
	switch {
	case b[0] == '"' || digit(b[0]) || b[0] == '-' || 'a' <= b[0] && b[0] <= 'z':
		return excerpt(b)
	case b[0] == 0xfe || b[0] == 0xff:
		return strconv.QuoteToASCII(string(b[:1])) + " (UTF-16? It has to be UTF-8)"
	}
	r, _ := utf8.DecodeRune(b)
	return strconv.QuoteRune(r)
}

// excerpt is the token that b begins with, or the beginning of it.
func excerpt(b []byte) string {
	const most = 24
	n := 1
	for ; n < len(b) && n < most; n++ {
		if b[0] == '"' {
			if b[n] == '"' {
				n++
				break
			}
		} else if c := b[n]; !digit(c) && c != '.' && c != '-' && c != '+' && (c|0x20 < 'a' || 'z' < c|0x20) {
			break
		}
	}
	return printable.Text(string(b[:n]), most)
}
