package redact

import (
	"iter"
	"strings"
)

// Text returns a message, such as an error's, without its secrets: those in URLs, in settings
// (password=…, "api_key": "…"), after Bearer and Basic, and before an @, and tokens of well-known
// issuers. A message of more than 16 KiB is truncated.
func Text(text string) string {
	text, mark := Truncate(text)
	if strings.IndexByte(text, '@') < 0 && !has(text, textMarks) {
		return text + mark // most texts; each step below is a pass
	}
	text = redactURLs(text, nesting)
	text = redactTokens(redactUserinfo(text))
	if has(text, Anywhere|settingMark) {
		text = redactSettings(redactAuthorization(text))
	}
	return text + mark
}

// textMarks are the marks of what Text redacts. It also redacts what precedes an @.
const textMarks = Anywhere | urlMark | settingMark | tokenMark

// HoldsSecret reports whether text has a credential word, or anything that [Text] redacts. It reads
// most texts only once.
func HoldsSecret(text string) bool {
	found := find(text, Anywhere)
	switch {
	case found&Anywhere != 0:
		return true
	case found&textMarks == 0 && len(text) <= maxRead && strings.IndexByte(text, '@') < 0:
		return false
	}
	return Text(text) != text
}

// edit replaces parts of a text, from its beginning to its end.
type edit struct {
	text   string
	edited strings.Builder
	done   int // text up to here is in edited
}

func (e *edit) replace(start, end int, with string) {
	e.edited.WriteString(e.text[e.done:start])
	e.edited.WriteString(with)
	e.done = end
}

func (e *edit) String() string { return e.edited.String() + e.text[e.done:] }

// containsFold reports whether s contains word in any case. word is in lower case.
func containsFold(s, word string) bool { return indexFold(s, word) >= 0 }

func indexFold(s, word string) int {
	for i := 0; i+len(word) <= len(s); i++ {
		if s[i]|' ' == word[0]|' ' && strings.EqualFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

// redactAuthorization redacts the credentials after Bearer and Basic. An ordinary word stays, as in
// "Bearer authentication".
func redactAuthorization(text string) string {
	for _, scheme := range []string{"bearer", "basic"} {
		e := edit{text: text}
		for end := 0; ; {
			at := indexFold(text[end:], scheme)
			if at < 0 {
				break
			}
			start := end + at + len(scheme)
			blanks := leading(text[start:], " \t:")
			if end = start; blanks == 0 {
				continue
			}
			start += blanks
			end = start + valueEnd(text[start:], " \t\r\n\"'`,;)]}\\")
			if !isProse(text[start:end]) {
				e.replace(start, end, hidden)
			}
		}
		text = e.String()
	}
	return text
}

// isProse reports whether s is an ordinary word: fewer than 32 letters, of which only the first may
// be a capital.
func isProse(s string) bool {
	for i, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || i == 0 && 'A' <= c && c <= 'Z') {
			return len(strings.TrimRight(s, ".:!?")) == i && i > 0
		}
	}
	return len(s) < 32
}

func valueEnd(s, stops string) int {
	if end := strings.IndexAny(s, stops); end >= 0 {
		return end
	}
	return len(s)
}

// redactSettings redacts the values of settings: "key": "value", key: value, key=value, key:value.
// It leaves a value that reads like the rest of a sentence, as in "token: unexpected end".
func redactSettings(text string) string {
	e := edit{text: text}
	for at := 0; at < len(text); at++ {
		c := text[at]
		if c != '=' && c != ':' {
			continue
		}
		key := strings.TrimRight(text[e.done:at], " \t")
		quoted := strings.TrimRight(key, "\"'`\\]")
		inQuotes := len(quoted) < len(key)
		key = quoted[strings.LastIndexFunc(quoted, endsName)+1:]
		if !Marked(key) && !containsFold(key, "pwd") && !isPass(key) {
			continue
		}
		before := quoted[:len(quoted)-len(key)]
		if inQuotes && !strings.HasSuffix(before, "[") && strings.TrimRight(before, "\"'`") == before {
			continue // the quotes enclose more than the key, as in Get "http://h/token": EOF
		}
		start := at + 1 + leading(text[at+1:], "=> \t")
		open := start + leading(text[start:], `\`)
		end := start
		switch {
		case containsFold(key, "authorization"):
			end += valueEnd(text[start:], "\r\n")
		case open < len(text) && strings.IndexByte("\"'`", text[open]) >= 0:
			end = quotedEnd(text, open+1, text[open], open > start)
			start = open + 1
		case start < len(text) && text[start] == '[':
			end += valueEnd(text[start:], "]")
		case start < len(text) && text[start] == '{': // ODBC's quotes
			end += valueEnd(text[start:], "}")
		default:
			end += valueEnd(text[start:], " \t\r\n;\"'`\\") // a password may hold any other character
			if c == ':' && start > at+1 && readsOn(key, text[start:end]) {
				continue
			}
		}
		if end > start && !isRedacted(text[start:end]) {
			e.replace(start, end, hidden)
			at = end - 1
		}
	}
	return e.String()
}

