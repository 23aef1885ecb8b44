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
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

// unavailable returns a service whose first two answers are that it cannot answer, and counts what it was asked.
func unavailable(asked *atomic.Int32, parents chan<- string) *service {
	fails := func(ctx context.Context) error {
		md, _ := metadata.FromIncomingContext(ctx)
		parents <- fmt.Sprint(md.Get("spantest-span"))
		if asked.Add(1) <= 2 {
			return status.Error(codes.Unavailable, "not yet")
		}
		return nil
	}
	return &service{
		unary: func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
			return &pb.SimpleResponse{}, fails(ctx)
		},
		stream: func(stream grpc.ServerStream) error {
			if err := fails(stream.Context()); err != nil {
				return err
			}
			return stream.SendMsg(answer(1))
		},
	}
}

func TestACallThatIsRetriedIsOneSpanThatCoversTheBackOff(t *testing.T) {
	const retries = `{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 4, "initialBackoff": "1s", "maxBackoff": "1s",
		"backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`
	for name, call := range map[string]func(ctx context.Context, client pb.TestServiceClient) error{
		unary: func(ctx context.Context, client pb.TestServiceClient) error {
			_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
			return err
		},
		download: func(ctx context.Context, client pb.TestServiceClient) error {
			stream, err := client.StreamingOutputCall(ctx, ask())
			if err == nil {
				_, err = drain(stream)
			}
			if err == io.EOF {
				return nil
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tracer, ctx, parent := under(t)
				var asked atomic.Int32
				parents := make(chan string, 9)
				l := start(t, unavailable(&asked, parents))
				began := time.Now()
				err := call(ctx, pb.NewTestServiceClient(dial(t, l, append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), grpc.WithDefaultServiceConfig(retries))...)))
				took := time.Since(began)
				if err != nil || asked.Load() != 3 {
					t.Fatal(err, asked.Load())
				}
				parent.Finish()
				span := only(t, tracer, name)
				if span.Tags["grpc.code"] != "OK" || span.Tags["error"] != nil || span.Tags["peer.address"] != "bufconn" {
					t.Errorf("%v", span.Tags)
				}
				var covered time.Duration
				for _, s := range append(tracer.Named(name), tracer.Named(name+" wait")...) {
					covered += s.Duration()
				}
				if took < time.Second || covered != took {
					t.Errorf("%v of %v are covered", covered, took)
				}
				for range 3 {
					if got := <-parents; got != fmt.Sprintf("[%d]", span.ID) {
						t.Errorf("an attempt told of %s, the call's span is %d", got, span.ID)
					}
				}
				if problems := tracer.Problems(); problems != nil {
					t.Error(problems)
				}
			})
		})
	}
}

// grpc-go reads a policy of hedging and does not follow it. Should it once, this test will tell.
func TestACallThatMayBeHedgedIsOneSpan(t *testing.T) {
	const hedging = `{"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.001s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}`
	tracer, ctx, parent := under(t)
	l := start(t, &service{unary: func(context.Context, *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		time.Sleep(10 * time.Millisecond)
		return &pb.SimpleResponse{}, nil
	}})
	client := pb.NewTestServiceClient(dial(t, l, append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), grpc.WithDefaultServiceConfig(hedging))...))
	must(client.UnaryCall(ctx, &pb.SimpleRequest{}))(t)
	wantTree(t, tracer, parent, line(unary, "grpc.code=OK peer.address=bufconn"))
}

func TestACallThatWaitsForAServerCoversTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer, ctx, _ := under(t)
		l := start(t, &service{})
		var up atomic.Bool
		dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			if !up.Load() {
				return nil, io.ErrUnexpectedEOF
			}
			return l.DialContext(ctx)
		})
		conn := dial(t, l, append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), dialer)...)
		conn.Connect()
		for conn.GetState() != connectivity.TransientFailure {
			conn.WaitForStateChange(ctx, conn.GetState())
		}
		client := pb.NewTestServiceClient(conn)
		_, err := client.UnaryCall(ctx, &pb.SimpleRequest{})
		if status.Code(err) != codes.Unavailable {
			t.Error(err)
		}
		go func() {
			time.Sleep(5 * time.Second)
			up.Store(true)
			conn.ResetConnectBackoff()
		}()
		began := time.Now()
		_, err = client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.WaitForReady(true))
		took := time.Since(began)
		spans := tracer.Named(unary)
		if err != nil || took < time.Second || spans[1].Duration() != took {
			t.Errorf("%v, the call took %v, drawn as %v", err, took, spans[1].Duration())
		}
		if spans[0].Tags["grpc.code"] != "Unavailable" || spans[0].Tags["peer.address"] != nil || spans[1].Tags["grpc.code"] != "OK" {
			t.Errorf("%v, then %v", spans[0].Tags, spans[1].Tags)
		}
	})
}

