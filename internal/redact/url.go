package redact

import (
	"net/url"
	"strings"
)

// nesting is how many levels of URLs within URLs are read. Deeper levels are redacted unread: each
// level is read once for every level around it, and untrusted input may nest thousands.
const nesting = 4

// CutMark follows a value that was truncated.
const CutMark = "… [cut]"

// MaxValue is the length in bytes at which the string of a tag or log is truncated.
const MaxValue = 4096

// maxRead is how many bytes of a text are read: enough to fill a tag even if much is redacted.
const maxRead = 4 * MaxValue

// hidden replaces a secret.
const hidden = "hidden"

// Truncate returns at most the first 16 KiB of s. No more of a text is read, which bounds the work.
// mark is [CutMark] if s was longer.
func Truncate(s string) (text, mark string) {
	if len(s) <= maxRead {
		return s, ""
	}
	return s[:maxRead], CutMark
}

// Until returns text up to end, with a question mark for the rest.
func Until(text string, end int) string {
	if end < len(text) {
		return text[:end] + "?"
	}
	return text
}

// URL returns u as a span may show it: without userinfo and fragment, with the path as [Path] shows
// it, and with "hidden" for secret values in its query and path parameters. It returns "" for a nil
// u. A URL of more than 16 KiB is truncated.
func URL(u *url.URL) string {
	if u == nil {
		return ""
	}
	if at := strings.LastIndexByte(u.Host, '@'); at >= 0 { // put there by hand
		host := *u
		host.Host = u.Host[at+1:]
		u = &host
	}
	query, mark := Truncate(u.RawQuery)
	query = Query(query)
	plain := len(u.Path) <= maxRead && u.Opaque == "" &&
		!strings.Contains(u.Path, ";") && !strings.Contains(u.Path, ":/") && plainPath(u.Host, u.Path)
	if plain && u.User == nil && u.Fragment == "" && query == u.RawQuery {
		return u.String() // most URLs; a copy costs
	}
	shown := *u
	shown.User, shown.Fragment, shown.RawFragment = nil, "", ""
	if plain {
		shown.RawQuery = query
		return shown.String() + mark
	}
	if u.Opaque != "" { // String writes it verbatim after the scheme
		s, mark := Truncate(shown.String())
		s, _ = redactURL(s, nesting)
		return s + mark
	}
	shown.RawQuery = ""
	path, cut := Truncate(shown.String())
	start := len(path) - len(strings.TrimPrefix(path, shown.Scheme+"://"+shown.Host))
	path = path[:start] + redactPath(u.Host, redactURLs(redactValues(path[start:], "/;", nesting), nesting))
	if cut != "" || u.RawQuery == "" {
		return path + cut
	}
	return path + "?" + query + mark
}

// Query returns the raw query of a URL with "hidden" for secret values. All else stays, in the same
// order.
func Query(raw string) string { return redactValues(raw, "&;", nesting) }

// redactURLs returns text, such as an error's, with each URL in it redacted. It truncates the text
// after a malformed URL, since the rest may repeat a part of it.
func redactURLs(text string, depth int) string {
	if !strings.Contains(text, "://") {
		return text
	}
	var b strings.Builder
	for {
		at := strings.Index(text, "://")
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		start := at
		for start > 0 && isScheme(text[start-1]) {
			start--
		}
		end := urlEnd(text, start, at+len("://"))
		shown, wellFormed := redactURL(text[start:end], depth)
		b.WriteString(text[:start])
		b.WriteString(shown)
		if !wellFormed {
			b.WriteString(CutMark)
			return b.String()
		}
		text = text[end:]
	}
}

func isScheme(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'
}

// urlEnd returns the end of the URL that begins at start. If it is in double quotes, as in
// net/url's errors, it ends at the closing quote, since a password may hold anything. Otherwise it
// ends at a space, a quote or an angle bracket.
func urlEnd(text string, start, from int) int {
	if start > 0 && text[start-1] == '"' {
		return quotedEnd(text, from, '"', false)
	}
	return from + valueEnd(text[from:], " \t\r\n\"'`<>")
}

