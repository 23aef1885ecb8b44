package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/gaptrace/gaptrace/internal/spantest"
	gorilla "github.com/gorilla/websocket"
)

// socket is one end of a WebSocket, of whichever library.
type socket interface {
	send(binary bool, message []byte) error
	receive() (binary bool, message []byte, err error)
	goodbye() error // the close handshake, begun by this end
	hangUp() error  // without one
}

const longest = 2 << 20 // of a message

// libraries are the two that stand at either end, each with its way to dial and to accept.
var libraries = map[string]struct {
	dial     func(s *side, to *server, header http.Header) (socket, *http.Response, error)
	dialSpan bool // it dials through the wrapped client
	accept   func(s *side, w http.ResponseWriter, r *http.Request) (socket, error)
	status   string // of the server's span: one that hijacks first tells the connection alone
}{
	"gorilla": {
		dial: func(s *side, to *server, header http.Header) (socket, *http.Response, error) {
			dialer := gorilla.Dialer{TLSClientConfig: to.trust(), Subprotocols: []string{"echo"}}
			conn, resp, err := dialer.DialContext(s.ctx, strings.Replace(to.URL, "http", "ws", 1), header)
			return gorillaSocket(s, conn, err), resp, err
		},
		accept: func(s *side, w http.ResponseWriter, r *http.Request) (socket, error) {
			upgrader := gorilla.Upgrader{Subprotocols: []string{"echo"}}
			conn, err := upgrader.Upgrade(w, r, nil)
			return gorillaSocket(s, conn, err), err
		},
	},
	"coder": {
		dial: func(s *side, to *server, header http.Header) (socket, *http.Response, error) {
			conn, resp, err := coder.Dial(s.ctx, to.URL, &coder.DialOptions{HTTPClient: s.client(to), HTTPHeader: header, Subprotocols: []string{"echo"}})
			return coderSocket(s, conn, err), resp, err
		},
		dialSpan: true,
		accept: func(s *side, w http.ResponseWriter, r *http.Request) (socket, error) {
			conn, err := coder.Accept(w, r, &coder.AcceptOptions{Subprotocols: []string{"echo"}})
			return coderSocket(s, conn, err), err
		},
		status: " 101",
	},
}

type gorillaConn struct{ *gorilla.Conn }

func gorillaSocket(s *side, conn *gorilla.Conn, err error) socket {
	if err != nil {
		return nil
	}
	deadline, _ := s.ctx.Deadline()
	conn.SetReadDeadline(deadline)
	conn.SetWriteDeadline(deadline)
	conn.SetReadLimit(longest)
	return gorillaConn{conn}
}

func (c gorillaConn) send(binary bool, message []byte) error {
	if binary {
		return c.WriteMessage(gorilla.BinaryMessage, message)
	}
	return c.WriteMessage(gorilla.TextMessage, message)
}

func (c gorillaConn) receive() (bool, []byte, error) {
	kind, message, err := c.ReadMessage()
	return kind == gorilla.BinaryMessage, message, err
}

func (c gorillaConn) goodbye() error {
	if err := c.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, "goodbye")); err != nil {
		return err
	}
	_, _, err := c.ReadMessage()
	if !gorilla.IsCloseError(err, gorilla.CloseNormalClosure) {
		return fmt.Errorf("no answer to the close frame: %w", err)
	}
	return c.Close()
}

func (c gorillaConn) hangUp() error { return c.Close() }

type coderConn struct {
	*coder.Conn
	s *side
}

func coderSocket(s *side, conn *coder.Conn, err error) socket {
	if err != nil {
		return nil
	}
	conn.SetReadLimit(longest)
	return coderConn{conn, s}
}

func (c coderConn) send(binary bool, message []byte) error {
	if binary {
		return c.Write(c.s.ctx, coder.MessageBinary, message)
	}
	return c.Write(c.s.ctx, coder.MessageText, message)
}

func (c coderConn) receive() (bool, []byte, error) {
	kind, message, err := c.Read(c.s.ctx)
	return kind == coder.MessageBinary, message, err
}

func (c coderConn) goodbye() error { return c.Close(coder.StatusNormalClosure, "goodbye") }
func (c coderConn) hangUp() error  { return c.CloseNow() }

// echo sends back what comes, and tells how the connection ended.
func echo(s *side, accept func(*side, http.ResponseWriter, *http.Request) (socket, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := accept(s, w, r)
		if err != nil {
			s.tell("server", "refused: %v", err)
			return
		}
		defer func() {
			conn.hangUp()
			s.echoed = time.Now()
		}()
		for {
			binary, message, err := conn.receive()
			if err != nil {
				s.tell("server", "the end: %v", err)
				return
			}
			s.tell("server", "binary %v, %d bytes", binary, len(message))
			if err := conn.send(binary, message); err != nil {
				s.tell("server", "send: %v", err)
				return
			}
		}
	}
}

// everyPair runs a test of two libraries with every pair of them, with and without a proxy in between.
func everyPair(t *testing.T, test func(t *testing.T, dialer, acceptor string, proxied bool)) {
	for dialer := range libraries {
		for acceptor := range libraries {
			for _, proxied := range []bool{false, true} {
				name := dialer + " to " + acceptor
				if proxied {
					name += ", through a proxy"
				}
				t.Run(name, func(t *testing.T) { test(t, dialer, acceptor, proxied) })
			}
		}
	}
}

