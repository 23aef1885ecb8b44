package imports

import "net/http"

type (
	request = http.Request
	client  = http.Client
)
