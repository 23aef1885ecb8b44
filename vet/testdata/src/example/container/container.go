// Package container hands constructors to a container for dependency injection.
package container

import (
	"reflect"

	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	"github.com/go-redis/redis/v8"
	"go.uber.org/fx"
)

type options struct{}

func newClient(options) *redis.Client { return redis.NewClient(nil) }

func newRing() (*redis.Ring, error) {
	return redis.NewRing(nil), nil // want `GT103: redis.NewRing`
}

func instrument(c redis.UniversalClient) { gapredis.Wrap(c) }

func use(r *redis.Ring) {}

// A container passes neither of them a ring.
func instrumentAny(c any) { gapredis.Wrap(c.(redis.UniversalClient)) }

func instrumentRing(r *redis.Ring) { gapredis.Wrap(r) }

var typeOfInstrument = reflect.TypeOf(instrumentRing)

func run() {
	fx.New(
		fx.Provide(newClient, newRing),
		fx.Invoke(func(c *redis.Client) { gapredis.Wrap(c) }, use, instrumentAny),
	).Run()
}
