// Package sink is a server that exporters send to over the loopback interface. It accepts what a
// Jaeger agent, an OpenTelemetry collector and a Datadog agent accept, and discards it.
package sink

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// Sink is a listening server.
type Sink struct {
	UDP, HTTP string // addresses

	packets net.PacketConn
	server  http.Server
	serving sync.WaitGroup
	taken   atomic.Int64
}

// Listen starts a Sink on free ports of the loopback interface.
func Listen() (*Sink, error) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	requests, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		packets.Close()
		return nil, err
	}
	s := &Sink{UDP: packets.LocalAddr().String(), HTTP: requests.Addr().String(), packets: packets}
	s.server.Handler = http.HandlerFunc(s.take)
	s.serving.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, _, err := packets.ReadFrom(buf)
			if err != nil {
				return
			}
			s.taken.Add(int64(n))
		}
	})
	s.serving.Go(func() { _ = s.server.Serve(requests) }) // until Close
	return s, nil
}

// Taken returns how many bytes came in packets and bodies.
func (s *Sink) Taken() int64 { return s.taken.Load() }

// Close stops the server and waits for it.
func (s *Sink) Close() {
	s.packets.Close()
	s.server.Close()
	s.serving.Wait()
}

// take answers as an OpenTelemetry collector or a Datadog agent does.
func (s *Sink) take(w http.ResponseWriter, req *http.Request) {
	n, _ := io.Copy(io.Discard, req.Body)
	s.taken.Add(n)
	switch {
	case strings.HasPrefix(req.URL.Path, "/v1/traces"):
		w.Header().Set("Content-Type", "application/x-protobuf")
	case req.URL.Path == "/info":
		_, _ = io.WriteString(w, `{"version":"7.60.0","endpoints":["/v0.4/traces"]}`)
	default:
		_, _ = io.WriteString(w, `{}`)
	}
}
