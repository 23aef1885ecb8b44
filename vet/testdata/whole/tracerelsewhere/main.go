package main

import (
	"github.com/go-redis/redis/v8"

	"example.com/whole/tracerelsewhere/setup"
)

func main() {
	setup.Tracer()
	redis.NewClient(nil) // want `GT103`
}
