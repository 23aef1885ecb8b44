package redisclient

import (
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/go-redis/redis/v8"
)

func byVariable() {
	c := redis.NewClient(nil)
	c = gapredis.Wrap(c)
	c.Close()
}

type wrappedCache struct {
	client *redis.Client
	all    []*redis.Client
}

func byField() {
	s := &wrappedCache{client: redis.NewClient(nil)}
	gapredis.Wrap(s.client)
}

func newClient() *redis.ClusterClient { return redis.NewClusterClient(nil) }

func byResult() { gapredis.Wrap(newClient()) }

func newPair() (*redis.Ring, error) {
	c := redis.NewRing(nil)
	return c, nil
}

func byResults() {
	c, err := newPair()
	if err == nil {
		gapredis.Wrap(c)
	}
}

func named() (c *redis.Client) {
	c = redis.NewClient(nil)
	return
}

func byNamedResult() { gapredis.Wrap(named()) }

func instrument(c redis.UniversalClient) { gapredis.Wrap(c) }

func byParameter() { instrument(redis.NewClient(nil)) }

func byClosure() {
	c := redis.NewClient(nil)
	func() { gapredis.Wrap(c) }()
}

func byReturningClosure() {
	build := func() *redis.Client { return redis.NewClient(nil) }
	gapredis.Wrap(build())
}

func byMap() {
	clients := map[string]*redis.Client{"a": redis.NewClient(nil)}
	clients["b"] = redis.NewClient(nil)
	for _, c := range clients {
		gapredis.Wrap(c)
	}
}

func bySlice() {
	var all []redis.UniversalClient
	all = append(all, redis.NewClient(nil), redis.NewRing(nil))
	for i := range all {
		gapredis.Wrap(all[i])
	}
}

func byArrayOfPointers() {
	all := [2]*redis.Client{redis.NewClient(nil), redis.NewClient(nil)}
	for _, c := range all[:] {
		gapredis.Wrap(c)
	}
}

func byFieldOfSlice() {
	s := &wrappedCache{}
	s.all = append(s.all, redis.NewClient(nil))
	for _, c := range s.all {
		gapredis.Wrap(c)
	}
}

func byChannel() {
	ch := make(chan *redis.Client, 1)
	ch <- redis.NewClient(nil)
	gapredis.Wrap(<-ch)
}

func byRangedChannel() {
	ch := make(chan *redis.Client, 1)
	ch <- redis.NewClient(nil)
	close(ch)
	for c := range ch {
		gapredis.Wrap(c)
	}
}

func bySelectedChannel() {
	ch := make(chan *redis.Client, 1)
	go func() { ch <- redis.NewClient(nil) }()
	select {
	case c := <-ch:
		gapredis.Wrap(c)
	}
}

type wrapper interface{ wrap(c redis.UniversalClient) }

type gaptraceWrapper struct{}

func (gaptraceWrapper) wrap(c redis.UniversalClient) { gapredis.Wrap(c) }

func byInterfaceMethod(w wrapper) { w.wrap(redis.NewClient(nil)) }

func byMethodValue() {
	wrap := gaptraceWrapper{}.wrap
	wrap(redis.NewClient(nil))
}

func byMethodExpression() {
	wrap := gaptraceWrapper.wrap
	wrap(gaptraceWrapper{}, redis.NewClient(nil))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func dial() (*redis.Client, error) { return redis.NewClient(nil), nil }

func byGenericFunction() { gapredis.Wrap(must(dial())) }

type lazy[T any] struct{ value T }

func (l *lazy[T]) set(v T) { l.value = v }
func (l *lazy[T]) get() T  { return l.value }

func byGenericType() {
	var l lazy[*redis.Client]
	l.set(redis.NewClient(nil))
	gapredis.Wrap(l.get())
}

func byHook() {
	c := redis.NewClient(nil)
	c.AddHook(gapredis.NewHook())
}

func byHookOfVariable() {
	hook := gapredis.NewHook()
	c := redis.NewUniversalClient(nil)
	c.AddHook(hook)
}

func byFunctionValue() {
	wrap := gapredis.Wrap[*redis.Client]
	wrap(redis.NewClient(nil))
}

func byTypeSwitch(kind string) {
	var c any = redis.NewClient(nil)
	switch c := c.(type) {
	case *redis.Client:
		gapredis.Wrap(c)
	}
}

func byAssertion() {
	var c any = redis.NewClient(nil)
	gapredis.Wrap(c.(*redis.Client))
}

func byConversion() {
	c := redis.UniversalClient(redis.NewClient(nil))
	gapredis.Wrap(c)
}

func byPointer() {
	c := redis.NewClient(nil)
	p := &c
	gapredis.Wrap(*p)
}

func byDefer() {
	c := redis.NewClient(nil)
	defer gapredis.Wrap(c)
}

var global = redis.NewClient(nil)

func setUp() { gapredis.Wrap(global) }

func byOption() { newStore(withClient(redis.NewClient(nil))) }

type store struct{ client *redis.Client }

func withClient(c *redis.Client) func(*store) { return func(s *store) { s.client = c } }

func newStore(options ...func(*store)) *store {
	s := &store{}
	for _, o := range options {
		o(s)
	}
	gapredis.Wrap(s.client)
	return s
}

func byEmbedded() {
	e := struct{ *redis.Client }{redis.NewClient(nil)}
	gapredis.Wrap(e.Client)
}
