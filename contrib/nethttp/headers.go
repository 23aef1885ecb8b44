package nethttp

import (
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/internal/redact"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// tagHeaders records those headers whose names WithHeaders lists.
func tagHeaders(call *spanutil.Call, prefix string, from http.Header, names []string) {
	if len(names) == 0 || !call.Sampled() {
		return
	}
	for _, name := range names {
		if values := from[textproto.CanonicalMIMEHeaderKey(name)]; len(values) > 0 {
			call.Tag(prefix+strings.ToLower(name), headerValue(name, values))
		}
	}
}

// headerValue returns what a span shows of a header.
func headerValue(name string, values []string) string {
	name = strings.ToLower(name)
	secret := func(part string) bool { return strings.Contains(name, part) }
	if slices.ContainsFunc([]string{"authenti", "dpop", "saml", "totp"}, secret) {
		return "hidden"
	}
	if u, err := url.Parse(values[0]); err == nil && len(values) == 1 {
		if u.Path != values[0] || strings.HasPrefix(u.Path, "/") { // more than a path, or an absolute one
			return redact.URL(u)
		}
	}
	return redact.Value(name, strings.Join(values, ", "))
}
