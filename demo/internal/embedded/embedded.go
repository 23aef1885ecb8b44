// Package embedded runs the servers that the demo talks to in its own process, each on a loopback port that
// the system chooses. They speak their protocols over TCP, so a client waits for them as for any other server.
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

// Close stops the server when it has answered what it was asked.
func (s *Server) Close() error { return s.stop() }

func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

// HTTP serves h.
func HTTP(h http.Handler) (*Server, error) {
	l, err := listen()
	if err != nil {
		return nil, err
	}
	var unused sync.Map // connections that a client has opened and not used yet: Shutdown would give them five seconds
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
		_ = l.Close() // it was open; and from here on there are no new connections
		<-done
		for c := range unused.Range {
			_ = c.(net.Conn).Close()
		}
		err := server.Shutdown(ctx) // waits for the handlers
		return errors.Join(err, server.Close())
	}}, nil
}
