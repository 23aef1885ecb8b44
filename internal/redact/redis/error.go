package redis

import (
	"strings"

	"github.com/gaptrace/gaptrace/internal/redact"
)

// unknownCommand begins the error for an unknown command, and for a known one that is disabled,
// such as CONFIG or AUTH. The arguments follow it.
const unknownCommand = "ERR unknown command"

// echoes are the words after which Redis repeats an argument without quotes.
var echoes = []string{"Unsupported option ", "longitude,latitude pair ", "Unknown node ", "node address specified: "}

// ServerError returns the text of a server's error, up to where it begins to repeat arguments. If
// codeOnly is set, it returns only the code.
func ServerError(text string, codeOnly bool) string {
	switch {
	case strings.HasPrefix(text, unknownCommand):
		return unknownCommand + " ?"
	case codeOnly:
		code, _, _ := strings.Cut(text, " ")
		if code == "" || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return "?" // a script's error may have no code
		}
		return code + " ?"
	}
	end := quoteBegins(text)
	for _, words := range echoes {
		if i := strings.Index(text[:end], words); i >= 0 {
			end = i + len(words)
		}
	}
	return redact.Until(text, end)
}

// Unquoted returns text up to its first quotation mark.
func Unquoted(text string) string { return redact.Until(text, quoteBegins(text)) }

// quoteBegins returns the index of the first quotation mark in text, or len(text). An apostrophe,
// as in "can't", is no quotation mark.
func quoteBegins(text string) int {
	for i, c := range []byte(text) {
		if c == '"' || c == '`' || c == '\'' && (i == 0 || !isLetter(text[i-1])) {
			return i
		}
	}
	return len(text)
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
