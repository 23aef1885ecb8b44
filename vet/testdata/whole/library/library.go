// Package library is used by a package of the same module that comes before it.
package library

import "github.com/go-redis/redis/v8"

type Store struct{ Client *redis.Client }

func (s *Store) Connect() { s.Client = redis.NewClient(nil) }
