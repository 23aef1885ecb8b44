package gapredis_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-redis/redis/v8"
)

// TestMain silences go-redis. A Ring logs that the peer's COMMAND has little to say, and a pool
// logs its failures.
func TestMain(m *testing.M) {
	redis.SetLogger(silent{})
	m.Run()
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// check ends the test if an error is not nil.
func check(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// connect returns a client that does not retry.
func connect(t *testing.T, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1, IdleCheckFrequency: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// otherHook is another hook than ours. A nil function does nothing.
type otherHook struct {
	before func(context.Context) (context.Context, error)
	after  func(context.Context) error
}

func (h *otherHook) BeforeProcess(ctx context.Context, _ redis.Cmder) (context.Context, error) {
	if h.before == nil {
		return ctx, nil
	}
	return h.before(ctx)
}

func (h *otherHook) AfterProcess(ctx context.Context, _ redis.Cmder) error {
	if h.after == nil {
		return nil
	}
	return h.after(ctx)
}

func (h *otherHook) BeforeProcessPipeline(ctx context.Context, _ []redis.Cmder) (context.Context, error) {
	return h.BeforeProcess(ctx, nil)
}

func (h *otherHook) AfterProcessPipeline(ctx context.Context, _ []redis.Cmder) error {
	return h.AfterProcess(ctx, nil)
}

// peer is a small Redis server. It keeps strings, and the commands that it received.
type peer struct {
	addr string

	mu       sync.Mutex
	received []string
	strings  map[string]string
	changes  map[string]int // by key
	moved    string         // the answer to commands with a key: "MOVED 1 127.0.0.1:6379", "ASK …"
	conns    []net.Conn
	waiting  chan struct{} // BLPOP answers when it is closed
	free     func()        // closes waiting
}

func newPeer(tb testing.TB) *peer {
	tb.Helper()
	p, stop, err := startPeer()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	return p
}

func startPeer() (p *peer, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	p = &peer{
		addr:    listener.Addr().String(),
		strings: map[string]string{"greeting": "hello", "greeting{1}": "hello"},
		changes: map[string]int{},
		waiting: make(chan struct{}),
	}
	p.free = sync.OnceFunc(func() { close(p.waiting) })
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, conn)
			p.mu.Unlock()
			serving.Go(func() { p.serve(conn) })
		}
	})
	return p, func() {
		listener.Close()
		p.free()
		p.mu.Lock()
		for _, conn := range p.conns {
			conn.Close()
		}
		p.mu.Unlock()
		serving.Wait()
	}, nil
}

// commands returns the commands that the peer received, one per line.
func (p *peer) commands() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.received, "\n")
}

// sendTo makes the peer redirect commands with a key to another peer, by "MOVED" or "ASK".
func (p *peer) sendTo(other *peer, word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = word + " 1 " + other.addr
}

// session is one connection's state.
type session struct {
	*peer
	queue   [][]string // not nil in MULTI
	watched map[string]int
}

func (p *peer) serve(conn net.Conn) {
	defer conn.Close()
	r, w, s := bufio.NewReader(conn), bufio.NewWriter(conn), session{peer: p}
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		_, _ = w.WriteString(s.answer(args))
		if r.Buffered() == 0 && w.Flush() != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) (args []string, err error) {
	n, err := readNumber(r, '*')
	for range n {
		size, err := readNumber(r, '$')
		if err != nil {
			return nil, err
		}
		arg := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(r, arg); err != nil {
			return nil, err
		}
		args = append(args, string(arg[:size]))
	}
	return args, err
}

func readNumber(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil || line[0] != kind {
		return 0, errors.Join(err, fmt.Errorf("want %c, got %q", kind, line))
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

var keyed = []string{"get", "set", "del", "incr"} // commands with one key

func (s *session) answer(args []string) string {
	s.mu.Lock()
	var words []string
	for _, arg := range args {
		words = append(words, arg[:min(len(arg), 40)])
	}
	s.received = append(s.received, strings.Join(words, " "))
	name := strings.ToLower(args[0])
	if name == "blpop" { // waits
		s.mu.Unlock()
		<-s.waiting
		return "*-1\r\n"
	}
	defer s.mu.Unlock()
	switch {
	case s.moved != "" && slices.Contains(keyed, name):
		if s.queue != nil {
			s.queue = append(s.queue, nil)
		}
		return "-" + s.moved + "\r\n"
	case name == "multi":
		s.queue = [][]string{}
		return "+OK\r\n"
	case name == "exec":
		return s.exec()
	case s.queue != nil && slices.Contains(keyed, name):
		s.queue = append(s.queue, args)
		return "+QUEUED\r\n"
	case s.queue != nil:
		s.queue = append(s.queue, nil)
	}
	return s.do(name, args)
}

func (s *session) exec() string {
	queue, watched := s.queue, s.watched
	s.queue, s.watched = nil, nil
	for key, changes := range watched {
		if s.changes[key] != changes {
			return "*-1\r\n"
		}
	}
	var answer strings.Builder
	fmt.Fprintf(&answer, "*%d\r\n", len(queue))
	for _, args := range queue {
		if args == nil {
			return "-EXECABORT Transaction discarded because of previous errors.\r\n"
		}
		answer.WriteString(s.do(strings.ToLower(args[0]), args))
	}
	return answer.String()
}

func (s *session) do(name string, args []string) string {
	switch name {
	case "ping":
		return "+PONG\r\n"
	case "get":
		if value, ok := s.strings[args[1]]; ok {
			return fmt.Sprintf("$%d\r\n%s\r\n", len(value), value)
		}
		return "$-1\r\n"
	case "set":
		s.strings[args[1]] = args[2]
		s.changes[args[1]]++
		return "+OK\r\n"
	case "del":
		return ":1\r\n"
	case "incr":
		n, err := strconv.Atoi("0" + s.strings[args[1]])
		if err != nil {
			return "-ERR value is not an integer or out of range\r\n"
		}
		s.strings[args[1]] = strconv.Itoa(n + 1)
		return fmt.Sprintf(":%d\r\n", n+1)
	case "watch":
		s.watched = map[string]int{}
		for _, key := range args[1:] {
			s.watched[key] = s.changes[key]
		}
		return "+OK\r\n"
	case "subscribe": // with a message right after it
		channel := fmt.Sprintf("$%d\r\n%s\r\n", len(args[1]), args[1])
		return "*3\r\n$9\r\nsubscribe\r\n" + channel + ":1\r\n*3\r\n$7\r\nmessage\r\n" + channel + "$4\r\nrain\r\n"
	case "unwatch", "auth", "select", "echo", "asking", "readonly":
		return "+OK\r\n"
	case "acl":
		return fmt.Sprintf("-ERR Error in ACL SETUSER modifier '%s': no such password\r\n", args[len(args)-1])
	case "cluster": // all slots are its own
		host, port, _ := net.SplitHostPort(s.addr)
		return fmt.Sprintf("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$%d\r\n%s\r\n:%s\r\n", len(host), host, port)
	case "command": // a Ring and a ClusterClient ask where keys are
		var answer strings.Builder
		fmt.Fprintf(&answer, "*%d\r\n", len(keyed))
		for _, name := range keyed {
			fmt.Fprintf(&answer, "*6\r\n$%d\r\n%s\r\n:2\r\n*0\r\n:1\r\n:1\r\n:1\r\n", len(name), name)
		}
		return answer.String()
	}
	return fmt.Sprintf("-ERR unknown command '%s', with args beginning with: '%s'\r\n",
		args[0], strings.Join(args[1:], "' '"))
}
