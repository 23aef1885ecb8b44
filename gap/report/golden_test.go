package report_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Each of testdata/traces is a case that other tools get wrong, or an input as they write it.
func TestGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("../../testdata/traces/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			r := report.New(report.Options{})
			for spans, err := range jaegerjson.Read(f) {
				if err != nil {
					t.Fatal(err)
				}
				r.Add(gap.Build(spans))
			}
			var b strings.Builder
			if err := r.Text(&b, report.TextOptions{Width: 120}); err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(name, ".json") + ".txt"
			if *update {
				write(t, golden, []byte(b.String()))
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got := b.String(); got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
