package imports

import (
	"fmt"
	"net/http"
)

func standard(h http.Handler) {
	fmt.Println(http.ListenAndServe(":80", h)) // want `GT201`
}
