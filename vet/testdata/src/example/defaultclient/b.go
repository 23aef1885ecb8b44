package defaultclient

import (
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func two(r *http.Request) {
	c := http.DefaultClient // want `GT101: http.DefaultClient`
	c.Do(r)
}

func wrapped(r *http.Request) {
	nethttp.WrapClient(http.DefaultClient).Do(r)
}
