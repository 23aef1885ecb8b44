package sqltext

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/gaptrace/gaptrace/internal/redact"
)

// Error returns the message of a database's error as a span may show it. If the statement may hold
// a credential, the message ends before its first quotation mark, its first credential word, or the
// first word of the statement's values.
func Error(message, statement string) string {
	if !redact.MarkedSQL(statement) {
		return message
	}
	message = message[:min(len(message), redact.MaxValue)]
	end := quoteBegins(message)
	for _, at := range wordPattern.FindAllStringIndex(message[:end], -1) {
		if redact.IsCredential(message[at[0]:at[1]]) {
			end = at[0]
			break
		}
	}
	return redact.Until(message, min(end, repeated(message, valuesOf(statement))))
}

// ConnectError returns the message of a failed connect as a span may show it: up to its first
// quotation mark, or to where it repeats the data source name or a password in it.
func ConnectError(message, dsn string) string {
	return redact.Until(message, min(quoteBegins(message), repeated(message, append(passwords(dsn), dsn))))
}

// repeated returns the index at which message first repeats one of the values, in any case, or
// len(message). A NUL counts as such a place: the message may be UTF-16, in which nothing can be
// recognized.
func repeated(message string, values []string) int {
	message = lower(message)
	end := len(message)
	if at := strings.IndexByte(message, 0); at >= 0 {
		end = at
	}
	for _, v := range values {
		if at := strings.Index(message, lower(v)); at >= 0 {
			end = min(end, at)
		}
	}
	return end
}

// lower returns s with ASCII letters in lower case. Each byte keeps its position.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | ' '
		}
	}
	return string(b)
}

// The quotation marks of messages in any language, and the words of a message.
var (
	quotePattern = regexp.MustCompile("['\"`«»„“”‘’]")
	wordPattern  = regexp.MustCompile(`\w+`)
)

func quoteBegins(message string) int {
	if at := quotePattern.FindStringIndex(message); at != nil {
		return at[0]
	}
	return len(message)
}

const (
	minValue  = 4        // a shorter value is too short to recognize
	maxValues = 64 << 10 // bytes of a statement that are searched for values
)

// valuesOf returns the words of a statement that may be values, or parts of one. Those are all
// words from its first quotation mark or credential word on, or all if it has neither. It splits
// them twice: at spaces and punctuation, and at everything except letters and digits.
func valuesOf(statement string) []string {
	from := quoteBegins(statement)
	if dollar := strings.IndexByte(statement[:from], '$'); dollar >= 0 { // $$ is a quotation mark too
		from = dollar
	}
	for _, at := range wordPattern.FindAllStringIndex(statement[:from], -1) {
		if redact.IsCredential(statement[at[0]:at[1]]) {
			from = at[1]
			break
		}
	}
	if from == len(statement) {
		from = 0
	}
	statement = strings.TrimLeft(statement[from:], " \t\r\n")
	statement = statement[:min(len(statement), maxValues)]
	const separators = "'\"`«»„“”‘’$[](){},;=& \t\r\n\x00"
	values := slices.Concat(
		strings.FieldsFunc(statement, func(r rune) bool { return strings.ContainsRune(separators, r) }),
		strings.FieldsFunc(statement, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }),
	)
	return slices.DeleteFunc(values, func(v string) bool { return len(v) < minValue })
}

// A data source name has its password in user:password@, with or without a scheme before it, in
// Oracle's user/password@, or in a setting whose key names a secret, such as password= or
// _auth_pass=.
var (
	userinfoPattern = regexp.MustCompile(`^(?:(?:[^:/]*://)?[^:]*:|[^:/@]+/)(.+)@`)
	settingPattern  = regexp.MustCompile(`([\w.-]+)\s*=\s*['"{]?([^\s;&'"}]+)`)
)

// passwords returns the passwords in a data source name, as written and as decoded: a driver's
// error may repeat just the password. It is not known which @ ends a password, so each candidate is
// returned.
func passwords(dsn string) (found []string) {
	for _, match := range userinfoPattern.FindAllStringSubmatch(dsn, -1) {
		found = append(found, strings.Split(match[1], "@")...)
	}
	for _, match := range settingPattern.FindAllStringSubmatch(dsn, -1) {
		if redact.IsKey(match[1]) {
			found = append(found, match[2])
		}
	}
	for _, written := range found {
		for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
			if decoded, err := decode(written); err == nil {
				found = append(found, decoded)
			}
		}
	}
	return slices.DeleteFunc(found, func(s string) bool { return s == "" })
}
