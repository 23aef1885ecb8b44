package spanutil

import (
	"strings"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/internal/redact"
)

// MaxValue is the length in bytes at which the string of a tag or log is cut.
const MaxValue = redact.MaxValue

// CutMark stands where a value was cut.
const CutMark = redact.CutMark

// Cut shortens s to at most MaxValue bytes, between runes and with a visible mark, and replaces
// bytes that are no UTF-8, which a collector would refuse or garble.
func Cut(s string) string {
	const enough = MaxValue + utf8.UTFMax
	valid := strings.ToValidUTF8(s[:min(len(s), enough)], "\uFFFD")
	if len(s) <= enough && len(valid) <= MaxValue {
		return valid
	}
	end := min(len(valid), MaxValue-len(CutMark))
	for end < len(valid) && !utf8.RuneStart(valid[end]) {
		end-- // ends soon: valid is valid
	}
	return valid[:end] + CutMark
}
