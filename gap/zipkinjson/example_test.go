package zipkinjson_test

import (
	"fmt"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/zipkinjson"
)

// The array of traces is what Zipkin's /api/v2/traces answers.
func ExampleRead() {
	answer := strings.NewReader(`[[
		{"traceId":"4f1c6a3d9be20c77","id":"1","kind":"SERVER","name":"get /books",
			"timestamp":1700000000000000,"duration":100000,"localEndpoint":{"serviceName":"bookshop"}},
		{"traceId":"4f1c6a3d9be20c77","id":"2","parentId":"1","kind":"CLIENT","name":"sql query",
			"timestamp":1700000000020000,"duration":30000,"localEndpoint":{"serviceName":"bookshop"}}
	]]`)
	for spans, err := range zipkinjson.Read(answer) {
		if err != nil {
			fmt.Println(err)
			break
		}
		trace, _ := gap.Build(spans)
		for root := range trace.Roots() {
			fmt.Println(root.Span().Operation, root.Duration(), "self time", root.SelfTime())
		}
	}
	// Output: get /books 100ms self time 70ms
}
