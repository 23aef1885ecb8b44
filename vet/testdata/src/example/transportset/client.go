// Package transportset has clients whose transports are set in other files.
package transportset

import "net/http"

func newClient(t http.RoundTripper) *http.Client {
	c := &http.Client{} // want `GT101: http.Client: .*; wrap it with nethttp.WrapClient`
	set(c, t, t)
	setLater(c, t)
	setGenerated(c, t)
	return c
}
