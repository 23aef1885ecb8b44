// Package defaultclienttaken has the name that the fix would use.
package defaultclienttaken

import "net/http"

func one(r *http.Request) {
	httpClient := 1
	http.DefaultClient.Do(r) // want `GT101: http.DefaultClient: .*; use a variable that holds nethttp.WrapClient\(http.DefaultClient\)$`
	_ = httpClient
}
