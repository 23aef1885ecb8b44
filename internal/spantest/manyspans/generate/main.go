// Generate writes Jaeger JSON of many spans to standard output, for measurements.
//
//	go run ./internal/spantest/manyspans/generate -n 1000000 -shape realistic >/tmp/spans.json
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

func main() {
	n := flag.Int("n", 1_000_000, "how many spans")
	perTrace := flag.Int("per-trace", 0, "how many of them make a trace; 0: all")
	shape := flag.String("shape", "realistic", strings.Join(manyspans.Shapes, ", "))
	flag.Parse()
	if err := manyspans.Write(os.Stdout, *shape, *n, *perTrace); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
