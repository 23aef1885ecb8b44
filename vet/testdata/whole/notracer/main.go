package main

import "github.com/go-redis/redis/v8"

func main() { // whole `GT501: main: no tracer is opened, so no call is recorded; open one with tracer.New of github.com/gaptrace/gaptrace/tracer`
	redis.NewClient(nil) // want `GT103`
}
