package nethttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
)

// interval is the time in which something was done.
type interval struct{ start, end time.Time }

func (i *interval) measure(do func()) {
	i.start = time.Now()
	do()
	i.end = time.Now()
}

func TestPhasesAreCovered(t *testing.T) {
	for protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			var dial, send, respond interval
			server, transport := start(t, protocol, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				respond.measure(slow)
			}))
			transport.DialContext = func(ctx context.Context, _, addr string) (conn net.Conn, err error) {
				dial.measure(func() {
					slow()
					addr = strings.Replace(addr, "127.0.0.1", "localhost", 1) // so that DNS is asked
					conn, err = (&net.Dialer{}).DialContext(ctx, "tcp4", addr)
				})
				return conn, err
			}
			client, tracer, ctx, _ := underClient(t, transport, gaptrace.WithPhases())
			body := io.MultiReader(readerFunc(func([]byte) (int, error) {
				send.measure(slow)
				return 0, io.EOF
			}), strings.NewReader("body"))
			req := spantest.Must(http.NewRequestWithContext(ctx, "POST", server.URL, body))(t)
			if err := readAndClose(client.Do(req)); err != nil {
				t.Fatal(err)
			}
			call := tracer.Only(t, "HTTP POST")
			for what, i := range map[string]interval{"dial": dial, "send": send, "respond": respond} {
				if i.start.IsZero() || call.Start.After(i.start) || call.End.Before(i.end) {
					t.Errorf("%s, %v to %v, is not covered by %v to %v", what, i.start, i.end, call.Start, call.End)
				}
			}
			wantPhases(t, call, phasesOf(protocol))
		})
	}
}

func phasesOf(protocol string) string {
	phases := "dns_start dns_done connect_start connect_done tls_start tls_done got_conn wrote_request first_byte"
	if !protocols[protocol].tls {
		return strings.Replace(phases, "tls_start tls_done ", "", 1)
	}
	return phases
}

// wantPhases compares the logs of a call with the phases that it should have, in this order, and
// checks that they lie within the call.
func wantPhases(t *testing.T, call *spantest.Span, want string) {
	t.Helper()
	var got []string
	for _, record := range call.Logs {
		if record.Timestamp.Before(call.Start) || record.Timestamp.After(call.End) {
			t.Errorf("%v was logged outside of the call", record.Fields)
		}
		got = append(got, fmt.Sprint(record.Fields[0].Value()))
	}
	if got := strings.Join(got, " "); got != want {
		t.Errorf("logged %s, want %s", got, want)
	}
}

func TestPhasesOfAnAddress(t *testing.T) {
	server := ways(t)
	client, tracer, ctx, _ := underClient(t, &http.Transport{DisableKeepAlives: true}, gaptrace.WithPhases())
	if err := readAndClose(client.Do(get(ctx, server.URL+"/ok"))); err != nil {
		t.Fatal(err)
	}
	wantPhases(t, tracer.Only(t, "HTTP GET"), "connect_start connect_done got_conn wrote_request first_byte")
}

func TestPhasesOfAPooledConnection(t *testing.T) {
	serving, goOn := make(chan bool), make(chan bool)
	server, transport := start(t, "HTTP/1.1", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			serving <- true
			<-goOn
		}
	}))
	transport.MaxConnsPerHost = 1
	client, tracer, ctx, _ := underClient(t, transport, gaptrace.WithPhases())
	first := make(chan error)
	go func() { first <- readAndClose(client.Do(get(ctx, server.URL+"/first"))) }()
	<-serving
	queued := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(string) {
		go func() {
			slow()
			close(goOn)
		}()
	}})
	if err := readAndClose(client.Do(get(queued, server.URL+"/second"))); err != nil {
		t.Fatal(err)
	}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	calls := tracer.Named("HTTP GET")
	if len(calls) != 2 {
		t.Fatal(tracer.Tree())
	}
	if calls[0].End.Before(calls[1].Start) || calls[1].Duration() < 2*time.Millisecond {
		t.Errorf("the second, from %v, did not wait for the first, to %v", calls[1].Start, calls[0].End)
	}
	wantPhases(t, calls[1], "got_conn wrote_request first_byte")
}

// lateTransport reports phases when the request is over. net/http does so for a dial, if another
// connection became idle before it ended.
type lateTransport struct{ late chan func() }

func (l lateTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(req.Context())
	trace.GotConn(httptrace.GotConnInfo{})
	l.late <- func() {
		trace.DNSDone(httptrace.DNSDoneInfo{Err: errors.New("late")})
		trace.ConnectDone("tcp", "192.0.2.1:80", errors.New("late"))
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	return textOf(req), nil
}

func TestPhasesThatAreLate(t *testing.T) {
	late := make(chan func(), 1)
	client, tracer, ctx, parent := underClient(t, lateTransport{late}, gaptrace.WithPhases())
	resp := spantest.Must(client.Transport.RoundTrip(get(ctx, "http://example.com/")))(t)
	report := <-late
	report() // the first wait is over, the body is not read
	resp.Body.Close()
	report()
	parent.Finish()
	if p := tracer.Problems(); p != nil {
		t.Error(p)
	}
	wantPhases(t, tracer.Only(t, "HTTP GET"), "got_conn")
}

func TestPhasesAreOff(t *testing.T) {
	client, _, ctx, _ := underClient(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		if httptrace.ContextClientTrace(req.Context()) != nil {
			t.Error("the request has a trace")
		}
		return &http.Response{StatusCode: 204}, nil
	}))
	client.Transport.RoundTrip(get(ctx, "http://example.com/"))
}

func TestPhasesLeaveTheCallersTrace(t *testing.T) {
	for protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			server, transport := start(t, protocol, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusEarlyHints)
			}))
			visit := func(ctx context.Context, client *http.Client) (seen []string) {
				see := func(event string) { seen = append(seen, event) }
				ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
					GetConn: func(string) { see("GetConn") },
					GotConn: func(httptrace.GotConnInfo) { see("GotConn") },
					Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
						see(fmt.Sprint(code))
						return nil
					},
					GotFirstResponseByte: func() { see("GotFirstResponseByte") },
				})
				if err := readAndClose(client.Do(get(ctx, server.URL))); err != nil {
					t.Error(err)
				}
				client.CloseIdleConnections()
				return seen
			}
			wrapped, _, ctx, _ := underClient(t, transport, gaptrace.WithPhases())
			want := visit(ctx, &http.Client{Transport: transport})
			if got := visit(ctx, wrapped); !slices.Equal(got, want) || !slices.Contains(got, "103") {
				t.Errorf("raw %v, wrapped %v", want, got)
			}
		})
	}
}

// panickingError must not be formatted in a goroutine of net/http: the panic would end the program.
type panickingError struct{}

func (panickingError) Error() string { panic("Error") }

func TestPhasesWithAPanickingError(t *testing.T) {
	server := ways(t)
	fails := readerFunc(func([]byte) (int, error) { return 0, panickingError{} })
	for _, sampled := range []bool{true, false} {
		tracer := spantest.Jaeger(t, sampled, nil)
		ctx := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
		rt := nethttp.Wrap(server.Client().Transport, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
		body := io.MultiReader(strings.NewReader("x"), fails)
		req := spantest.Must(http.NewRequestWithContext(ctx, "POST", server.URL+"/ok", body))(t)
		if _, err := rt.RoundTrip(req); err == nil {
			t.Error("no error")
		}
	}
}
