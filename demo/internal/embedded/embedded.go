// Package embedded runs the demo's servers in its own process, each on a free port of the loopback
// interface. They use TCP, so a client waits for them as for any other server.
package embedded

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is a running server. Close stops it.
type Server struct {
	Addr string // host:port
	stop func() error
}

// Close stops the server after it has answered the requests in progress.
func (s *Server) Close() error { return s.stop() }

func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// HTTP serves h.
func HTTP(h http.Handler) (*Server, error) {
	l, err := listen()
	if err != nil {
		return nil, err
	}
	var unused sync.Map // connections without a request so far: Shutdown would wait five seconds for them
	server := &http.Server{Handler: h, ConnState: func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			unused.Store(c, nil)
		} else {
			unused.Delete(c)
		}
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // until l is closed
	}()
	return &Server{Addr: l.Addr().String(), stop: func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = l.Close() // no new connections after this
		<-done
		for c := range unused.Range {
			_ = c.(net.Conn).Close()
		}
		err := server.Shutdown(ctx) // waits for the handlers
		return errors.Join(err, server.Close())
	}}, nil
}
