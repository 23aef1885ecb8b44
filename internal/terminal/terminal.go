// Package terminal says what the terminal is like that a program writes to, if it does.
package terminal

import (
	"os"
	"strings"

	"golang.org/x/term"
)

// Is says whether a standard stream of the program is a terminal. What is no file is none.
func Is(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Width is how many columns the terminal has, or 0 if stream is none or does not tell.
func Width(stream any) int {
	if f, ok := stream.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// Colors says whether stream is a terminal that knows colours, and whose user wants them.
func Colors(stream any, getenv func(string) string) bool {
	return Is(stream) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// Unicode says whether the locale, if there is one, knows more than ASCII.
func Unicode(getenv func(string) string) bool {
	for _, variable := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := getenv(variable); locale != "" {
			return strings.Contains(strings.ToLower(strings.ReplaceAll(locale, "-", "")), "utf8")
		}
	}
	return true
}
