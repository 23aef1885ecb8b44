// Command tiny says whether its HTTP client and server are woven. It imports the standard library
// only.
package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"example.com/tiny/lib"
)

// made is initialized before main, and before hooks that only main imports.
var made = lib.Made

func main() {
	if len(os.Args) > 1 {
		fmt.Println("arguments:", os.Args[1:])
	}
	served := false
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/last" {
			served = isWoven()
		}
	})}
	var addresses []string
	for range 2 { // of one server, which must not be changed while it serves
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(err)
		addresses = append(addresses, l.Addr().String())
		go server.Serve(l)
	}
	sent := false
	client := &http.Client{Transport: &http.Transport{Proxy: func(req *http.Request) (*url.URL, error) {
		if req.URL.Path == "/last" {
			sent = isWoven()
		}
		return nil, nil
	}}}
	var wg sync.WaitGroup
	for _, address := range addresses {
		for range 4 {
			wg.Add(1) // not wg.Go: go.mod has an older Go version, and go test's vet looks at that
			go func() {
				defer wg.Done()
				get(client, address, "/")
			}()
		}
	}
	wg.Wait()
	get(client, addresses[0], "/last")
	fmt.Printf("server %v, client %v, before main %v\n", served, sent, made)
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "DefaultGODEBUG" || s.Key == "-pgo" {
			fmt.Println(s.Key, s.Value)
		}
	}
}

func get(client *http.Client, address, path string) {
	resp, err := client.Get("http://" + address + path)
	check(err)
	resp.Body.Close()
}

// isWoven reports whether a wrapper has called the caller.
func isWoven() bool {
	pcs := make([]uintptr, 100)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, "gaptrace/contrib/nethttp.") {
			return true
		}
		if !more {
			return false
		}
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
