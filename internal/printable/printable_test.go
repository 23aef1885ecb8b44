package printable_test

import (
	"testing"

	"github.com/gaptrace/gaptrace/internal/printable"
)

func TestText(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		most int
		want string
	}{
		"plain":                   {"HTTP GET /bücher/{id}", 100, "HTTP GET /bücher/{id}"},
		"escape":                  {"a\x1b[31mb\x07", 100, "a�[31mb�"},
		"lines":                   {"a\nb\r\tc", 100, "a�b��c"},
		"right to left":           {"a\u202eb\u2066", 100, "a�b�"},
		"hebrew":                  {"שלום", 100, "שלום"},
		"invalid UTF-8":           {"a\xff\xfeb", 100, "a�b"},
		"truncated":               {"abcdef", 3, "abc…"},
		"truncated inside a rune": {"aü", 2, "a…"},
		"empty":                   {"", 0, ""},
		"truncated to nothing":    {"ü", 0, "…"},
		"fits exactly":            {"abc", 3, "abc"},
		"joined emoji":            {"👩\u200d🚀 👩🏽\u200d💻 ❤\ufe0f\u200d🔥", 100, "👩\u200d🚀 👩🏽\u200d💻 ❤\ufe0f\u200d🔥"},
		"joiners elsewhere":       {"a\u200db \u200d👩\u200d \u200d", 100, "a�b �👩� �"},
		"no-break spaces":         {"a\u00a0b\u2028", 100, "a�b�"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := printable.Text(test.text, test.most); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
