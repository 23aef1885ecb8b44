package transportset

import "net/http"

func setLater(c *http.Client, t http.RoundTripper) { c.Transport = t }

// The name that the first assignment gets is taken here.
func set(c *http.Client, first, nethttp http.RoundTripper) {
	c.Transport = nethttp
	if first != nil {
		c.Transport = first
	}
}
