package spanutil_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

func TestTruncate(t *testing.T) {
	for name, s := range map[string]string{
		"long":                   strings.Repeat("x", 10<<20),
		"one too long":           strings.Repeat("x", 4097),
		"long, of runes":         strings.Repeat("é", 5000),
		"long, of runes, odd":    "x" + strings.Repeat("é", 5000),
		"long, not UTF-8":        strings.Repeat("\xff", 10<<20),
		"long, torn runes":       strings.Repeat("\xe2\x82", 5000),
		"grows when made UTF-8":  strings.Repeat("\xffx", 2000),
		"all continuation bytes": strings.Repeat("\x80", 5000),
	} {
		got := spanutil.Truncate(s)
		if len(got) > spanutil.MaxValue || !utf8.ValidString(got) || !strings.HasSuffix(got, "… [cut]") {
			t.Errorf("%s: %d bytes, …%q", name, len(got), got[max(0, len(got)-20):])
		}
	}
	for in, want := range map[string]string{
		"":                        "",
		"SELECT 'é'":              "SELECT 'é'",
		"a\xffb":                  "a\uFFFDb",
		strings.Repeat("x", 4096): strings.Repeat("x", 4096),
	} {
		if got := spanutil.Truncate(in); got != want {
			t.Errorf("Truncate(%.20q) = %.20q", in, got)
		}
	}
}
