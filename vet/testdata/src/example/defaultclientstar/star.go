// Package defaultclientstar sets what http.DefaultClient points to.
package defaultclientstar

import (
	"net/http"
	"time"
)

func init() {
	*http.DefaultClient = http.Client{Timeout: time.Second} // want `GT101: http.Client: .*; set its Transport to nethttp.Wrap`
}

func do(r *http.Request) {
	http.DefaultClient.Do(r) // want `GT101: .*; wrap it where the program sets http.DefaultClient or its fields`
}
