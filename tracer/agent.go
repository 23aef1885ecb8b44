package tracer

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/tracer/internal/jaegerthrift"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
	j "github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

const (
	maxPacket       = 65_000         // bytes, as Jaeger's clients and agent agree
	maxPacketSpans  = maxPacket - 70 // for the process and the spans: without the envelope, as jaeger-client-go reckons
	resolveInterval = 30 * time.Second
)

var (
	errSpanTooLarge = errors.New("span is too large for a UDP packet")
	errNotConnected = errors.New("not connected to the agent") // write returns the reason instead
)

// agent is a jaeger.Transport that sends spans to an agent by UDP, in the same packets as
// jaeger-client-go. That one encodes each span twice, once to know its size.
type agent struct {
	conn     *agentConn
	fields   *spanFields
	maxValue int    // bytes of a tag
	process  []byte // encoded
	spans    []byte // encoded, one after the other
	count    int    // of spans
	message  []byte // the last packet
	packets  int64
	lost     j.ClientStats // totals sent in each packet; FullQueueDroppedSpans stays 0
}

func newAgent(cfg *config.ReporterConfig, maxValue int) (*agent, error) {
	conn, err := dialAgent(cfg)
	if err != nil {
		return nil, err
	}
	return &agent{conn: conn, fields: findSpanFields(), maxValue: maxValue}, nil
}

func (a *agent) Append(span *jaeger.Span) (int, error) {
	if a.process == nil {
		a.process = jaegerthrift.AppendProcess(nil, jaegerthrift.Compact, jaeger.BuildJaegerProcessThrift(span))
	}
	before := len(a.spans)
	a.spans = a.fields.append(a.spans, jaegerthrift.Compact, span, a.maxValue)
	switch size := len(a.process) + len(a.spans); {
	case len(a.spans)-before > maxPacketSpans:
		a.spans = a.spans[:before]
		a.lost.TooLargeDroppedSpans++
		return 1, errSpanTooLarge
	case size < maxPacketSpans:
		a.count++
		return 0, nil
	case size == maxPacketSpans:
		a.count++
		return a.Flush()
	}
	last := a.spans[before:]
	n, err := a.send(a.spans[:before])
	a.spans = append(a.spans[:0], last...)
	a.count = 1
	return n, err
}

func (a *agent) Flush() (int, error) {
	n, err := a.send(a.spans)
	a.spans, a.count = a.spans[:0], 0
	return n, err
}

// send sends a.count spans, and returns how many they were.
func (a *agent) send(spans []byte) (int, error) {
	if a.count == 0 {
		return 0, nil
	}
	a.packets++
	batch := jaegerthrift.Batch{Process: a.process, Spans: spans, Count: a.count}
	a.message = batch.AppendMessage(a.message[:0], int32(a.packets), a.packets, &a.lost)
	err := errSpanTooLarge // the span fits, but not together with its process
	if len(a.message) <= maxPacket {
		err = a.conn.write(a.message)
	}
	if err != nil {
		a.lost.FailedToEmitSpans += int64(a.count)
	}
	return a.count, err
}

func (a *agent) Close() error { return a.conn.close() }

// agentConn is a UDP connection that follows its host's name to other addresses.
type agentConn struct {
	hostPort string
	closed   chan struct{} // nil: the name is resolved once

	mu   sync.Mutex
	conn *net.UDPConn // nil: no address could be dialled yet
	addr string       // what conn was dialled with; its remote address is another one for 0.0.0.0
}

// dialAgent returns a connection even if the host's name cannot be resolved yet, unless it is
// resolved only once.
func dialAgent(cfg *config.ReporterConfig) (*agentConn, error) {
	c := &agentConn{hostPort: cfg.LocalAgentHostPort}
	if c.hostPort == "" {
		c.hostPort = fmt.Sprintf("%s:%d", jaeger.DefaultUDPSpanServerHost, jaeger.DefaultUDPSpanServerPort)
	}
	if _, _, err := net.SplitHostPort(c.hostPort); err != nil {
		return nil, err
	}
	err := c.dial()
	if cfg.DisableAttemptReconnecting {
		return c, err
	}
	interval := cfg.AttemptReconnectInterval
	if interval == 0 {
		interval = resolveInterval
	}
	c.closed = make(chan struct{})
	go c.follow(interval)
	return c, nil
}

// dial connects to what the host's name resolves to now.
func (c *agentConn) dial() error {
	addr, err := net.ResolveUDPAddr("udp", c.hostPort)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && c.addr == addr.String() {
		return nil
	}
	conn, err := net.DialUDP("udp", nil, addr)
	if err != nil {
		return err
	}
	if err := conn.SetWriteBuffer(maxPacket); err != nil {
		_ = conn.Close()
		return err
	}
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.conn, c.addr = conn, addr.String()
	if c.isClosed() { // meanwhile
		_ = conn.Close()
	}
	return nil
}

func (c *agentConn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default: // also if closed is nil
		return false
	}
}

func (c *agentConn) follow(interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-c.closed:
			return
		case <-ticker.C:
			_ = c.dial() // write reports a connection that does not work
		}
	}
}

// write sends a packet. If that fails, it resolves the name and tries again.
func (c *agentConn) write(packet []byte) error {
	err := c.writeOnce(packet)
	if err == nil || c.closed == nil {
		return err
	}
	if failed := c.dial(); failed != nil {
		if err == errNotConnected {
			return failed
		}
		return err
	}
	return c.writeOnce(packet)
}

func (c *agentConn) writeOnce(packet []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return errNotConnected
	}
	_, err := c.conn.Write(packet)
	return err
}

func (c *agentConn) close() error {
	if c.closed != nil {
		close(c.closed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	return c.conn.Close()
}
