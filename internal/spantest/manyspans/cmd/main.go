// Command cmd writes Jaeger JSON with many spans, to measure the code that reads it:
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
	n := flag.Int("n", 1000, "number of spans")
	shape := flag.String("shape", manyspans.Shapes[0], "shape of a trace: "+strings.Join(manyspans.Shapes, ", "))
	perTrace := flag.Int("per-trace", 0, "spans in each trace; 0 means that all are one trace")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "manyspans: unexpected argument %q: there are only flags, see -h\n", flag.Arg(0))
		os.Exit(2)
	}
	if err := manyspans.Write(os.Stdout, *shape, *n, *perTrace); err != nil {
		fmt.Fprintln(os.Stderr, "manyspans:", err)
		os.Exit(1)
	}
}