// redactURL redacts a URL as URL does, and reports whether its host is well-formed. If it is not,
// userinfo may hold a character that ends a host, so everything up to the last @ is left out.
func redactURL(s string, depth int) (shown string, wellFormed bool) {
	if depth == 0 {
		return hidden, true
	}
	_, rest, _ := strings.Cut(s, ":")
	rest = strings.TrimPrefix(rest, "//")
	scheme := s[:len(s)-len(rest)]
	host, path := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host, path = rest[:end], rest[end:]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	if wellFormed = isHost(host); !wellFormed {
		last := strings.LastIndexByte(rest, '@')
		if last < 0 {
			return scheme + hidden, false
		}
		host, path = "", rest[last+1:]
	}
	path, _, _ = strings.Cut(path, "#")
	path, query, found := strings.Cut(path, "?")
	shown = scheme + host + redactPath(host, redactValues(path, "/;", depth-1))
	if found {
		shown += "?" + redactValues(query, "&;", depth-1)
	}
	return shown, wellFormed
}

// isHost reports whether s is a host with or without a port.
func isHost(s string) bool {
	if end := strings.LastIndexByte(s, ']'); end >= 0 { // of an IPv6 address
		s = s[end:]
	}
	_, port, _ := strings.Cut(s, ":")
	return strings.Trim(port, "0123456789") == "" && !strings.ContainsAny(s, " \t\"<>\\")
}

// redactValues redacts a list of key=value pairs, which any of the separators divide. It replaces
// secret values, and those in URLs among the values.
func redactValues(list, separators string, depth int) string {
	e := edit{text: list}
	for at := 0; at < len(list); {
		end := at + valueEnd(list[at:], separators)
		key, value, ok := strings.Cut(list[at:end], "=")
		if !ok {
			key, value = "", key // may be an encoded pair, with an encoded =
		}
		shown := value
		switch {
		case value == "":
		case ok && IsKey(key), isToken(value):
			shown = hidden
		default:
			shown = redactNested(value, depth)
			if ok && shown == value && Marked(value) && holdsSettings(value) {
				shown = hidden
			}
		}
		if shown != value {
			e.replace(end-len(value), end, shown)
		}
		at = end + 1
	}
	return e.String()
}

// holdsSettings reports whether a value, after decoding, has a secret in JSON or in another
// setting, such as Elasticsearch's q=password:x.
func holdsSettings(value string) bool {
	plain, err := url.QueryUnescape(value)
	if err != nil {
		plain = value
	}
	return redactSettings(plain) != plain
}

// redactNested redacts a value that may hold a URL, or a part of one, encoded once or more. If
// there is nothing to redact, it returns the value as written.
func redactNested(value string, depth int) string {
	encoded := strings.ContainsRune(value, '%')
	if !encoded && !strings.ContainsRune(value, '=') &&
		!strings.Contains(value, ":/") && !strings.HasPrefix(value, "//") {
		return value
	}
	if depth == 0 {
		return hidden
	}
	plain, err := url.QueryUnescape(value)
	if err != nil {
		if holdsURL(value) {
			return hidden
		}
		return value
	}
	shown := plain
	switch {
	case strings.Contains(plain, "://"):
		shown = redactURLs(plain, depth)
	case strings.HasPrefix(plain, "//"): // without a scheme
		shown, _ = redactURL(":"+plain, depth)
		shown = shown[1:]
	case strings.ContainsRune(plain, '='): // a path with a query, or a query
		shown = redactValues(plain, "?&;#", depth-1)
	case encoded:
		shown = redactNested(plain, depth-1)
	}
	if shown != plain {
		return url.QueryEscape(shown)
	}
	return value
}

// holdsURL reports whether a value with a malformed encoding may hold a URL.
func holdsURL(value string) bool {
	value = strings.ToLower(value)
	return strings.Contains(value, ":/") || strings.Contains(value, "%3a") || strings.Contains(value, "%2f")
}
