package mark_test

import (
	"fmt"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/mark"
)

// The messages of log events, as golang.org/x/exp/trace reads them, become a trace with its gaps.
func Example() {
	messages := []string{
		"v1 000000000000000a 000000000000000b c000000000000000a client ok 1000000 8000000 0 shop\tHTTP GET",
		"v1 000000000000000a 000000000000000a - server ok 0 10000000 0 shop\tGET /cart",
	}
	process := &gap.Process{Service: "shop"}
	var spans []gap.Span
	for _, message := range messages {
		m, err := mark.Parse(message)
		if err != nil {
			fmt.Println(err)
			return
		}
		spans = append(spans, m.Span(process))
	}
	trace, _ := gap.Build(spans)
	for n := range trace.Nodes() {
		fmt.Printf("%s %v, self time %v\n", n.Span().Operation, n.Duration(), n.SelfTime())
	}
	// Output:
	// GET /cart 10ms, self time 2ms
	// HTTP GET 8ms, self time 0s
}
