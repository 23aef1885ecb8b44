// Copyright

//go:build !ignored

// Package imports has a file of each layout of imports.
package imports

import ( // a comment
	"net/http" // another
) // the last

func commented(h http.Handler) {
	http.ListenAndServe(":80", h) // want `GT201`
}
