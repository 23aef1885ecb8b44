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

// socket is one end of a WebSocket, of either library.
type socket interface {
	send(binary bool, message []byte) error
	receive() (binary bool, message []byte, err error)
	closeHandshake() error // starts the close handshake and waits for the answer
	closeNow() error       // closes the connection without a handshake
}

const maxMessage = 2 << 20 // bytes

// websockets are the libraries, each with its way to dial and to accept.
var websockets = map[string]struct {
	dial     func(s *side, to *server, header http.Header) (socket, *http.Response, error)
	dialSpan bool // it dials through the wrapped client
	accept   func(s *side, w http.ResponseWriter, r *http.Request) (socket, error)
	// status ends the line of the accepting server's span. A library that hijacks the connection
	// before it sends the status leaves nothing for the span to record.
	status string
}{
	"gorilla": {dial: dialGorilla, accept: acceptGorilla},
	"coder":   {dial: dialCoder, dialSpan: true, accept: acceptCoder, status: " 101"},
}

func dialGorilla(s *side, to *server, header http.Header) (socket, *http.Response, error) {
	dialer := gorilla.Dialer{TLSClientConfig: to.clientTLS(), Subprotocols: []string{"echo"}}
	conn, resp, err := dialer.DialContext(s.ctx, strings.Replace(to.URL, "http", "ws", 1), header)
	return gorillaSocket(s, conn, err), resp, err
}

func acceptGorilla(s *side, w http.ResponseWriter, r *http.Request) (socket, error) {
	upgrader := gorilla.Upgrader{Subprotocols: []string{"echo"}}
	conn, err := upgrader.Upgrade(w, r, nil)
	return gorillaSocket(s, conn, err), err
}

type gorillaConn struct{ *gorilla.Conn }

func gorillaSocket(s *side, conn *gorilla.Conn, err error) socket {
	if err != nil {
		return nil
	}
	deadline, _ := s.ctx.Deadline()
	conn.SetReadDeadline(deadline)
	conn.SetWriteDeadline(deadline)
	conn.SetReadLimit(maxMessage)
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

func (c gorillaConn) closeHandshake() error {
	frame := gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, "goodbye")
	if err := c.WriteMessage(gorilla.CloseMessage, frame); err != nil {
		return err
	}
	_, _, err := c.ReadMessage()
	if !gorilla.IsCloseError(err, gorilla.CloseNormalClosure) {
		return fmt.Errorf("no answer to the close frame: %w", err)
	}
	return c.Close()
}

func (c gorillaConn) closeNow() error { return c.Close() }

func dialCoder(s *side, to *server, header http.Header) (socket, *http.Response, error) {
	options := &coder.DialOptions{HTTPClient: s.client(to), HTTPHeader: header, Subprotocols: []string{"echo"}}
	conn, resp, err := coder.Dial(s.ctx, to.URL, options)
	return coderSocket(s, conn, err), resp, err
}

func acceptCoder(s *side, w http.ResponseWriter, r *http.Request) (socket, error) {
	conn, err := coder.Accept(w, r, &coder.AcceptOptions{Subprotocols: []string{"echo"}})
	return coderSocket(s, conn, err), err
}

type coderConn struct {
	*coder.Conn
	s *side
}

func coderSocket(s *side, conn *coder.Conn, err error) socket {
	if err != nil {
		return nil
	}
	conn.SetReadLimit(maxMessage)
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

func (c coderConn) closeHandshake() error { return c.Close(coder.StatusNormalClosure, "goodbye") }
func (c coderConn) closeNow() error       { return c.CloseNow() }

// websocketTest is one combination of libraries. In between may be a proxy.
type websocketTest struct {
	dialer, acceptor string
	proxied          bool
}

func eachWebsocketTest(t *testing.T, test func(t *testing.T, ws websocketTest)) {
	for dialer := range websockets {
		for acceptor := range websockets {
			for _, proxied := range []bool{false, true} {
				name := dialer + " to " + acceptor
				if proxied {
					name += " through a proxy"
				}
				t.Run(name, func(t *testing.T) { test(t, websocketTest{dialer, acceptor, proxied}) })
			}
		}
	}
}

// serve starts the server that accepts, and returns the one to dial.
func (ws websocketTest) serve(s *side, protocol string) *server {
	to := s.serve(protocol, ws.echo(s))
	if ws.proxied {
		to = s.proxy(to)
	}
	return to
}

// echo sends every message back, and notes how the connection ended.
func (ws websocketTest) echo(s *side) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websockets[ws.acceptor].accept(s, w, r)
		if err != nil {
			s.note("server", "refused: %v", err)
			return
		}
		defer func() {
			conn.closeNow()
			s.echoEnded = time.Now()
		}()
		for {
			binary, message, err := conn.receive()
			if err != nil {
				s.note("server", "receive: %v", err)
				return
			}
			s.note("server", "binary %v, %d bytes", binary, len(message))
			if err := conn.send(binary, message); err != nil {
				s.note("server", "send: %v", err)
				return
			}
		}
	}
}

