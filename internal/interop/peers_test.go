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
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc/metadata"
)

// In these tests a peer in another language calls a service in Go, which calls the peer back:
//
//	testdata/peer.js, client → Go, server → Go, client → testdata/peer.js, server

// peerLine is a line that a peer prints: the context that its client sends or its server receives.
type peerLine struct {
	Peer, Side          string // the client's name; "client" or "server"
	Trace, Span, Parent string
	Sampled, Debug      bool
	Headers             map[string]string
}

// runPeer runs a peer to its end. It returns what the clients sent, by their names, after it has
// compared that with what the servers received.
func runPeer(t *testing.T, peer *exec.Cmd) (sent map[string]peerLine) {
	t.Helper()
	var stderr strings.Builder
	peer.Stderr = &stderr
	out, err := peer.Output()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, &stderr, out)
	}
	sent, received := map[string]peerLine{}, map[string]peerLine{}
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		var line peerLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		line.Trace = strings.Repeat("0", max(0, 32-len(line.Trace))) + line.Trace // some peers omit leading zeros
		if line.Side == "client" {
			sent[line.Peer] = line
		} else {
			received[line.Peer] = line
		}
	}
	for name, s := range sent {
		r := received[name]
		// Debug implies sampled. Not every peer sets both.
		sampled := r.Sampled || r.Debug
		if r.Trace != s.Trace || sampled != s.Sampled || r.Debug != s.Debug || r.Parent == s.Span {
			t.Errorf("%s: the client sent %+v\nthe server received %+v", name, s, r)
		}
	}
	return sent
}

func TestOneTraceWithNode(t *testing.T) {
	node := servers.Node(t, "testdata/peer.js")
	jaeger := servers.Jaeger(t)
	goTracer, flush := newTracer(t, "go", jaeger)
	client := nethttp.WrapClient(http.DefaultClient, gaptrace.WithTracer(goTracer))
	server := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := httpGet(r.Context(), client, r.URL.Query().Get("back"))
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		io.Copy(w, res.Body)
	}), gaptrace.WithTracer(goTracer)))
	defer server.Close()

	node.Args = append(node.Args, server.URL, jaeger.CollectorURL)
	sent := runPeer(t, node)
	flush()
	if len(sent) != 9 {
		t.Errorf("%d clients, want 9", len(sent))
	}
	const sampled = `node: node client
  go: HTTP GET
    go: HTTP GET
      node: node server
`
	for name, want := range map[string]string{
		"jaeger-client":            sampled,
		"jaeger-client, debug":     sampled,
		"jaeger-client, unsampled": "",
	} {
		got, _ := jaegerTree(t, jaeger, sent[name].Trace, strings.Count(want, "\n"))
		if got != want {
			t.Errorf("%s: Jaeger has\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestOneTraceWithPython(t *testing.T) {
	python := servers.Python(t, "testdata/peer.py")
	jaeger := servers.Jaeger(t)
	// jaeger-client for Python sends no sampling decision if it does not sample.
	goTracer, flush := newTracer(t, "go", jaeger, tracer.WithDeferredAsDenied())
	with := gaptrace.WithTracer(goTracer)
	addr := serveGRPC(t, "gaptrace.Go", "Call", func(ctx context.Context, in string) (string, error) {
		peer, back, _ := strings.Cut(in, " ")
		return callGRPC(ctx, back, "/gaptrace.Python/CallBack", peer, gapgrpc.DialOptions(with)...)
	}, gapgrpc.ServerOptions(with)...)
	host, port, _ := net.SplitHostPort(jaeger.AgentAddr)
	python.Args = append(python.Args, addr, host, port)
	sent := runPeer(t, python)
	flush()
	if len(sent) != 3 {
		t.Errorf("%d clients, want 3", len(sent))
	}
	const called = `python: python handler
  python: /gaptrace.Go/Call
    go: /gaptrace.Go/Call
      go: /gaptrace.Python/CallBack
`
	for name, want := range map[string]string{
		"sampled":   called + "        python: /gaptrace.Python/CallBack\n",
		"debug":     called, // Python's server takes debug without sampled for unsampled, and reports no span
		"unsampled": "",
	} {
		got, _ := jaegerTree(t, jaeger, sent[name].Trace, strings.Count(want, "\n"))
		if got != want {
			t.Errorf("%s: Jaeger has\n%s\nwant\n%s", name, got, want)
		}
	}
}

// Envoy's documentation asks a service to forward the headers that it received. Those of other
// formats name the span before the last, so the next server would find a wrong parent.
func TestStaleForwardedHeadersAreRemoved(t *testing.T) {
	const traceID, spanID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	recorder := tracer.NewRecorder(10)
	tr, closer, err := tracer.New("go", tracer.WithRecorder(recorder), tracer.WithPropagation(tracer.W3C))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	received := make(chan metadata.MD, 1)
	addr := serveGRPC(t, "gaptrace.Go", "Call", func(ctx context.Context, _ string) (string, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		received <- md
		return "", nil
	})
	ctx := opentracing.ContextWithSpan(t.Context(), tr.StartSpan("handler"))
	ctx = metadata.NewOutgoingContext(ctx, metadata.Pairs(
		"x-request-id", "7",
		"b3", traceID+"-"+spanID+"-1",
		"X-B3-TraceId", traceID,
		"x-b3-spanid", spanID,
		"uber-trace-id", traceID+":"+spanID+":0:1",
		"traceparent", "00-"+traceID+"-"+spanID+"-01"))
	spantest.Must(callGRPC(ctx, addr, "/gaptrace.Go/Call", "", gapgrpc.DialOptions(gaptrace.WithTracer(tr))...))(t)
	md := <-received
	for _, stale := range []string{"b3", "x-b3-traceid", "x-b3-spanid", "uber-trace-id"} {
		if md[stale] != nil {
			t.Errorf("%s: %s was forwarded", stale, md[stale])
		}
	}
	traceparent := md["traceparent"]
	if len(traceparent) != 1 || strings.Contains(traceparent[0], traceID) || len(md["x-request-id"]) != 1 {
		t.Errorf("the server received %v", md)
	}
	if caller, _ := metadata.FromOutgoingContext(ctx); len(caller["b3"]) != 1 || len(caller["traceparent"]) != 1 {
		t.Errorf("the caller's metadata was changed to %v", caller)
	}
}
