// Package printable formats text and durations for a terminal or a page. Untrusted text, such as
// the names in a trace, cannot control the terminal.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text replaces everything that is not printable with U+FFFD: control characters, with which escape
// sequences begin, marks that change the direction of text, special spaces, and invalid UTF-8. It
// keeps a zero-width joiner between two emoji, which makes them one. Text of more than limit bytes
// is truncated, and an ellipsis is added.
func Text(text string, limit int) string {
	if len(text) > limit {
		for limit > 0 && !utf8.RuneStart(text[limit]) {
			limit--
		}
		text = text[:limit] + "…"
	}
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	at := 0
	return strings.Map(func(r rune) rune {
		before, after := text[:at], text[at+utf8.RuneLen(r):]
		at += utf8.RuneLen(r)
		if strconv.IsPrint(r) || r == zeroWidthJoiner && joinsEmoji(before, after) {
			return r
		}
		return utf8.RuneError
	}, text)
}

const zeroWidthJoiner = '\u200d'

// joinsEmoji reports whether both neighbours are emoji. The first may have a color of skin, or a
// mark that it is drawn as an emoji.
func joinsEmoji(before, after string) bool {
	const drawnAsEmoji = '\ufe0f'
	left, _ := utf8.DecodeLastRuneInString(before)
	right, _ := utf8.DecodeRuneInString(after)
	return (unicode.In(left, unicode.So, unicode.Sk) || left == drawnAsEmoji) && unicode.Is(unicode.So, right)
}

// Name returns Text of the name of a service or an operation, with a limit of 200 bytes.
func Name(text string) string { return Text(text, 200) }

// Plural returns the word to print after n: word itself if n is 1, and word with an s otherwise.
func Plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
