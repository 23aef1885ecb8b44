package main

import (
	"net/http"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/go-redis/redis/v8"
	"google.golang.org/grpc"

	"example.com/whole/wrapsitself/store"
)

func main() {
	tracer.New("test")
	c := redis.NewClient(nil)
	store.Instrument(c)
	_ = &http.Client{Transport: store.Transport()}
	grpc.Dial("a", store.Options()...)
	store.Dial(grpc.WithInsecure())
}
