package jaegerjson

import (
	"fmt"
	"io"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// Error is malformed input, or input that could not be read to its end. Traces before Offset have
// been yielded.
type Error struct {
	Name         string // of the input, "" if it has none
	Offset       int64  // in bytes; counted after decompression
	Decompressed bool   // the input was compressed
	Expected     string // "" if the input could not be read
	Found        string // instead of what was expected; "" if Err says it
	Err          error  // io.ErrUnexpectedEOF if the input ends too soon, an error of the reader, or nil
}

// Error returns all of it in one line.
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

// TooLargeError is an input that has more than this many bytes after decompression. The bound is
// that of [WithMaxBytes] or [Client].
type TooLargeError int64

// Error names the bound.
func (e TooLargeError) Error() string {
	return fmt.Sprintf("more than %d bytes, which is the limit", int64(e))
}

// QueryError is an error that a Jaeger query service reported, in an answer or in one that was
// saved to a file.
type QueryError struct {
	Code    int         // HTTP status, such as 404 if there is no such trace; 0 if unknown
	Message string      // Jaeger's message
	TraceID gap.TraceID // zero if the error is not about one trace
}

// Error returns all of it in one line.
func (e *QueryError) Error() string {
	var b strings.Builder
	b.WriteString("the query service answers")
	if e.Code != 0 {
		fmt.Fprintf(&b, " %d", e.Code)
	}
	if e.TraceID != (gap.TraceID{}) {
		fmt.Fprintf(&b, " for trace %v", e.TraceID)
	}
	return b.String() + ": " + printable.Text(e.Message, 1000)
}
