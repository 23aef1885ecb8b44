// Package elasticsearch redacts what a span records of go-elasticsearch's requests: their URLs, the
// bodies of searches, and the reasons of failures.
package elasticsearch

import (
	"net/url"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/internal/redact"
)

// URL returns u without userinfo, query and secrets in its path. If u has no host, since no node
// was asked, it is only a path.
func URL(u *url.URL) string {
	path := redact.Path(u.EscapedPath())
	if u.Host == "" {
		return path
	}
	return u.Scheme + "://" + Host(u) + path
}

// Host returns the host of u without userinfo, which a caller may have put there by hand.
func Host(u *url.URL) string { return u.Host[strings.LastIndexByte(u.Host, '@')+1:] }

// Params returns the parameters of a raw query, sorted, with "hidden" for the values of secrets.
func Params(query string) string {
	query = redact.Query(query)
	if !strings.Contains(query, "&") {
		return query
	}
	pairs := strings.Split(query, "&")
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}
