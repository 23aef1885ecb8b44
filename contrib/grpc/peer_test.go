package gapgrpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

// TestPeerAddress checks that each call has the address of the server that answered it.
func TestPeerAddress(t *testing.T) {
	serverTLS, clientTLS := certificate(t)
	t.Run("three servers", func(t *testing.T) {
		peerOfThreeServers(t, insecure.NewCredentials(), insecure.NewCredentials())
	})
	t.Run("three servers, TLS", func(t *testing.T) { peerOfThreeServers(t, serverTLS, clientTLS) })
	t.Run("the caller's context and options have another peer", peerOfThisCall)
	t.Run("an address that panics", peerPanics)
}

func peerOfThreeServers(t *testing.T, serverCreds, clientCreds credentials.TransportCredentials) {
	tracer, ctx, parent := spantest.Under(t)
	var state resolver.State
	for range 3 {
		l := spantest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
		opts := append(gapgrpc.ServerOptions(gaptrace.WithTracer(tracer)), grpc.Creds(serverCreds))
		server := grpc.NewServer(opts...)
		pb.RegisterTestServiceServer(server, &service{})
		go server.Serve(l)
		t.Cleanup(server.Stop)
		state.Addresses = append(state.Addresses, resolver.Address{Addr: l.Addr().String(), ServerName: "127.0.0.1"})
	}
	builder := manual.NewBuilderWithScheme("shops")
	builder.InitialState(state)
	conn := spantest.Must(grpc.NewClient("shops:///all", append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)),
		grpc.WithResolvers(builder), grpc.WithTransportCredentials(clientCreds),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`))...))(t)
	defer conn.Close()
	client := pb.NewTestServiceClient(conn)

	seen := map[string]bool{}
	spantest.Await(t, "calls to all servers", func() bool {
		var callers peer.Peer
		var recorded any
		spantest.Must(client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.Peer(&callers)))(t)
		drain(spantest.Must(client.StreamingOutputCall(ctx, ask(1)))(t))
		for _, span := range tracer.Calls() {
			if fmt.Sprint(span.Tags["span.kind"]) != "client" {
				continue
			}
			seen[fmt.Sprint(span.Tags["peer.address"])] = true
			if span.Operation == unary {
				recorded = span.Tags["peer.address"]
			}
		}
		if recorded != callers.Addr.String() {
			t.Errorf("the caller's peer is %v, recorded is %v", callers.Addr, recorded)
		}
		return len(seen) == 3
	})
	for _, address := range state.Addresses {
		if !seen[address.Addr] {
			t.Errorf("%s is missing in %v", address.Addr, seen)
		}
	}
	parent.Finish()
	spantest.Await(t, "the handlers", func() bool { return tracer.Problems() == nil })
}

// certificate returns the credentials of a server and a client for 127.0.0.1.
func certificate(t *testing.T) (server, client credentials.TransportCredentials) {
	key := spantest.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der := spantest.Must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	pool := x509.NewCertPool()
	pool.AddCert(spantest.Must(x509.ParseCertificate(der))(t))
	pair := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return credentials.NewServerTLSFromCert(pair), credentials.NewTLS(&tls.Config{RootCAs: pool})
}

// address is an address that consists of a name.
type address string

func (address) Network() string  { return "test" }
func (a address) String() string { return string(a) }

func peerOfThisCall(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	// A handler's context has the handler's own client as its peer.
	ctx = peer.NewContext(ctx, &peer.Peer{Addr: address("the handler's client")})
	callers := &peer.Peer{Addr: address("of an earlier call")}
	dialer := func(context.Context, string) (net.Conn, error) { return nil, io.ErrClosedPipe }
	for _, client := range []pb.TestServiceClient{
		wrappedClient(t, tracer, start(t, &service{})),
		wrappedClient(t, tracer, start(t, &service{}), grpc.WithContextDialer(dialer)),
	} {
		_, _ = client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.Peer(callers))
		if stream, err := client.StreamingOutputCall(ctx, ask(1), grpc.Peer(callers)); err == nil {
			drain(stream)
		}
		if callers.Addr.String() != "bufconn" {
			t.Errorf("the caller's peer is %v", callers.Addr)
		}
	}
	// A stream of an interceptor that reached no server has its caller's context.
	local := fakeStream{ctx: ctx, recv: func() error { return nil }}
	_ = spantest.Must(newStream(ctx, tracer, &grpc.StreamDesc{}, streamer(local)))(t).RecvMsg(nil)
	parent.Finish()
	var got strings.Builder
	for _, span := range tracer.Calls()[1:] {
		fmt.Fprintln(&got, span.Operation, span.Tags["grpc.code"], span.Tags["peer.address"])
	}
	spantest.Want(t, got.String(), `
/grpc.testing.TestService/UnaryCall OK bufconn
/grpc.testing.TestService/StreamingOutputCall OK bufconn
/grpc.testing.TestService/UnaryCall Unavailable <nil>
/grpc.testing.TestService/StreamingOutputCall Unavailable <nil>
/grpc.testing.TestService/FullDuplexCall OK <nil>
`)
}

// panickingAddr is an address whose methods panic.
type panickingAddr struct{ net.Addr }

func peerPanics(t *testing.T) {
	tracer, ctx, parent := spantest.Under(t)
	next := func(_ context.Context, _ string, _, _ any, _ *grpc.ClientConn, opts ...grpc.CallOption) error {
		for _, opt := range opts {
			if asked, ok := opt.(grpc.PeerCallOption); ok {
				asked.PeerAddr.Addr = panickingAddr{}
			}
		}
		return nil
	}
	if err := invoke(ctx, tracer, next); err != nil {
		t.Error(err)
	}
	spantest.WantUnder(t, tracer, parent, line(unary, "grpc.code=OK"))
}
