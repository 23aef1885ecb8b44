package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

// told is a line of a peer: what its client was about to send, or its server was sent.
type told struct {
	Peer, Side          string
	Trace, Span, Parent string
	Sampled, Debug      bool
	Headers             map[string]string
}

// heard runs a peer to its end and returns what its clients sent and its servers were sent, by the name of the pair.
func heard(t *testing.T, peer *exec.Cmd) (sent, back map[string]told) {
	t.Helper()
	var errs strings.Builder
	peer.Stderr = &errs
	out, err := peer.Output()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, &errs, out)
	}
	sent, back = map[string]told{}, map[string]told{}
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		var line told
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		line.Trace = strings.Repeat("0", max(0, 32-len(line.Trace))) + line.Trace // some leave zeros out
		if line.Side == "client" {
			sent[line.Peer] = line
		} else {
			back[line.Peer] = line
		}
	}
	for name, was := range sent {
		now := back[name]
		// Debug implies sampled, and travels alone; not all say in their own flags what it implies.
		if now.Trace != was.Trace || (now.Sampled || now.Debug) != was.Sampled || now.Debug != was.Debug || now.Parent == was.Span {
			t.Errorf("%s: sent %+v\nand was sent %+v", name, was, now)
		}
	}
	return sent, back
}

// goTracer reports to that Jaeger. What it has not sent it sends before flush returns.
func goTracer(t *testing.T, service string, jaeger servers.JaegerServer, opts ...tracer.Option) (_ opentracing.Tracer, flush func()) {
	t.Helper()
	ours, closer, err := tracer.New(service, append(opts, tracer.WithCollector(jaeger.CollectorURL))...)
	if err != nil {
		t.Fatal(err)
	}
	flush = func() {
		if err := closer.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(flush)
	return ours, flush
}

func TestNodeAndGoAreOneTraceBothWays(t *testing.T) {
	node := servers.Node(t, "testdata/peer.js")
	jaeger := servers.Jaeger(t)
	ours, flush := goTracer(t, "go", jaeger)
	client := nethttp.WrapClient(http.DefaultClient, gaptrace.WithTracer(ours))
	server := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), "GET", r.URL.Query().Get("back"), nil)
		if err != nil {
			t.Error(err)
			return
		}
		res, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		io.Copy(w, res.Body)
	}), gaptrace.WithTracer(ours)))
	defer server.Close()

	node.Args = append(node.Args, server.URL, jaeger.CollectorURL)
	sent, _ := heard(t, node)
	flush()
	if len(sent) != 9 {
		t.Errorf("%d clients", len(sent))
	}
	const want = `node: node client
  go: HTTP GET
    go: HTTP GET
      node: node server
`
	for name, spans := range map[string]int{"jaeger-client": 4, "jaeger-client, debug": 4, "jaeger-client, unsampled": 0} {
		want := want
		if spans == 0 {
			want = ""
		}
		if got, _ := fromJaeger(t, jaeger.QueryURL, sent[name].Trace, spans); got != want {
			t.Errorf("%s: Jaeger has\n%s, want\n%s", name, got, want)
		}
	}
}

// asIs is a codec for messages of bytes.
type asIs struct{}

func (asIs) Name() string                    { return "proto" } // what the other side has when nothing is said
func (asIs) Marshal(v any) ([]byte, error)   { return *v.(*[]byte), nil }
func (asIs) Unmarshal(b []byte, v any) error { *v.(*[]byte) = append([]byte(nil), b...); return nil }

// serveGRPC serves one method with messages of bytes, and returns where.
func serveGRPC(t *testing.T, service, method string, answer func(context.Context, string) (string, error), opts ...grpc.ServerOption) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(append(opts, grpc.ForceServerCodec(asIs{}))...)
	server.RegisterService(&grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
		MethodName: method,
		Handler: func(srv any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			var in []byte
			if err := dec(&in); err != nil {
				return nil, err
			}
			handle := func(ctx context.Context, _ any) (any, error) {
				said, err := answer(ctx, string(in))
				return new([]byte(said)), err
			}
			if interceptor == nil {
				return handle(ctx, &in)
			}
			return interceptor(ctx, &in, &grpc.UnaryServerInfo{Server: srv, FullMethod: "/" + service + "/" + method}, handle)
		},
	}}}, nil)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// callGRPC calls a method with a message of bytes over a connection of its own.