// endsName reports whether r cannot be part of a setting's key.
func endsName(r rune) bool { return r < 0x80 && !inName(byte(r)) && r != '-' && r != '.' }

// isPass reports whether the last word of a key is pass.
func isPass(key string) bool {
	before := len(key) - len("pass")
	return before >= 0 && strings.EqualFold(key[before:], "pass") &&
		(before == 0 || strings.IndexByte("_-.", key[before-1]) >= 0)
}

// isRedacted reports whether a value was redacted already, as part of a URL.
func isRedacted(value string) bool {
	after, found := strings.CutPrefix(value, hidden)
	return value == "?" || found && (after == "" || !inName(after[0]))
}

// readsOn reports whether the value after "key: " is the rest of a sentence: an ordinary word.
// After password, passwd and pwd, only YES and NO count.
func readsOn(key, value string) bool {
	word := strings.TrimRight(value, ".:!?,)]}")
	if strings.Contains(strings.ToLower(key), "passw") || strings.EqualFold(key, "pwd") {
		return word == "YES" || word == "NO" // MySQL's "using password: YES"
	}
	for _, c := range []byte(word) {
		if c|' ' < 'a' || c|' ' > 'z' {
			return false
		}
	}
	return len(word) < 32
}

// leading returns how many bytes at the beginning of s are in set.
func leading(s, set string) int { return len(s) - len(strings.TrimLeft(s, set)) }

// quotedEnd returns the end of the quoted value that begins at start. escaped says that the whole
// text was quoted once more, so that its quotes are escaped: {\"password\":\"a\\\"b\"}.
func quotedEnd(text string, start int, quote byte, escaped bool) int {
	for end := start; end < len(text); end++ {
		switch {
		case escaped && strings.HasPrefix(text[end:], `\\`):
			end++
			if strings.HasPrefix(text[end+1:], `\`) {
				end += 2
			}
		case !escaped && text[end] == '\\':
			end++
		case text[end] == quote:
			return end
		}
	}
	return len(text)
}

// tokenStops are the bytes that divide a text into what may be tokens.
const tokenStops = " \t\r\n\"'`,;:=&?/<>()[]{}\\"

// startsToken reports whether redactTokens redacts what begins at start.
func startsToken(text string, start int) bool {
	if start < 0 || start > 0 && strings.IndexByte(tokenStops, text[start-1]) < 0 {
		return false
	}
	beginning := text[start:min(start+minToken, len(text))]
	return isToken(beginning[:valueEnd(beginning, tokenStops)])
}

// redactTokens redacts the tokens of well-known issuers.
func redactTokens(text string) string {
	if !has(text, tokenMark) {
		return text
	}
	e := edit{text: text}
	for start := 0; start < len(text); {
		end := start + valueEnd(text[start:], tokenStops)
		if isToken(text[start:end]) {
			e.replace(start, end, hidden)
		}
		start = end + 1
	}
	return e.String()
}

// redactUserinfo redacts user:password in addresses without a scheme, such as
// user:password@tcp(host) of MySQL's drivers.
func redactUserinfo(text string) string {
	e := edit{text: text}
	for start, run := range runs(text) {
		if end := userinfoEnd(run); end >= 0 && !strings.Contains(run[:end], "://") { // redactURLs has done URLs
			e.replace(start, start+end, hidden)
		}
	}
	return e.String()
}

// runs yields each run of text without blanks and quotes that contains an @, and where it starts.
func runs(text string) iter.Seq2[int, string] {
	const stops = " \t\r\n\"'`"
	return func(yield func(int, string) bool) {
		for start := 0; start < len(text); {
			at := strings.IndexByte(text[start:], '@')
			if at < 0 {
				return
			}
			at += start
			start += strings.LastIndexAny(text[start:at], stops) + 1
			end := at + valueEnd(text[at:], stops)
			if !yield(start, text[start:end]) {
				return
			}
			start = end
		}
	}
}

// userinfoEnd returns the position of the last @ in run that follows user:password or
// user/password, or -1.
func userinfoEnd(run string) int {
	for {
		end := strings.LastIndexByte(run, '@')
		if end < 0 {
			return -1
		}
		run = run[:end]
		if end > 0 && strings.IndexByte("=<>(,:/+-*|&", run[end-1]) < 0 { // after these, @ begins a SQL parameter
			break
		}
	}
	if colon := strings.IndexByte(run, ':'); colon > 0 && colon < len(run)-1 {
		return len(run)
	}
	if slash := strings.IndexByte(run, '/'); slash > 0 && slash < len(run)-1 && // Oracle's
		strings.IndexFunc(run[:slash], func(r rune) bool { return r >= 0x80 || !inName(byte(r)) }) < 0 {
		return len(run)
	}
	return -1
}

// Value returns what a span may show of a value that came under a key, such as a header's: "hidden"
// if the key names a secret, and otherwise the value as [Text] returns it.
func Value(key, value string) string {
	if IsKey(key) {
		return "hidden"
	}
	return Text(value)
}
