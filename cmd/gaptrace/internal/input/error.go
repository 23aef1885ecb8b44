package input

import (
	"fmt"

	"github.com/gaptrace/gaptrace/internal/printable"
)

// Formats names what Read reads, for messages.
const Formats = "Jaeger's JSON, spans from Elasticsearch, Zipkin's JSON, and OTLP in JSON or protobuf, " +
	"compressed by gzip, zstd, bzip2 or not"

// What an [Unknown] has found, if the command has a hint for it.
const (
	ExecutionTrace = "an execution trace of the Go runtime"
	Zip            = "a zip file"
	Empty          = "empty"
)

// Unknown reports an input in a format that is not read.
type Unknown struct {
	Name  string // of the input; "" if it has none
	Found string // "a tar archive"
	Hint  string // what to do; "" if there is nothing to do
}

// Error returns one line with all of this, and the formats that are read.
func (e *Unknown) Error() string {
	text := "the input"
	if e.Name != "" {
		text = e.Name
	}
	text += " is " + e.Found
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text + "; supported formats: " + Formats
}

// text describes an input that is neither JSON nor a known binary format.
func text(head []byte) string {
	const most = 40
	line := head
	for i, c := range head {
		if c == '\n' || c == '\r' {
			line = head[:i]
			break
		}
	}
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Sprintf("binary data that begins with % x", head[:min(len(head), 8)])
		}
	}
	return fmt.Sprintf("text that begins with %q", printable.Text(string(line), most))
}
