package jaegerjson

import (
	"fmt"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// QueryError is an error that a Jaeger query service reported, either in an answer to [Client] or
// in an answer that was saved to a file.
type QueryError struct {
	Name    string      // of the input that has it, "" if unknown
	Code    int         // HTTP status, such as 404 if Jaeger does not have the trace; 0 if unknown
	Message string      // Jaeger's message
	TraceID gap.TraceID // zero if the error is not about one trace
}

// Error returns one line with all of this.
func (e *QueryError) Error() string {
	var b strings.Builder
	if e.Name != "" {
		b.WriteString(e.Name + ": ")
	}
	b.WriteString("the query service answers")
	if e.Code != 0 {
		fmt.Fprintf(&b, " %d", e.Code)
	}
	if e.TraceID != (gap.TraceID{}) {
		fmt.Fprintf(&b, " for trace %v", e.TraceID)
	}
	return b.String() + ": " + printable.Text(e.Message, 1000)
}
