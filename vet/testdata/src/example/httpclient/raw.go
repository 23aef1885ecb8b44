package httpclient

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

func pointer() {
	c := &http.Client{Timeout: time.Second} // want `GT101: http.Client: its calls are not wrapped; wrap it with nethttp.WrapClient`
	use(c)
}

func allocated() {
	use(new(http.Client)) // want `GT101: new\(http.Client\): .*; wrap it with nethttp.WrapClient`
}

func valueWithTransport(t *http.Transport) {
	c := http.Client{Transport: t} // want `GT101: .*; wrap its Transport with nethttp.Wrap`
	use(&c)
}

func valueWithoutTransport() {
	c := http.Client{Timeout: time.Second} // want `GT101: .*; set its Transport to nethttp.Wrap\(nil\)`
	use(&c)
}

func empty() {
	c := http.Client{} // want `GT101: .*; set its Transport to nethttp.Wrap\(nil\)`
	use(&c)
}

func variable() {
	var c http.Client // want `GT101: c: .*; set its Transport to nethttp.Wrap\(nil\)`
	use(&c)
}

type service struct {
	name   string
	client http.Client // want `GT101: client: .*; set its Transport to nethttp.Wrap\(nil\)`
}

func (s *service) call() { use(&s.client) }

func proxy(u *url.URL) {
	_ = httputil.NewSingleHostReverseProxy(u)                              // want `GT101: .*; set its Transport to nethttp.Wrap\(nil\)`
	_ = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {}} // want `GT101: .*; set its Transport to nethttp.Wrap\(nil\)`
	_ = &httputil.ReverseProxy{Transport: http.DefaultTransport}           // want `GT101: .*; wrap its Transport with nethttp.Wrap`
}

func use(c *http.Client) {
	r, err := http.NewRequest("GET", "http://example.com", nil)
	if err == nil {
		c.Do(r)
	}
}
