// Package defaultclientset changes http.DefaultClient.
package defaultclientset

import (
	"net/http"
	"time"
)

func init() {
	http.DefaultClient.Timeout = time.Second
}

func do(r *http.Request) {
	http.DefaultClient.Do(r) // want `GT101: .*; wrap it where the program sets http.DefaultClient or its fields`
}
