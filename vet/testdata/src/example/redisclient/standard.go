package redisclient

import (
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/go-redis/redis/v8"
)

var once = sync.OnceValue(func() *redis.Client { return redis.NewClient(nil) })

func byOnceValue() { gapredis.Wrap(once()) }

var (
	first  sync.Once
	shared *redis.Client
)

func byOnce() *redis.Client {
	first.Do(func() { shared = redis.NewClient(nil) })
	return gapredis.Wrap(shared)
}

func byAtomicPointer() {
	var p atomic.Pointer[redis.Client]
	p.Store(redis.NewClient(nil))
	gapredis.Wrap(p.Load())
}

func bySyncMap() {
	var m sync.Map
	m.Store("a", redis.NewClient(nil))
	if c, ok := m.Load("a"); ok {
		gapredis.Wrap(c.(*redis.Client))
	}
}

func byClone() {
	all := []*redis.Client{redis.NewClient(nil)}
	for _, c := range slices.Clone(all) {
		gapredis.Wrap(c)
	}
}

func byIteratorOfMap() {
	all := map[string]*redis.Client{"a": redis.NewClient(nil)}
	for c := range maps.Values(all) {
		gapredis.Wrap(c)
	}
}

func all() iter.Seq[*redis.Ring] {
	return func(yield func(*redis.Ring) bool) {
		yield(redis.NewRing(nil))
	}
}

func byIterator() {
	for c := range all() {
		gapredis.Wrap(c)
	}
}

func byGo() {
	c := redis.NewClient(nil)
	go func(c *redis.Client) { gapredis.Wrap(c) }(c)
}

type base struct{ client *redis.Client }

type derived struct{ base }

func byPromotedField() {
	d := derived{base{client: redis.NewClient(nil)}}
	gapredis.Wrap(d.client)
}

func (b *base) wrap() { gapredis.Wrap(b.client) }

func byPromotedMethod() {
	d := &derived{base{redis.NewClient(nil)}}
	d.wrap()
}

func byCopyOfStruct() {
	a := base{client: redis.NewClient(nil)}
	b := a
	gapredis.Wrap(b.client)
}

func byFunctionOfMap() {
	makers := map[string]func() redis.UniversalClient{
		"one":  func() redis.UniversalClient { return redis.NewClient(nil) },
		"ring": func() redis.UniversalClient { return redis.NewRing(nil) },
	}
	gapredis.Wrap(makers["one"]())
}

type factory interface{ client() redis.UniversalClient }

type one struct{}

func (one) client() redis.UniversalClient { return redis.NewClient(nil) }

func byFactory(f factory) { gapredis.Wrap(f.client()) }

func byPointerToField() {
	var s base
	connect(&s.client)
	gapredis.Wrap(s.client)
}

func connect(to **redis.Client) { *to = redis.NewClient(nil) }

func byVariadic() { wrapAll(redis.NewClient(nil), redis.NewRing(nil)) }

func wrapAll(clients ...redis.UniversalClient) {
	for _, c := range clients {
		gapredis.Wrap(c)
	}
}
