package imports

func none(r *request, c *client) {
	c.Get("http://example.com") // want `GT101: c.Get: .*; use nethttp.Get`
}
