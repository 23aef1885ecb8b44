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
)

// stretch is some time in which a library did something.
type stretch struct{ start, end time.Time }

func (s *stretch) run(do func()) {
	s.start = time.Now()
	do()
	s.end = time.Now()
}

// slow takes long enough to stand out from a buffered read.
func slow() { time.Sleep(2 * time.Millisecond) }

func TestAllThatComesBeforeTheAnswerIsCoveredByTheFirstWait(t *testing.T) {
	for protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			var dial, send, answer stretch
			server, transport := start(t, protocol, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				answer.run(slow)
			}))
			transport.DialContext = func(ctx context.Context, _, addr string) (conn net.Conn, err error) {
				dial.run(func() {
					slow()
					conn, err = (&net.Dialer{}).DialContext(ctx, "tcp4", strings.Replace(addr, "127.0.0.1", "localhost", 1))
				})
				return conn, err
			}
			tracer, ctx, _ := under(t)
			client := nethttp.WrapClient(&http.Client{Transport: transport}, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
			body := io.MultiReader(readerFunc(func([]byte) (int, error) {
				send.run(slow)
				return 0, io.EOF
			}), strings.NewReader("body"))
			req, _ := http.NewRequestWithContext(ctx, "POST", server.URL, body)
			if err := readAndClose(client.Do(req)); err != nil {
				t.Fatal(err)
			}
			call := tracer.Named("HTTP POST")[0]
			for what, s := range map[string]stretch{"dial": dial, "sending the body": send, "the answer": answer} {
				if s.start.IsZero() || call.Start.After(s.start) || call.End.Before(s.end) {
					t.Errorf("%s, %v to %v, is not covered by %v to %v", what, s.start, s.end, call.Start, call.End)
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

// wantPhases holds the logs of a call against the phases that it should have gone through, in that order and
// within its time.
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

func TestTheWaitForAPooledConnectionIsCovered(t *testing.T) {
	serving, goOn := make(chan bool), make(chan bool)
	server, transport := start(t, "HTTP/1.1", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			serving <- true
			<-goOn
		}
	}))
	transport.MaxConnsPerHost = 1
	tracer, ctx, _ := under(t)
	client := nethttp.WrapClient(&http.Client{Transport: transport}, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
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

// lateTransport tells of phases when the request is over, as net/http does of a dial that lost against a
// connection that became idle.
type lateTransport struct{ late chan func() }

func (l lateTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(req.Context())
	trace.GotConn(httptrace.GotConnInfo{})
	l.late <- func() {
		trace.DNSDone(httptrace.DNSDoneInfo{Err: errors.New("late")})
		trace.ConnectDone("tcp", "192.0.2.1:80", errors.New("late"))
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("body"))}, nil
}

func TestPhasesThatComeLateAreNotLogged(t *testing.T) {
	tracer, ctx, parent := under(t)
	late := make(chan func(), 1)
	rt := nethttp.Wrap(lateTransport{late}, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
	resp, err := rt.RoundTrip(get(ctx, "http://example.com/"))
	if err != nil {
		t.Fatal(err)
	}
	tell := <-late
	tell() // the first wait is over, the body is not read
	resp.Body.Close()
	tell()
	parent.Finish()
	if p := tracer.Problems(); p != nil {
		t.Error(p)
	}
	wantPhases(t, tracer.Named("HTTP GET")[0], "got_conn")
}

func TestWithoutPhasesNothingIsAskedFor(t *testing.T) {
	tracer, ctx, _ := under(t)
	rt := nethttp.Wrap(roundTripper(func(req *http.Request) (*http.Response, error) {
		if httptrace.ContextClientTrace(req.Context()) != nil {
			t.Error("the request has a trace")
		}
		return &http.Response{StatusCode: 204}, nil
	}), gaptrace.WithTracer(tracer))
	rt.RoundTrip(get(ctx, "http://example.com/"))
}

func TestTheCallersOwnTraceGoesOn(t *testing.T) {
	for protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			server, transport := start(t, protocol, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusEarlyHints)
			}))
			visit := func(client *http.Client, ctx context.Context) (seen []string) {
				ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
					GetConn:              func(string) { seen = append(seen, "GetConn") },
					GotConn:              func(httptrace.GotConnInfo) { seen = append(seen, "GotConn") },
					Got1xxResponse:       func(code int, _ textproto.MIMEHeader) error { seen = append(seen, fmt.Sprint(code)); return nil },
					GotFirstResponseByte: func() { seen = append(seen, "GotFirstResponseByte") },
				})
				if err := readAndClose(client.Do(get(ctx, server.URL))); err != nil {
					t.Error(err)
				}
				client.CloseIdleConnections()
				return seen
			}
			tracer, ctx, _ := under(t)
			raw := visit(&http.Client{Transport: transport}, ctx)
			wrapped := visit(nethttp.WrapClient(&http.Client{Transport: transport}, gaptrace.WithTracer(tracer), gaptrace.WithPhases()), ctx)
			if !slices.Equal(raw, wrapped) || !slices.Contains(raw, "103") {
				t.Errorf("raw %v, wrapped %v", raw, wrapped)
			}
		})
	}
}
