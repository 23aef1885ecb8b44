// Package asserted asserts the type of a client's transport.
package asserted

import "net/http"

func newClient() *http.Client {
	c := &http.Client{Transport: &http.Transport{}} // want `GT101: .*; wrap its Transport, after the program has used`
	c.Transport.(*http.Transport).MaxIdleConns = 5
	return c
}
