package redact

import (
	"net/url"
	"slices"
	"strings"
)

// Path returns the escaped path of a URL with "hidden" for each segment that may be a secret. That
// is any segment that looks like a token, and every segment after a word such as token, key or
// webhook, except words that APIs use there.
func Path(escaped string) string {
	path, mark := Truncate(escaped)
	return redactPath("", redactValues(path, "/;", nesting)) + mark
}

// plainPath reports whether redactPath would change nothing.
func plainPath(host, path string) bool {
	return !has(path, Anywhere|Segment) && !isHooksHost(host) && !holdsToken(path) && !strings.Contains(path, "/bot")
}

// isHooksHost reports whether a host serves only webhooks, such as hooks.slack.com and
// x.webhook.office.com.
func isHooksHost(host string) bool {
	const prefix = "hooks."
	return len(host) > len(prefix) && strings.EqualFold(host[:len(prefix)], prefix) || strings.Contains(host, "webhook")
}

// apiWords are segments that APIs have after a word such as token, and that are no secrets.
var apiWords = strings.Fields(`access active all authorize check confirm count create current data delete disable
	edit enable exchange exists expire forgot generate grant health index info introspect invalidate issue jwks
	list login logout lookup lookup-self me metadata metrics new oauth2 open password query ready refresh regenerate
	renew renew-self request reset resend revoke revoke-self rotate search self send services settings stats status
	submit test update usage userinfo users v1 v2 v3 v4 validate validity verify version`)

// redactPath is Path for a URL with that host. It checks a segment only up to its parameters, which
// follow a semicolon.
func redactPath(host, path string) string {
	if plainPath(host, path) && !strings.Contains(path, "%") {
		return path
	}
	segments := strings.Split(path, "/")
	after := false
	for i, segment := range segments {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			plain = segment
		}
		name, _, _ := strings.Cut(plain, ";")
		switch {
		case name == "" || strings.Contains(name, "="):
		case isToken(name), isBot(name), after && !isAPIWord(name):
			_, parameters, found := strings.Cut(segment, ";")
			segments[i] = hidden
			if found {
				segments[i] += ";" + parameters
			}
		case has(name, Anywhere|Segment):
			after = true
		}
		// The first segment names the service: hooks.slack.com/services/…
		after = after || isHooksHost(host) && i > 0
	}
	return strings.Join(segments, "/")
}

// isAPIWord reports whether a segment is a word that APIs use, itself a credential word, or a
// placeholder of a route pattern.
func isAPIWord(segment string) bool {
	const elasticsearch = "_abcdefghijklmnopqrstuvwxyz" // the characters of its words, such as _search
	if segment[0] == '_' && len(segment) < 24 && strings.Trim(segment, elasticsearch) == "" {
		return true
	}
	segment = strings.ToLower(segment)
	if slices.Contains(apiWords, segment) || segment[0] == '{' || segment[0] == ':' {
		return true
	}
	// The exact word: a longer segment could be the secret.
	return slices.Contains(wordsOf(Anywhere|Segment), unseparated.Replace(strings.TrimSuffix(segment, "s")))
}

// isBot reports whether a segment is bot<id>:<token>, as in Telegram's URLs.
func isBot(segment string) bool {
	id, token, found := strings.Cut(strings.TrimPrefix(segment, "bot"), ":")
	return found && strings.HasPrefix(segment, "bot") && token != "" && strings.Trim(id, "0123456789") == ""
}

const minToken = 16 // bytes; nothing shorter is recognized as a token

// tokenPrefixes are the beginnings of well-known issuers' tokens.
var tokenPrefixes = []string{
	"AKIA", "ASIA", "eyJ", "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "hf_", "hvs.", "npm_", "pypi-",
	"rk_live_", "sk-", "sk_live_", "sk_test_", "whsec_", "xapp-", "xoxa-", "xoxb-", "xoxp-", "xoxs-", "ya29.",
}

// isToken reports whether s looks like a well-known issuer's token.
func isToken(s string) bool {
	return len(s) >= minToken &&
		slices.ContainsFunc(tokenPrefixes, func(prefix string) bool { return strings.HasPrefix(s, prefix) })
}

// holdsToken reports whether a segment of path looks like a token.
func holdsToken(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		if isToken(segment) {
			return true
		}
	}
	return false
}
