// Package app wraps the client of another package.
package app

import (
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"

	"example.com/whole/library"
)

func use(s *library.Store) {
	s.Connect()
	gapredis.Wrap(s.Client)
}