// certificate returns the two ends of TLS for 127.0.0.1.
func certificate(t *testing.T) (server, client credentials.TransportCredentials) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	pool := x509.NewCertPool()
	pool.AddCert(must(x509.ParseCertificate(der))(t))
	return credentials.NewServerTLSFromCert(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}), credentials.NewTLS(&tls.Config{RootCAs: pool})
}

func TestEachCallNamesTheServerThatAnsweredIt(t *testing.T) {
	serverTLS, clientTLS := certificate(t)
	for name, c := range map[string]struct {
		server, client credentials.TransportCredentials
	}{
		"in the clear": {insecure.NewCredentials(), insecure.NewCredentials()},
		"TLS":          {serverTLS, clientTLS},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, parent := under(t)
			builder := manual.NewBuilderWithScheme("shops")
			var state resolver.State
			for range 3 {
				l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
				server := grpc.NewServer(append(gapgrpc.ServerOptions(gaptrace.WithTracer(tracer)), grpc.Creds(c.server))...)
				pb.RegisterTestServiceServer(server, &service{})
				go server.Serve(l)
				t.Cleanup(server.Stop)
				state.Addresses = append(state.Addresses, resolver.Address{Addr: l.Addr().String(), ServerName: "127.0.0.1"})
			}
			builder.InitialState(state)
			conn := must(grpc.NewClient("shops:///all", append(gapgrpc.DialOptions(gaptrace.WithTracer(tracer)), grpc.WithResolvers(builder),
				grpc.WithTransportCredentials(c.client), grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`))...))(t)
			defer conn.Close()
			client := pb.NewTestServiceClient(conn)
			seen := map[string]bool{}
			await(t, "all servers to be asked", func() bool {
				var mine peer.Peer
				var drawn any
				must(client.UnaryCall(ctx, &pb.SimpleRequest{}, grpc.Peer(&mine)))(t)
				drain(must(client.StreamingOutputCall(ctx, ask(1)))(t))
				for _, span := range calls(tracer) {
					if fmt.Sprint(span.Tags["span.kind"]) != "client" {
						continue
					}
					seen[fmt.Sprint(span.Tags["peer.address"])] = true
					if span.Operation == unary {
						drawn = span.Tags["peer.address"]
					}
				}
				if drawn != mine.Addr.String() {
					t.Errorf("the caller is told of %v, drawn is %v", mine.Addr, drawn)
				}
				return len(seen) == 3
			})
			for _, address := range state.Addresses {
				if !seen[address.Addr] {
					t.Errorf("%s is missing in %v", address.Addr, seen)
				}
			}
			parent.Finish()
			await(t, "the handlers", func() bool { return tracer.Problems() == nil })
		})
	}
}

// loud is a stream of an interceptor that looks on.
type loud struct {
	grpc.ServerStream
	heard *[]string
}

func (l loud) RecvMsg(m any) error {
	err := l.ServerStream.RecvMsg(m)
	*l.heard = append(*l.heard, "in")
	return err
}

func (l loud) SendMsg(m any) error {
	*l.heard = append(*l.heard, "out")
	return l.ServerStream.SendMsg(m)
}

func TestInterceptorsInsideAndOutsideOfOursSeeWhatTheyDidBefore(t *testing.T) {
	tracer, ctx, parent := under(t)
	heard := map[string]*[]string{"outside": {}, "inside": {}}
	spans := map[string]bool{}
	listen := func(where string) grpc.ServerOption {
		return grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
			spans[where] = opentracing.SpanFromContext(stream.Context()) != nil
			return handle(srv, loud{stream, heard[where]})
		})
	}
	options := append([]grpc.ServerOption{listen("outside")}, gapgrpc.ServerOptions(gaptrace.WithTracer(tracer))...)
	l := start(t, &service{}, append(options, listen("inside"))...)
	client := pb.NewTestServiceClient(dial(t, l, gapgrpc.DialOptions(gaptrace.WithTracer(tracer))...))
	drain(must(client.StreamingOutputCall(ctx, ask(1, 2)))(t))
	await(t, "the handler", func() bool { return len(calls(tracer)) == 2 })
	for where, heard := range heard {
		if got := strings.Join(*heard, " "); got != "in out out" || spans[where] != (where == "inside") {
			t.Errorf("%s: %s, a span in the context: %v", where, got, spans[where])
		}
	}
	wantTree(t, tracer, parent, line(download, "grpc.code=OK messages=2 peer.address=bufconn")+
		"    "+handler(download, "grpc.code=OK peer.address=bufconn response_messages=2"))
}
