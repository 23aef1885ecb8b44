package tracer

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/tracer/internal/jaegerthrift"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

type (
	stringer  struct{ text string }
	explosive struct{}
)

func (s stringer) String() string { return s.text }

// String panics with a value that panics when fmt prints it.
func (explosive) String() string { panic(explosive{}) }

// anySpan returns a finished span with tags, logs and references of every kind, and baggage.
func anySpan(tracer opentracing.Tracer, r *rand.Rand) *jaeger.Span {
	values := []any{
		"text", "", strings.Repeat("ß", r.IntN(5000)), true, false, 1, -1, int8(-8), int16(-16), int32(-32),
		int64(math.MinInt64), uint(1), uint8(8), uint16(16), uint32(32), uint64(math.MaxUint64), float32(0.1), 0.1,
		math.NaN(), []byte("bytes"), []byte(nil),
		[]byte{},
		nil, errors.New("error"),
		stringer{"stringer"},
		&stringer{"pointer"}, time.Second,
		[]int{1},
		struct{ A int }{1},
	}
	parent := tracer.StartSpan("parent")
	parent.SetBaggageItem("baggage", "item")
	opts := []opentracing.StartSpanOption{opentracing.StartTime(time.Now())}
	for range r.IntN(4) {
		to := tracer.StartSpan("other").Context()
		opts = append(opts, [...]opentracing.StartSpanOption{
			opentracing.ChildOf(parent.Context()), opentracing.FollowsFrom(to),
			opentracing.SpanReference{Type: 99, ReferencedContext: to},
		}[r.IntN(3)])
	}
	span := tracer.StartSpan(strings.Repeat("name", r.IntN(3)), opts...)
	for i := range r.IntN(40) {
		span.SetTag(fmt.Sprint("tag", i/2), values[r.IntN(len(values))])
	}
	for range r.IntN(3) {
		span.LogFields(
			log.Event("event"), log.Error(errors.New("x")), log.Int("n", r.IntN(10)), log.Object("o", stringer{"s"}),
		)
	}
	after := time.Duration(r.IntN(1e9))
	span.FinishWithOptions(opentracing.FinishOptions{FinishTime: time.Now().Add(after)})
	return span.(*jaeger.Span)
}

func jaegerTracer(t *testing.T, reporter jaeger.Reporter) opentracing.Tracer {
	tracer, closer := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), reporter,
		jaeger.TracerOptions.MaxTagValueLength(4096), jaeger.TracerOptions.Tag("zone", "eu"),
		jaeger.TracerOptions.Gen128Bit(true))
	t.Cleanup(func() { closer.Close() })
	return tracer
}

// A span has the bytes that jaeger-client-go gives it.
func TestSpanBytes(t *testing.T) {
	fields := findSpanFields()
	if fields == nil {
		t.Fatal("the fields of jaeger.Span are not as expected")
	}
	tracer := jaegerTracer(t, jaeger.NewNullReporter())
	for seed := range uint64(300) {
		span := anySpan(tracer, rand.New(rand.NewPCG(seed, 0)))
		for _, p := range []jaegerthrift.Protocol{jaegerthrift.Compact, jaegerthrift.Binary} {
			want := (*spanFields)(nil).append([]byte("before"), p, span, 4096)
			if got := fields.append([]byte("before"), p, span, 4096); !bytes.Equal(got, want) {
				t.Fatalf("protocol %d, span %v:\n%q\nwant\n%q", p, span.Tags(), got, want)
			}
		}
	}
}

// An agent receives the packets that jaeger-client-go would send.
func TestAgentPackets(t *testing.T) {
	receive := func() (address string, next func() []byte) {
		conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn.LocalAddr().String(), func() []byte {
			buf := make([]byte, maxPacket+1)
			if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			return buf[:n]
		}
	}
	address, packet := receive()
	ours, err := newAgent(&config.ReporterConfig{LocalAgentHostPort: address}, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirAddress, theirPacket := receive()
	theirs, err := jaeger.NewUDPTransport(theirAddress, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()

	tracer := jaegerTracer(t, jaeger.NewNullReporter())
	large := tracer.StartSpan("large").(*jaeger.Span)
	for i := range 40 {
		large.SetTag(fmt.Sprint(i), strings.Repeat("x", 4096))
	}
	packets := 0
	check := func(what string, n int, err error, theirN int, theirErr error) {
		t.Helper()
		if n != theirN || (err == nil) != (theirErr == nil) {
			t.Fatalf("%s: %d, %v; want %d, %v", what, n, err, theirN, theirErr)
		}
		if n == 0 || err != nil {
			return
		}
		packets++
		if got, want := packet(), theirPacket(); !bytes.Equal(got, want) {
			t.Fatalf("%s: got a packet of %d bytes\n%.1000q\nwant one of %d\n%.1000q", what, len(got), got, len(want), want)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 300 {
		span := anySpan(tracer, r)
		if i%50 == 7 {
			span = large
		}
		n, err := ours.Append(span)
		theirN, theirErr := theirs.Append(span)
		check("Append", n, err, theirN, theirErr)
		if i%70 == 0 {
			n, err = ours.Flush()
			theirN, theirErr = theirs.Flush()
			check("Flush", n, err, theirN, theirErr)
		}
	}
	if packets < 10 {
		t.Errorf("only %d packets", packets)
	}
}

// A tag that panics loses its span only.
func TestAgentSurvivesATag(t *testing.T) {
	ours, err := newAgent(&config.ReporterConfig{LocalAgentHostPort: "127.0.0.1:1"}, 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	tracer := jaegerTracer(t, jaeger.NewNullReporter())
	good := tracer.StartSpan("good").(*jaeger.Span)
	if _, err := ours.Append(good); err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(ours.spans)
	bad := tracer.StartSpan("bad").SetTag("a", "b").SetTag("bad", explosive{}).(*jaeger.Span)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the tag has not panicked")
			}
		}()
		_, _ = ours.Append(bad)
	}()
	if !bytes.Equal(ours.spans, before) || ours.count != 1 {
		t.Errorf("the packet has %q, want %q", ours.spans, before)
	}
	if !bad.TryLock() {
		t.Error("the span is still locked")
	}
}

// The same socket is used as long as the name has the same address, also if that is the wildcard.
func TestAgentConnStays(t *testing.T) {
	for _, host := range []string{"", "0.0.0.0", "127.0.0.1", "localhost"} {
		c, err := dialAgent(&config.ReporterConfig{LocalAgentHostPort: host + ":6831"})
		if err != nil {
			t.Fatal(err)
		}
		first := c.conn
		if err := c.dial(); err != nil || first == nil || c.conn != first {
			t.Errorf("host %q: dialled again from %p to %p: %v", host, first, c.conn, err)
		}
		if err := c.close(); err != nil {
			t.Errorf("host %q: %v", host, err)
		}
	}
}

// Without a connection, the error of a write says why there is none.
func TestAgentConnSaysWhy(t *testing.T) {
	c, err := dialAgent(&config.ReporterConfig{LocalAgentHostPort: "127.0.0.1:no-such-port"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.write([]byte("packet")); err == nil || !strings.Contains(err.Error(), "no-such-port") ||
		errors.Is(err, errNotConnected) {
		t.Errorf("got %v", err)
	}
}
