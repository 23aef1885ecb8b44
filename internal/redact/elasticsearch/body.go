package elasticsearch

import (
	"strings"

	"github.com/gaptrace/gaptrace/internal/redact"
)

// Body returns the beginning of a search's body as a span may show it. If it has a word that marks a credential, or a
// text with a secret, the values are left out: the names of members stay. It need not be complete, nor valid.
func Body(text string) string {
	if !redact.Marked(text) && redact.Text(text) == text {
		return text
	}
	var b strings.Builder
	for at := 0; at < len(text); {
		c := text[at]
		end := at + 1
		switch {
		case c == '"':
			end = stringEnd(text, at)
			if isName(text, at, end) {
				b.WriteString(text[at:end])
			} else {
				b.WriteByte('?')
			}
		case strings.IndexByte("{}[]:, \t\r\n", c) >= 0:
			b.WriteByte(c)
		default: // a number, true, false, null, or what is no JSON
			for end < len(text) && strings.IndexByte("{}[]:, \t\r\n\"", text[end]) < 0 {
				end++
			}
			b.WriteByte('?')
		}
		at = end
	}
	return b.String()
}

// stringEnd returns where the string ends that begins at start.
func stringEnd(text string, start int) int {
	for end := start + 1; end < len(text); end++ {
		switch text[end] {
		case '\\':
			end++
		case '"':
			return end + 1
		}
	}
	return len(text)
}

// isName reports whether text[start:end], a string, is a member's name: it ends, and a colon follows. A name with a space
// in it, or a long one, may be a value in a body that is no JSON.
func isName(text string, start, end int) bool {
	name := text[start:end]
	return len(name) > 2 && len(name) <= 100 && strings.HasSuffix(name, `"`) && !strings.ContainsAny(name, " \\'=/") &&
		strings.HasPrefix(strings.TrimLeft(text[end:], " \t\r\n"), ":")
}
