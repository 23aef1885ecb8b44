package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/internal/worktime"
)

var serverScenarios = []scenario{
	{
		name:   "server reads",
		about:  "net/http server: a request's body that a slow client sends in pieces, with work between the reads",
		covers: coversServer, open: serverReads, short: true,
	},
	{
		name:   "server writes",
		about:  "net/http server: a response in pieces of 256 KiB to a slow client, with work between the writes",
		covers: coversServer, open: serverWrites, short: true,
	},
}

// socketBuffer is so small that a write soon waits for the client.
const socketBuffer = 32 << 10

// serve returns a request that measures handle as a handler in the peer's wrapper. Meanwhile client
// talks to the server over a TCP connection.
func serve(
	p peer.Peer,
	handle func(*worktime.Clock, http.ResponseWriter, *http.Request) error,
	client func(net.Conn) error,
) (
	func(*measurement) error, func(), error,
) {
	var m *measurement
	var handled error
	var inner http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := func(clock *worktime.Clock) error { return handle(clock, w, r) }
		if p.Name == "raw" { // does not start a span
			handled = m.request(r.Context(), func(_ context.Context, clock *worktime.Clock) error {
				return body(clock)
			})
		} else {
			handled = m.handler(body)
		}
	})
	server := httptest.NewUnstartedServer(p.HTTPHandler(inner))
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		_ = conn.(*net.TCPConn).SetWriteBuffer(socketBuffer)
		return ctx
	}
	server.Start()
	return func(measuring *measurement) error {
		m = measuring
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.(*net.TCPConn).SetReadBuffer(socketBuffer); err != nil {
			return err
		}
		err = client(conn)
		conn.Close()
		server.Close() // waits for the handler
		return errors.Join(err, handled)
	}, server.Close, nil
}

func serverReads(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	const piece = 512
	return serve(p, func(clock *worktime.Clock, w http.ResponseWriter, r *http.Request) error {
		return readPieces(on, clock, r.Body, piece, plan)
	}, func(conn net.Conn) error {
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
			piece*len(plan.steps))
		for _, s := range plan.steps {
			time.Sleep(s.wait)
			if _, err := conn.Write(make([]byte, piece)); err != nil {
				return err
			}
		}
		_, err := io.Copy(io.Discard, conn)
		return err
	})
}

func serverWrites(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	const piece = 256 << 10
	return serve(p, func(clock *worktime.Clock, w http.ResponseWriter, r *http.Request) error {
		page := make([]byte, piece)
		for _, s := range plan.steps {
			on.burn(s.work)
			if _, err := paused(clock, func() (int, error) { return w.Write(page) }); err != nil {
				return err
			}
		}
		return nil
	}, func(conn net.Conn) error {
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
		for _, s := range plan.steps {
			// The client reads half of the piece immediately, and half after a pause.
			for range 2 {
				if _, err := io.CopyN(io.Discard, conn, piece/2); err != nil {
					return err
				}
				time.Sleep(s.wait / 2)
			}
		}
		_, err := io.Copy(io.Discard, conn)
		return err
	})
}
