// Package printable formats text and durations for people. Text from untrusted input, such as the
// names in a trace, becomes harmless to a terminal.
package printable

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text replaces whatever could change more than its own place on a terminal with U+FFFD: control
// characters (so escape sequences, too), marks that change the direction of text, and invalid
// UTF-8. Text that is longer than limit bytes is truncated and ends with an ellipsis.
func Text(text string, limit int) string {
	if len(text) > limit {
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = text[:limit] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// Name returns the Text of the name of a service or an operation, truncated to 200 bytes.
func Name(text string) string { return Text(text, 200) }

// Plural returns the word to print after n: word itself if n is 1, and word with an s otherwise.
func Plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
