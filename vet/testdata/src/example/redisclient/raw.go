package redisclient

import "github.com/go-redis/redis/v8"

func constructors() {
	redis.NewClient(&redis.Options{})                        // want `GT103: redis.NewClient: the client is not wrapped; wrap it with gapredis.Wrap`
	redis.NewClusterClient(&redis.ClusterOptions{})          // want `GT103: redis.NewClusterClient: .*; wrap it with gapredis.Wrap`
	redis.NewFailoverClient(&redis.FailoverOptions{})        // want `GT103: redis.NewFailoverClient: .*; wrap it with gapredis.Wrap`
	redis.NewFailoverClusterClient(&redis.FailoverOptions{}) // want `GT103: redis.NewFailoverClusterClient: .*; wrap it with gapredis.Wrap`
	redis.NewRing(&redis.RingOptions{})                      // want `GT103: redis.NewRing: .*; wrap it with gapredis.Wrap`
	redis.NewUniversalClient(&redis.UniversalOptions{})      // want `GT103: redis.NewUniversalClient: .*; wrap it with gapredis.Wrap`
	redis.NewSentinelClient(&redis.Options{})                // want `GT103: redis.NewSentinelClient: .*; wrap it with gapredis.Wrap`
}

func variable() {
	c := redis.NewClient(&redis.Options{ // want `GT103: redis.NewClient`
		Addr: "127.0.0.1:6379",
	})
	c.Close()
}

type cache struct{ client *redis.Client }

func field() *cache {
	return &cache{client: redis.NewClient(&redis.Options{})} // want `GT103: redis.NewClient`
}

func argument() {
	use(redis.NewRing(nil)) // want `GT103: redis.NewRing`
}

func use(redis.UniversalClient) {}

func eitherWay(cluster bool) {
	var c redis.UniversalClient
	if cluster {
		c = redis.NewClusterClient(nil) // want `GT103: redis.NewClusterClient`
	} else {
		c = redis.NewClient(nil) // want `GT103: redis.NewClient`
	}
	use(c)
}

var packageVariable = redis.NewClient(nil) // want `GT103: redis.NewClient`

func inGo() {
	go use(redis.NewClient(nil))    // want `GT103: redis.NewClient`
	defer use(redis.NewClient(nil)) // want `GT103: redis.NewClient`
}

func inParentheses() {
	(redis.NewClient)(nil) // want `GT103: `
}
