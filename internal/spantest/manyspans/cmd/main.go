// Command cmd writes Jaeger's JSON of many spans, to measure what reads it:
//
//	go run ./internal/spantest/manyspans/cmd -n 1000000 -shape realistic -per-trace 100 > FILE
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

func main() {
	n := flag.Int("n", 1000, "so many spans")
	shape := flag.String("shape", manyspans.Shapes[0], "their shape: "+strings.Join(manyspans.Shapes, ", "))
	perTrace := flag.Int("per-trace", 0, "spans in each trace; 0 for all in one")
	flag.Parse()
	if err := manyspans.Write(os.Stdout, *shape, *n, *perTrace); err != nil {
		fmt.Fprintln(os.Stderr, "manyspans:", err)
		os.Exit(1)
	}
}
