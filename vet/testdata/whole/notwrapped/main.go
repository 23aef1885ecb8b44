package main

import (
	"github.com/gaptrace/gaptrace/tracer"

	"example.com/whole/notwrapped/store"
)

func main() {
	tracer.New("test")
	store.Redis()   // modular `GT103: store.Redis: the client is not wrapped`
	store.HTTP()    // modular `GT101: store.HTTP: its calls are not wrapped`
	store.GRPC("a") // modular `GT105: store.GRPC: gaptrace's interceptors are missing`
}
