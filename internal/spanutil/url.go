package spanutil

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// URL is u as a span may show it: without userinfo and fragment, which no server is sent, and
// with the values of secrets in its query, and in the parameters of its path, hidden. A nil u is empty.
func URL(u *url.URL) string {
	if u == nil {
		return ""
	}
	shown := *u
	shown.User, shown.Fragment, shown.RawFragment = nil, "", ""
	if u.Opaque != "" { // all that stands behind the scheme, verbatim
		return hideURL(shown.String())
	}
	shown.RawQuery = Query(u.RawQuery)
	s := shown.String()
	if strings.Contains(u.Path, ";") {
		path, query, found := strings.Cut(s, "?")
		s = hideValues(path, "/;")
		if found {
			s += "?" + query
		}
	}
	return s
}

// Query is the raw query of a URL with the values of secrets hidden. All else stays, and in order.
func Query(raw string) string { return hideValues(raw, "&;") }

// hideURLs is text with each URL in it shown as URL would: errors quote them.
func hideURLs(text string) string {
	var b strings.Builder
	for {
		at := strings.Index(text, "://")
		if at < 0 {
			return b.String() + text
		}
		end := at + len("://")
		if stop := strings.IndexAny(text[end:], " \t\r\n\"'`<>"); stop >= 0 {
			end += stop
		} else {
			end = len(text)
		}
		b.WriteString(text[:at])
		b.WriteString(hideURL(text[at:end]))
		text = text[end:]
	}
}

// hideURL is a URL, which may be malformed.
func hideURL(s string) string {
	s, _, _ = strings.Cut(s, "#")
	place, query, found := strings.Cut(s, "?")
	scheme, rest, _ := strings.Cut(place, ":")
	rest, slashes := strings.CutPrefix(rest, "//")
	place = scheme + ":"
	if slashes {
		place += "//"
	}
	// Where a host should end the name of a user may: at the slash in a password.
	if host, _, _ := strings.Cut(rest, "/"); strings.Contains(host, "@") || !isHost(host) {
		rest = rest[strings.LastIndexByte(rest, '@')+1:]
	}
	place += hideValues(rest, "/;")
	if found {
		place += "?" + Query(query)
	}
	return place
}

// isHost reports whether s is a host with or without a port.
func isHost(s string) bool {
	if end := strings.LastIndexByte(s, ']'); end >= 0 { // of an IPv6 address
		s = s[end:]
	}
	_, port, _ := strings.Cut(s, ":")
	return strings.Trim(port, "0123456789") == ""
}

// hideValues is a list of key=value pairs, each of the separators between any two, with the values
// of secrets hidden, and those of URLs in URLs.
func hideValues(list, separators string) string {
	var b strings.Builder
	done := 0 // list up to here is in b
	for at := 0; at < len(list); {
		end := strings.IndexAny(list[at:], separators)
		if end < 0 {
			end = len(list)
		} else {
			end += at
		}
		if key, value, ok := strings.Cut(list[at:end], "="); ok && value != "" {
			shown := value
			if secret(key) {
				shown = "hidden"
			} else if strings.Contains(value, "://") || strings.Contains(value, "%2F%2F") || strings.Contains(value, "%2f%2f") {
				shown = hideNested(value)
			}
			if shown != value {
				b.WriteString(list[done:at] + key + "=" + shown)
				done = end
			}
		}
		at = end + 1
	}
	if done == 0 {
		return list
	}
	return b.String() + list[done:]
}

// hideNested is a value that holds a URL. It stays as it was written where nothing had to be hidden.
func hideNested(value string) string {
	plain, err := url.QueryUnescape(value)
	if err != nil {
		return "hidden"
	}
	if shown := hideURLs(plain); shown != plain {
		return url.QueryEscape(shown)
	}
	return value
}

// What names a secret: a word of the key that is one of these …
var secretWords = map[string]bool{
	"auth": true, "code": true, "jwt": true, "key": true, "otp": true, "pass": true, "pw": true, "pwd": true,
	"sid": true, "sig": true,
}

// … or ends in one of these.
var secretEndings = []string{
	"accesskey", "apikey", "assertion", "authorization", "credential", "credentials", "passphrase",
	"passwd", "password", "privatekey", "secret", "secretkey", "sessid", "session", "sessionid",
	"signature", "ticket", "token", "verifier",
}

// secret reports whether a key of a query names a secret, as it is written or once decoded. Its
// words are told apart by what is no letter, as in client_secret and password1, or by case, as in
// accessToken.
func secret(key string) bool {
	if strings.ContainsAny(key, "%+") {
		if plain, err := url.QueryUnescape(key); err == nil {
			key = plain
		}
	}
	for key != "" {
		end := strings.IndexFunc(key, func(r rune) bool { return !unicode.IsLetter(r) })
		if end < 0 {
			end = len(key)
		}
		if secretWord(strings.ToLower(key[:end])) {
			return true
		}
		for word := key[:end]; word != ""; { // the words of camel case
			next := 1
			for next < len(word) && (word[next] < 'A' || word[next] > 'Z' || word[next-1] >= 'A' && word[next-1] <= 'Z') {
				next++
			}
			if secretWord(strings.ToLower(word[:next])) {
				return true
			}
			word = word[next:]
		}
		key = strings.TrimLeftFunc(key[end:], func(r rune) bool { return !unicode.IsLetter(r) })
	}
	return false
}

func secretWord(word string) bool {
	if len(word) < 5 { // shorter than all endings
		return secretWords[word]
	}
	return slices.ContainsFunc(secretEndings, func(ending string) bool { return strings.HasSuffix(word, ending) })
}
