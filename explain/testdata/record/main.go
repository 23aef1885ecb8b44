// Command record records the execution traces in the folder above, one with each release of Go:
//
//	for v in 1.20.14 1.21.13 1.22.12 1.23.12 1.24.13 1.25.5 1.26.11 1.27.4; do
//		GOWORK=off GOTOOLCHAIN=go$v GOFLAGS=-trimpath go -C testdata/record run . ../go$v.trace
//	done
//
// It formats the marks itself, since those releases cannot build package gap/mark.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"runtime/trace"
	"sync"
	"time"
)

func main() {
	log.SetFlags(0)
	if err := record(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func record(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := trace.Start(f); err != nil {
		return err
	}
	var mu sync.Mutex
	mu.Lock()
	var requests sync.WaitGroup
	requests.Add(2)
	go func() {
		defer requests.Done()
		request(1, "holds", func() { time.Sleep(30 * time.Millisecond); mu.Unlock() })
	}()
	go func() {
		defer requests.Done()
		request(2, "waits", func() { mu.Lock(); mu.Unlock(); burn() })
	}()
	requests.Wait()
	trace.Stop()
	return f.Close()
}

func burn() {
	for start := time.Now(); time.Since(start) < 25*time.Millisecond; {
	}
}

// request runs f in a span.
func request(id int, operation string, f func()) {
	start := time.Now()
	f()
	trace.Log(context.Background(), "gaptrace", fmt.Sprintf("v1 %016x %016x - server ok %d %d 0 shop\t%s",
		id, id, start.UnixNano(), time.Since(start), operation))
}