// wantSpans compares the outline with that of a dial. The lines of its spans end as told: those of clients, that of the
// proxy's server and that of the acceptor's.
func wantSpans(t *testing.T, tracer *spantest.Tracer, dialer string, proxied bool, client, proxy, acceptor string) {
	t.Helper()
	want, indent := []string{"caller"}, ""
	add := func(line string) {
		want = append(want, indent+line)
		indent += "  "
	}
	if libraries[dialer].dialSpan {
		indent = "  "
		add("client HTTP GET" + client)
	}
	if proxied {
		add("server HTTP GET" + proxy)
		add("client HTTP GET" + client)
	}
	add("server HTTP GET" + acceptor)
	wantOutline(t, tracer, want...)
}

func TestWebSocketsPassTheWrappersWithTheSameMessages(t *testing.T) {
	messages := []struct {
		binary  bool
		message []byte
	}{
		{false, []byte("grüße")},
		{true, []byte{0, 1, 0xfe, 0xff}},
		{true, bytes.Repeat([]byte("0123456789abcdef"), 1<<16)},
		{false, nil},
	}
	for _, protocol := range protocols { // HTTP/2: a server that the client must ask for HTTP/1.1
		t.Run(protocol, func(t *testing.T) {
			everyPair(t, func(t *testing.T, dialer, acceptor string, proxied bool) {
				var goodbye time.Time
				var wrapped *side
				tracer := compare(t, func(s *side) {
					wrapped = s
					to := s.serve(protocol, echo(s, libraries[acceptor].accept))
					handlers := 1
					if proxied {
						to = s.proxy(to)
						handlers = 2
					}
					conn, resp, err := libraries[dialer].dial(s, to, nil)
					if err != nil {
						s.Fatal(err)
					}
					s.tell("client", "%s, protocol %q", resp.Status, resp.Header.Get("Sec-Websocket-Protocol"))
					for _, m := range messages {
						if err := conn.send(m.binary, m.message); err != nil {
							s.Fatal(err)
						}
						binary, message, err := conn.receive()
						if binary != m.binary || !bytes.Equal(message, m.message) || err != nil {
							s.Errorf("sent %d bytes, binary %v; the echo is %d bytes, binary %v, %v", len(m.message), m.binary, len(message), binary, err)
						}
					}
					wantAlive(s, handlers)
					goodbye = time.Now()
					s.tell("client", "goodbye: %v", conn.goodbye())
				})
				acceptors := time.Time{} // the last server's span to start
				for _, span := range tracer.Spans() {
					if kind(span) == "server" {
						acceptors = span.End
						if span.End.Before(goodbye) {
							t.Errorf("a server's span ended before the connection did:\n%s", outline(tracer))
						}
					}
				}
				if acceptors.Before(wrapped.echoed) {
					t.Errorf("the acceptor's span ended %v before its handler did", wrapped.echoed.Sub(acceptors))
				}
				wantSpans(t, tracer, dialer, proxied, " 101", "", libraries[acceptor].status)
			})
		})
	}
}

// wantAlive fails unless, while a connection lives, all clients' spans have ended and those of the handlers go on.
func wantAlive(s *side, handlers int) {
	s.Helper()
	if s.tracer == nil {
		return
	}
	for _, span := range s.tracer.Spans() {
		if kind(span) != "client" || span.Tags["http.status_code"] != http.StatusSwitchingProtocols || span.Tags["error"] != nil {
			s.Errorf("ended while the connection lives: %s %v", span.Operation, span.Tags)
		}
	}
	want := "caller: never finished" + strings.Repeat(", HTTP GET: never finished", handlers)
	if got := strings.Join(s.tracer.Problems(), ", "); got != want {
		s.Errorf("while the connection lives: %s, want %s", got, want)
	}
}

func TestAWebSocketThatIsRefusedIsAnOrdinaryAnswer(t *testing.T) {
	everyPair(t, func(t *testing.T, dialer, acceptor string, proxied bool) {
		size := 0
		tracer := compare(t, func(s *side) {
			to := s.serve("HTTP/1.1", echo(s, libraries[acceptor].accept))
			if proxied {
				to = s.proxy(to)
			}
			_, resp, err := libraries[dialer].dial(s, to, http.Header{"Origin": {"http://elsewhere.example"}})
			if err == nil || resp == nil {
				s.Fatalf("answered %v, error %v", resp, err)
			}
			body, readErr := io.ReadAll(resp.Body)
			size = len(body)
			s.tell("client", "%v: %s %q, %v", err, resp.Status, body, readErr)
			if resp.StatusCode != http.StatusForbidden {
				s.Errorf("refused with %s", resp.Status)
			}
		})
		served := fmt.Sprintf(" 403 response_size=%d", size)
		wantSpans(t, tracer, dialer, proxied, fmt.Sprintf(" 403 bytes=%d", size), served, served)
	})
}

func TestAWebSocketWhoseClientHangsUpEnds(t *testing.T) {
	everyPair(t, func(t *testing.T, dialer, acceptor string, proxied bool) {
		tracer := compare(t, func(s *side) {
			to := s.serve("HTTP/1.1", echo(s, libraries[acceptor].accept))
			if proxied {
				to = s.proxy(to)
			}
			conn, _, err := libraries[dialer].dial(s, to, nil)
			if err != nil {
				s.Fatal(err)
			}
			if err := conn.send(false, []byte("hello")); err != nil {
				s.Fatal(err)
			}
			if _, message, err := conn.receive(); string(message) != "hello" || err != nil {
				s.Errorf("the echo is %q, %v", message, err)
			}
			s.tell("client", "hung up: %v", conn.hangUp())
		})
		wantSpans(t, tracer, dialer, proxied, " 101", "", libraries[acceptor].status)
	})
}
