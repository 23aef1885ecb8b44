package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/gaptrace/gaptrace/bench/internal/script"
	"github.com/go-redis/redis/v8"
	"github.com/go-sql-driver/mysql"
)

const byServer = "the server's wall clock, when it received the call and when it answered. The rest of the call may be" +
	" network, a system call, CPU or waiting for a CPU"

var networkScenarios = []scenario{
	{
		name:  "conn",
		about: "net.Conn, written and read",
		truth: byServer,
		open: func(on *stage) (*opened, error) {
			return &opened{op: func(r *request, d time.Duration) error { return on.echoes.call(&r.truth, d) }}, nil
		},
	},
	{name: "http", about: "http.Client.Get, unwrapped", truth: byServer, short: true, open: openHTTP},
	{name: "redis", about: "go-redis, unwrapped", truth: byServer, open: openRedis},
	{name: "sql", about: "database/sql with go-sql-driver/mysql, unwrapped", truth: byServer, open: openSQL},
	{name: "dns", about: "net.Resolver, with Go's own resolver", truth: byServer, open: openDNS},
}

// echoes is a server that answers each message after the time it names, and clients' connections.
type echoes struct {
	listener net.Listener
	conns    chan net.Conn
}

func openEchoes() (*echoes, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &echoes{listener, make(chan net.Conn, 8)}
	go acceptAll(listener, func(conn net.Conn) {
		messages := bufio.NewReader(conn)
		for {
			var wait int64
			if _, err := fmt.Fscanln(messages, &wait); err != nil {
				return
			}
			received := time.Now().UnixNano()
			time.Sleep(time.Duration(wait))
			fmt.Fprintln(conn, received, time.Now().UnixNano())
		}
	})
	for range cap(e.conns) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			return nil, err
		}
		e.conns <- conn
	}
	return e, nil
}

func (e *echoes) call(t *truth, d time.Duration) error {
	conn := <-e.conns
	defer func() { e.conns <- conn }()
	text := strconv.AppendInt(nil, int64(d), 10)
	text = append(text, '\n')
	answer := make([]byte, 64)
	return t.network(func() (received, answered time.Time, err error) {
		if _, err := conn.Write(text); err != nil {
			return received, answered, err
		}
		n, err := conn.Read(answer)
		if err != nil {
			return received, answered, err
		}
		return parseStamps(answer[:n])
	})
}

func parseStamps(text []byte) (received, answered time.Time, err error) {
	var a, b int64
	_, err = fmt.Sscanln(string(text), &a, &b)
	return time.Unix(0, a), time.Unix(0, b), err
}

func (e *echoes) close() {
	e.listener.Close()
	for range cap(e.conns) {
		(<-e.conns).Close()
	}
}

func acceptAll(listener net.Listener, serve func(net.Conn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			serve(conn)
		}()
	}
}

func openHTTP(*stage) (*opened, error) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received := time.Now().UnixNano()
		d, _ := time.ParseDuration(r.URL.Query().Get("d"))
		time.Sleep(d)
		fmt.Fprintln(w, received, time.Now().UnixNano())
	}))
	client := &http.Client{Transport: &http.Transport{}}
	op := func(r *request, d time.Duration) error {
		return r.network(func() (received, answered time.Time, err error) {
			response, err := client.Get(server.URL + "?d=" + d.String())
			if err != nil {
				return received, answered, err
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			if err != nil {
				return received, answered, err
			}
			return parseStamps(text)
		})
	}
	return &opened{op: op, close: func() {
		client.CloseIdleConnections()
		server.Close()
	}}, nil
}

// proxy is a TCP proxy that delays what clients send.
type proxy struct {
	stamps

	listener net.Listener
	delay    chan time.Duration // of the next call
}

func openProxy(upstream string) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, delay: make(chan time.Duration, 1)}
	go acceptAll(listener, func(conn net.Conn) {
		to, err := net.Dial("tcp", upstream)
		if err != nil {
			return
		}
		defer to.Close()
		go func() {
			defer conn.Close()
			forward(conn, to, p.answer)
		}()
		forward(to, conn, func() {
			p.receive()
			select {
			case d := <-p.delay:
				time.Sleep(d)
			default:
			}
		})
	})
	return p, nil
}

// forward copies and calls the function before each write.
func forward(to, from net.Conn, before func()) {
	buffer := make([]byte, 1<<16)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		before()
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// call makes a call that the proxy delays.
func (p *proxy) call(r *request, d time.Duration, call func() error) error {
	p.delay <- d
	return r.network(func() (received, answered time.Time, err error) {
		err = call()
		received, answered = p.get()
		return received, answered, err
	})
}

func openRedis(*stage) (*opened, error) {
	server, err := miniredis.Run()
	if err != nil {
		return nil, err
	}
	p, err := openProxy(server.Addr())
	if err != nil {
		server.Close()
		return nil, err
	}
	client := redis.NewClient(&redis.Options{Addr: p.listener.Addr().String(), ReadTimeout: time.Minute})
	ctx := context.Background()
	err = client.Set(ctx, "key", "value", 0).Err() // connects
	return &opened{
		op: func(r *request, d time.Duration) error {
			return p.call(r, d, func() error { return client.Get(ctx, "key").Err() })
		},
		close: func() {
			client.Close()
			p.listener.Close()
			server.Close()
		},
	}, err
}

func openSQL(*stage) (*opened, error) {
	server, err := script.ServeMySQL()
	if err != nil {
		return nil, err
	}
	p, err := openProxy(server.Addr())
	if err != nil {
		server.Close()
		return nil, err
	}
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User = "tcp", p.listener.Addr().String(), "bench"
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	err = db.Ping() // connects
	return &opened{
		op: func(r *request, d time.Duration) error {
			return p.call(r, d, func() error {
				var row string
				return db.QueryRow("SELECT 0*1").Scan(&row)
			})
		},
		close: func() {
			db.Close()
			p.listener.Close()
			server.Close()
		},
	}, err
}

// nameServer answers each DNS query with one address, after a delay.
type nameServer struct {
	stamps

	conn  net.PacketConn
	delay chan time.Duration
}

func (s *nameServer) serve() {
	query := make([]byte, 512)
	for {
		n, from, err := s.conn.ReadFrom(query)
		if err != nil {
			return
		}
		s.receive()
		time.Sleep(<-s.delay)
		s.answer()
		_, _ = s.conn.WriteTo(answerTo(query[:n]), from) // the client would time out
	}
}

// answerTo returns the answer to a query of one question: the address 192.0.2.1.
func answerTo(query []byte) []byte {
	const header = 12
	end := header
	for end < len(query) && query[end] != 0 { // the labels of the name
		end += 1 + int(query[end])
	}
	end += 1 + 4 // the last label, type and class
	answer := append([]byte(nil), query[:min(end, len(query))]...)
	copy(answer[2:header], []byte{0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0}) // an answer; one question, one record
	return append(answer, 0xc0, header, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 1)
}

func openDNS(*stage) (*opened, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &nameServer{conn: conn, delay: make(chan time.Duration, 1)}
	go s.serve()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	op := func(r *request, d time.Duration) error {
		s.delay <- d
		return r.network(func() (received, answered time.Time, err error) {
			found, err := resolver.LookupNetIP(context.Background(), "ip4", "gaptrace.test.")
			if err == nil && (len(found) != 1 || found[0] != netip.MustParseAddr("192.0.2.1")) {
				err = fmt.Errorf("found %v", found)
			}
			received, answered = s.get()
			return received, answered, err
		})
	}
	return &opened{op: op, close: func() { conn.Close() }}, nil
}
