// Package defaultclientdoc has a file of its own for this comment.
package defaultclientdoc
