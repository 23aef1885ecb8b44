// Package store makes a client, which its caller wraps.
package store

import "github.com/go-redis/redis/v8"

type Store struct{ Client *redis.Client }

func New() *Store { return &Store{Client: redis.NewClient(nil)} }

func Open() (*redis.Client, error) { return redis.NewClient(nil), nil }

type cache struct{ ring *redis.Ring }

func (c *cache) Ring() *redis.Ring { return c.ring }

// Cache returns what has a method for its client.
func Cache() *cache { return &cache{redis.NewRing(nil)} }
