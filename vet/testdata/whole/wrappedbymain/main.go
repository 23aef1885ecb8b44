package main

import (
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/gaptrace/gaptrace/tracer"

	"example.com/whole/wrappedbymain/store"
)

func main() {
	tracer.New("test")
	s := store.New()
	gapredis.Wrap(s.Client)
	if c, err := store.Open(); err == nil {
		gapredis.Wrap(c)
	}
	gapredis.Wrap(store.Cache().Ring())
}
