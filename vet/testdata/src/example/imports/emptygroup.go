package imports

import ()

func emptyGroup(r *request, c *client) {
	c.Get("http://example.com") // want `GT101`
}
