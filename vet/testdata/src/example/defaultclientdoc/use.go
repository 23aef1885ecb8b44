package defaultclientdoc

import "net/http"

func one(r *http.Request) {
	http.DefaultClient.Do(r) // want `GT101: http.DefaultClient: .*; use a variable that holds nethttp.WrapClient\(http.DefaultClient\)`
}
