package spanutil

import (
	"strings"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/internal/redact"
)

// MaxValue is the length in bytes at which the string of a tag or log is truncated.
const MaxValue = redact.MaxValue

// Truncate shortens s to at most MaxValue bytes, between runes. A shortened text ends with
// redact.CutMark. Truncate also replaces bytes that are not UTF-8, which a collector refuses or
// garbles.
func Truncate(s string) string {
	if len(s) <= MaxValue && utf8.ValidString(s) { // faster than ToValidUTF8
		return s
	}
	const enough = MaxValue + utf8.UTFMax
	valid := strings.ToValidUTF8(s[:min(len(s), enough)], "\uFFFD")
	if len(s) <= enough && len(valid) <= MaxValue {
		return valid
	}
	end := min(len(valid), MaxValue-len(redact.CutMark))
	for end < len(valid) && !utf8.RuneStart(valid[end]) {
		end--
	}
	return valid[:end] + redact.CutMark
}
