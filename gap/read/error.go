package read

import (
	"fmt"
	"io"
	"strings"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// Error reports malformed input, or input that could not be read to its end. Traces before Offset
// have been yielded. It also reports times that are not numbers, such as "Infinity"; these do not
// end reading.
type Error struct {
	Name         string // of the input, "" if it has none
	Offset       int64  // in bytes; counted after decompression
	Decompressed bool   // the input was compressed
	Expected     string // at Offset; "" if the reader failed
	Found        string // at Offset; "" if Err is not nil
	More         int    // further times that are not numbers
	Err          error  // io.ErrUnexpectedEOF if the input ends too soon, the reader's error, or nil
}

// Error returns one line that contains all fields.
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
	if e.More > 0 {
		fmt.Fprintf(&b, " (and %d more such %s)", e.More, printable.Plural(e.More, "value"))
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// TooLargeError is a bound in bytes that an input exceeds after decompression. An [*Error] wraps
// it. [WithMaxBytes] sets the bound.
type TooLargeError int64

// Error names the bound.
func (e TooLargeError) Error() string {
	return fmt.Sprintf("the input exceeds the limit of %d bytes", int64(e))
}