func (ws websocketTest) dial(s *side, to *server, header http.Header) (socket, *http.Response, error) {
	return websockets[ws.dialer].dial(s, to, header)
}

// wantSpans compares the spans with those of one dial. The arguments end their lines: those of the
// clients, the proxy's server and the accepting server.
func (ws websocketTest) wantSpans(t *testing.T, tracer *spantest.Tracer, client, proxy, acceptor string) {
	t.Helper()
	var spans []string
	if websockets[ws.dialer].dialSpan {
		spans = append(spans, "client HTTP GET"+client)
	}
	if ws.proxied {
		spans = append(spans, "server HTTP GET"+proxy, "client HTTP GET"+client)
	}
	spans = append(spans, "server HTTP GET"+acceptor)
	wantChain(t, tracer, websockets[ws.dialer].dialSpan, spans...)
}

func TestWebSocketMessages(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol string) { // HTTP/2: the server offers it, the client asks for HTTP/1.1
		eachWebsocketTest(t, func(t *testing.T, ws websocketTest) {
			var closing time.Time
			var wrapped *side
			tracer := compare(t, func(s *side) {
				wrapped = s
				to := ws.serve(s, protocol)
				conn, resp, err := ws.dial(s, to, nil)
				if err != nil {
					s.Fatal(err)
				}
				s.note("client", "%s, protocol %q", resp.Status, resp.Header.Get("Sec-Websocket-Protocol"))
				wantEcho(s, conn, false, []byte("grüße"))
				wantEcho(s, conn, true, []byte{0, 1, 0xfe, 0xff})
				wantEcho(s, conn, true, bytes.Repeat([]byte("0123456789abcdef"), 1<<16))
				wantEcho(s, conn, false, nil)
				wantConnected(s)
				closing = time.Now()
				s.note("client", "close: %v", conn.closeHandshake())
			})
			var lastEnd time.Time // of the accepting server's span, which starts last
			for _, span := range tracer.Spans() {
				if kind(span) == "server" {
					lastEnd = span.End
					if span.End.Before(closing) {
						t.Errorf("a server's span ended before its connection:\n%s", outline(tracer))
					}
				}
			}
			if lastEnd.Before(wrapped.echoEnded) {
				t.Errorf("the accepting server's span ended %v before its handler", wrapped.echoEnded.Sub(lastEnd))
			}
			ws.wantSpans(t, tracer, " 101", "", websockets[ws.acceptor].status)
		})
	})
}

func wantEcho(s *side, conn socket, binary bool, message []byte) {
	s.Helper()
	if err := conn.send(binary, message); err != nil {
		s.Fatal(err)
	}
	gotBinary, got, err := conn.receive()
	if gotBinary != binary || !bytes.Equal(got, message) || err != nil {
		s.Errorf("sent %d bytes, binary %v; received %d bytes, binary %v, error %v",
			len(message), binary, len(got), gotBinary, err)
	}
}

// wantConnected checks the spans while a connection is open: all clients' spans have ended, and no
// server's.
func wantConnected(s *side) {
	s.Helper()
	if s.tracer == nil {
		return
	}
	for _, span := range s.tracer.Spans() {
		status := span.Tags["http.status_code"]
		if kind(span) != "client" || status != http.StatusSwitchingProtocols || span.Tags["error"] != nil {
			s.Errorf("ended while the connection is open: %s %v", span.Operation, span.Tags)
		}
	}
	want := "caller: never finished" + strings.Repeat(", HTTP GET: never finished", len(s.servers))
	if got := strings.Join(s.tracer.Problems(), ", "); got != want {
		s.Errorf("while the connection is open: %s, want %s", got, want)
	}
}

func TestWebSocketRefused(t *testing.T) {
	eachWebsocketTest(t, func(t *testing.T, ws websocketTest) {
		size := 0
		tracer := compare(t, func(s *side) {
			to := ws.serve(s, "HTTP/1.1")
			_, resp, err := ws.dial(s, to, http.Header{"Origin": {"http://elsewhere.example"}})
			if err == nil || resp == nil {
				s.Fatalf("response %v, error %v", resp, err)
			}
			body, readErr := io.ReadAll(resp.Body)
			size = len(body)
			s.note("client", "%v: %s %q, %v", err, resp.Status, body, readErr)
			if resp.StatusCode != http.StatusForbidden {
				s.Errorf("status %s, want 403", resp.Status)
			}
		})
		served := fmt.Sprintf(" 403 response_size=%d", size)
		ws.wantSpans(t, tracer, fmt.Sprintf(" 403 bytes=%d", size), served, served)
	})
}

func TestWebSocketClosedWithoutHandshake(t *testing.T) {
	eachWebsocketTest(t, func(t *testing.T, ws websocketTest) {
		tracer := compare(t, func(s *side) {
			conn, _, err := ws.dial(s, ws.serve(s, "HTTP/1.1"), nil)
			if err != nil {
				s.Fatal(err)
			}
			wantEcho(s, conn, false, []byte("hello"))
			s.note("client", "close: %v", conn.closeNow())
		})
		ws.wantSpans(t, tracer, " 101", "", websockets[ws.acceptor].status)
	})
}
