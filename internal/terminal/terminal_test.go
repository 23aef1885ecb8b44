package terminal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/terminal"
)

func TestUnicode(t *testing.T) {
	for name, test := range map[string]struct {
		environment map[string]string
		want        bool
	}{
		"no locale":              {nil, true},
		"UTF-8":                  {map[string]string{"LANG": "de_DE.UTF-8"}, true},
		"utf8":                   {map[string]string{"LC_CTYPE": "C.utf8"}, true},
		"C":                      {map[string]string{"LANG": "C"}, false},
		"Latin-1":                {map[string]string{"LANG": "de_DE.ISO-8859-1"}, false},
		"LC_ALL is above others": {map[string]string{"LC_ALL": "C", "LC_CTYPE": "C.UTF-8", "LANG": "C.UTF-8"}, false},
		"LC_CTYPE is above LANG": {map[string]string{"LC_CTYPE": "C.UTF-8", "LANG": "C"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := terminal.Unicode(func(key string) string { return test.environment[key] }); got != test.want {
				t.Errorf("%t", got)
			}
		})
	}
}

func TestNotATerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	none := func(string) string { return "" }
	for _, stream := range []any{f, &strings.Builder{}, nil} {
		if terminal.Is(stream) || terminal.Width(stream) != 0 || terminal.Colors(stream, none) {
			t.Errorf("%T is a terminal", stream)
		}
	}
}
