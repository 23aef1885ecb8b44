// Command cmd writes Jaeger JSON with many spans, to measure the code that reads it:
//
//	go run ./internal/spantest/manyspans/cmd -n 1000000 -shape realistic -per-trace 100 > FILE
//	go run ./internal/spantest/manyspans/cmd -n 1000000 -per-trace 100 -shuffle 8 -o FOLDER
//
// The second line writes the spans one by one, as Jaeger stores them in Elasticsearch, to
// FOLDER/0.jsonl, FOLDER/1.jsonl and so on. The spans of each trace are in all files.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
)

func main() {
	n := flag.Int("n", 1000, "number of spans")
	shape := flag.String("shape", manyspans.Shapes[0], "shape of a trace: "+strings.Join(manyspans.Shapes, ", "))
	perTrace := flag.Int("per-trace", 0, "spans in each trace; 0 means that all are one trace")
	shuffle := flag.Int("shuffle", 0, "write the spans in another order, to this number of files in the folder -o")
	folder := flag.String("o", ".", "folder for -shuffle")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "manyspans: unexpected argument %q: there are only flags, see -h\n", flag.Arg(0))
		os.Exit(2)
	}
	var err error
	if *shuffle > 0 {
		err = writeParts(*folder, *shape, *n, *perTrace, *shuffle)
	} else {
		err = manyspans.Write(os.Stdout, *shape, *n, *perTrace)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "manyspans:", err)
		os.Exit(1)
	}
}

func writeParts(folder, shape string, n, perTrace, parts int) error {
	for part := range parts {
		f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%d.jsonl", part)))
		if err != nil {
			return err
		}
		err = manyspans.WriteStored(f, shape, n, perTrace, part, parts)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
