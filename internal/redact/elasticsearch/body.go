package elasticsearch

import (
	"strings"

	"github.com/gaptrace/gaptrace/internal/redact"
)

// Body returns text, the beginning of a search's body, as a span may show it. If text contains a
// credential word, or anything that redact.Text redacts, each value becomes a question mark; member
// names stay. text may be truncated or invalid JSON.
func Body(text string) string {
	if !redact.HoldsSecret(text) {
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
		default: // a number, true, false, null, or invalid JSON
			for end < len(text) && strings.IndexByte("{}[]:, \t\r\n\"", text[end]) < 0 {
				end++
			}
			b.WriteByte('?')
		}
		at = end
	}
	return b.String()
}

// stringEnd returns the end of the string that begins at start.
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

// isName reports whether the string text[start:end] is a member's name: it is complete, and a colon
// follows. A string that is long or has a space or another unusual character does not count, since
// in invalid JSON it may be a value.
func isName(text string, start, end int) bool {
	name := text[start:end]
	return len(name) > 2 && len(name) <= 100 && strings.HasSuffix(name, `"`) && !strings.ContainsAny(name, " \\'=/") &&
		strings.HasPrefix(strings.TrimLeft(text[end:], " \t\r\n"), ":")
}
