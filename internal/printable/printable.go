// Package printable makes text of strangers, such as the names in a trace, harmless where people read it.
package printable

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Text is text that can do no harm in a terminal or to the order of what stands beside it: control characters, escape
// sequences among them, marks that turn the direction of text, and what is no UTF-8 become U+FFFD. It is cut to so many bytes, with an
// ellipsis behind.
func Text(text string, most int) string {
	if len(text) > most {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(text, string(utf8.RuneError)))
}

// Name is the name of a service or an operation as people may see it: what is longer than 200 bytes is cut.
func Name(text string) string { return Text(text, 200) }

// Plural is word as it stands behind n: with an s, unless n is 1.
func Plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
