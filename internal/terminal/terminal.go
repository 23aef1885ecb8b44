// Package terminal describes the terminal that a program writes to, if there is one.
package terminal

import (
	"os"
	"strings"

	"golang.org/x/term"
)

// Is reports whether stream is a terminal. Only an *os.File can be one.
func Is(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Width returns the number of columns of the terminal. It returns 0 if stream is not a terminal or
// its width is unknown.
func Width(stream any) int {
	if f, ok := stream.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// Colors reports whether stream is a terminal with colors, and the user has not set NO_COLOR.
func Colors(stream any, getenv func(string) string) bool {
	return Is(stream) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// Unicode reports whether the locale is UTF-8: the first of LC_ALL, LC_CTYPE and LANG that is set.
// Without a locale it returns true.
func Unicode(getenv func(string) string) bool {
	for _, variable := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := getenv(variable); locale != "" {
			return strings.Contains(strings.ToLower(strings.ReplaceAll(locale, "-", "")), "utf8")
		}
	}
	return true
}
