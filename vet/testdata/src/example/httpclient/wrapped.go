package httpclient

import (
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func wrappedAtOnce() { use(nethttp.WrapClient(&http.Client{})) }

func wrappedInPlace() {
	c := &http.Client{}
	nethttp.WrapClient(c)
	use(c)
}

func wrappedTransport() {
	use(&http.Client{Transport: nethttp.Wrap(http.DefaultTransport)})
}

func transportOfVariable() {
	t := nethttp.Wrap(nil)
	use(&http.Client{Transport: t})
}

func transportSetLater() {
	c := &http.Client{}
	c.Transport = nethttp.Wrap(c.Transport)
	use(c)
}

func transportOfVariableSetLater() {
	var c http.Client
	c.Transport = nethttp.Wrap(nil)
	use(&c)
}

// transport hides the wrapper in a transport of its own.
type transport struct{ next http.RoundTripper }

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.next.RoundTrip(r)
}

func transportWithin() {
	use(&http.Client{Transport: &transport{next: nethttp.Wrap(nil)}})
}

func newTransport() http.RoundTripper { return nethttp.Wrap(nil) }

func transportOfFunction() { use(&http.Client{Transport: newTransport()}) }

func functionValue() {
	wrap := nethttp.WrapClient
	use(wrap(&http.Client{}))
}

func chain(c *http.Client, wrappers ...func(http.RoundTripper) http.RoundTripper) *http.Client {
	for _, w := range wrappers {
		c.Transport = w(c.Transport)
	}
	return c
}

func functionPassed() {
	use(chain(&http.Client{}, func(t http.RoundTripper) http.RoundTripper { return nethttp.Wrap(t) }))
}

func wrappedProxy(u *url.URL) {
	p := httputil.NewSingleHostReverseProxy(u)
	p.Transport = nethttp.Wrap(nil)
	_ = &httputil.ReverseProxy{Transport: nethttp.Wrap(nil)}
}