func callGRPC(ctx context.Context, addr, method, message string, opts ...grpc.DialOption) (string, error) {
	conn, err := grpc.NewClient("passthrough:"+addr, append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	in, out := []byte(message), []byte{}
	err = conn.Invoke(ctx, method, &in, &out, grpc.ForceCodec(asIs{}))
	return string(out), err
}

func TestPythonAndGoAreOneTraceBothWays(t *testing.T) {
	python := servers.Python(t, "testdata/peer.py")
	jaeger := servers.Jaeger(t)
	ours, flush := goTracer(t, "go", jaeger, tracer.WithDeferredAsDenied()) // Python says nothing where it does not sample
	addr := serveGRPC(t, "gaptrace.Go", "Call", func(ctx context.Context, in string) (string, error) {
		peer, back, _ := strings.Cut(in, " ")
		return callGRPC(ctx, back, "/gaptrace.Python/CallBack", peer, gapgrpc.DialOptions(gaptrace.WithTracer(ours))...)
	}, gapgrpc.ServerOptions(gaptrace.WithTracer(ours))...)
	host, port, _ := net.SplitHostPort(jaeger.AgentAddr)
	python.Args = append(python.Args, addr, host, port)
	sent, _ := heard(t, python)
	flush()
	if len(sent) != 3 {
		t.Errorf("%d clients", len(sent))
	}
	const called = `python: python handler
  python: /gaptrace.Go/Call
    go: /gaptrace.Go/Call
      go: /gaptrace.Python/CallBack
`
	for name, want := range map[string]string{
		"sampled":   called + "        python: /gaptrace.Python/CallBack\n",
		"debug":     called, // jaeger-client takes the flag for debug, and not for sampled: it does not report its span
		"unsampled": "",
	} {
		if got, _ := fromJaeger(t, jaeger.QueryURL, sent[name].Trace, strings.Count(want, "\n")); got != want {
			t.Errorf("%s: Jaeger has\n%s, want\n%s", name, got, want)
		}
	}
}

// A service that passes on what it was sent, as Envoy's documentation asks for, sends headers of other formats, too. These name
// the span before the last, and would be believed.
func TestForwardedHeadersDoNotOutliveTheirSpan(t *testing.T) {
	recorder := tracer.NewRecorder(10)
	ours, closer, err := tracer.New("go", tracer.WithRecorder(recorder), tracer.WithPropagation(tracer.W3C))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	heard := make(chan metadata.MD, 1)
	addr := serveGRPC(t, "gaptrace.Go", "Call", func(ctx context.Context, _ string) (string, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		heard <- md
		return "", nil
	})
	parent := ours.StartSpan("handler")
	ctx := metadata.NewOutgoingContext(opentracing.ContextWithSpan(t.Context(), parent), metadata.Pairs(
		"x-request-id", "7", "b3", "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1", "X-B3-TraceId", "0af7651916cd43dd8448eb211c80319c",
		"x-b3-spanid", "b7ad6b7169203331", "uber-trace-id", "0af7651916cd43dd8448eb211c80319c:b7ad6b7169203331:0:1",
		"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
	if _, err := callGRPC(ctx, addr, "/gaptrace.Go/Call", "", gapgrpc.DialOptions(gaptrace.WithTracer(ours))...); err != nil {
		t.Fatal(err)
	}
	md := <-heard
	for _, stale := range []string{"b3", "x-b3-traceid", "x-b3-spanid", "uber-trace-id"} {
		if md[stale] != nil {
			t.Errorf("%s: %s was sent on", stale, md[stale])
		}
	}
	if now := md["traceparent"]; len(now) != 1 || strings.Contains(now[0], "0af7651916cd43dd8448eb211c80319c") || len(md["x-request-id"]) != 1 {
		t.Errorf("the server was sent %v", md)
	}
	sent, _ := metadata.FromOutgoingContext(ctx)
	if len(sent["b3"]) != 1 || len(sent["traceparent"]) != 1 {
		t.Errorf("the caller's own metadata is %v now", sent)
	}
}
