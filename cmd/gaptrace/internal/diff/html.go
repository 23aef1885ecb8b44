package diff

import "io"

// HTMLOptions are the options of [Diff.HTML].
type HTMLOptions struct {
	Names [2]string // of the inputs before and after
	All   bool      // also list the places that did not change
	Rows  int       // list at most this many places; 0 for all
}

// HTML writes the comparison as a page.
func (d *Diff) HTML(io.Writer, HTMLOptions) error { panic("soon") }
