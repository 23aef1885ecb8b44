// Package assertedjar asserts the type of a client's cookie jar, which a wrapped client has, too.
package assertedjar

import "net/http"

type jar struct{ http.CookieJar }

func newClient() *http.Client {
	c := &http.Client{Jar: jar{}} // want `GT101: .*; wrap it with nethttp.WrapClient`
	_ = c.Jar.(jar)
	return c
}
