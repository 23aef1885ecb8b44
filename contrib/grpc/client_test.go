package gapgrpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	gapgrpc "github.com/gaptrace/gaptrace/contrib/grpc"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestAUnaryCallIsOneSpan(t *testing.T) {
	tracer, ctx, client := wrapped(t, &service{})
	if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
		t.Fatal(err)
	}
	wantTree(t, tracer, opentracing.SpanFromContext(ctx),
		"  /grpc.testing.TestService/UnaryCall component=grpc grpc.code=OK peer.address=bufconn span.kind=client\n")
}

func TestEveryErrorOfAClientIsAFailureButWhatItsCallerCalledOff(t *testing.T) {
	for code := codes.Canceled; code <= codes.Unauthenticated; code++ {
		t.Run(code.String(), func(t *testing.T) {
			tracer, ctx, client := wrapped(t, &service{})
			_, err := client.UnaryCall(ctx, &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(code), Message: "as asked"}})
			if status.Code(err) != code {
				t.Fatal(err)
			}
			wantTree(t, tracer, opentracing.SpanFromContext(ctx), fmt.Sprintf(
				"  %s component=grpc error=true grpc.code=%v peer.address=bufconn span.kind=client\n"+
					"    * event=error error.kind=*status.Error message=\"rpc error: code = %[2]v desc = as asked\"\n", unary, code))
		})
	}
	tracer, ctx, client := wrapped(t, &service{unary: func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := client.UnaryCall(cancelled, &pb.SimpleRequest{}); status.Code(err) != codes.Canceled {
		t.Error(err)
	}
	late, cancel := context.WithTimeout(ctx, 1)
	defer cancel()
	if _, err := client.UnaryCall(late, &pb.SimpleRequest{}); status.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
	spans := tracer.Named(unary)
	if spans[0].Tags["error"] != nil || spans[0].Tags["grpc.code"] != "Canceled" {
		t.Errorf("called off: %v", spans[0].Tags)
	}
	if spans[1].Tags["error"] != true || spans[1].Tags["grpc.code"] != "DeadlineExceeded" {
		t.Errorf("too late: %v", spans[1].Tags)
	}
}

func TestACallsEndIsNoFailureOnlyWhereItIsCanceledAndItsCallerCalledItOff(t *testing.T) {
	for name, c := range map[string]struct {
		ended  error // the caller's context
		code   codes.Code
		failed bool
	}{
		"called off":                           {context.Canceled, codes.Canceled, false},
		"failed when it had been called off":   {context.Canceled, codes.NotFound, true},
		"too late when it had been called off": {context.Canceled, codes.DeadlineExceeded, true},
		"called off by the server":             {nil, codes.Canceled, true},
		"called off when it was too late":      {context.DeadlineExceeded, codes.Canceled, true},
		"too late":                             {context.DeadlineExceeded, codes.DeadlineExceeded, true},
	} {
		t.Run(name, func(t *testing.T) {
			tracer, ctx, _ := under(t)
			if c.ended != nil {
				ended, cancel := context.WithCancel(ctx)
				if c.ended == context.DeadlineExceeded {
					ended, cancel = context.WithTimeout(ctx, 0)
				}
				cancel()
				ctx = ended
			}
			if ctx.Err() != c.ended {
				t.Fatalf("the context has ended with %v", ctx.Err())
			}
			next := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
				return status.Error(c.code, "")
			}
			_ = gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(tracer))(ctx, unary, nil, nil, nil, next)
			if tags := only(t, tracer, unary).Tags; (tags["error"] == true) != c.failed || tags["grpc.code"] != c.code.String() {
				t.Errorf("%v", tags)
			}
		})
	}
}

func TestAnErrorThatIsNoStatusHasTheCodeThatAServerWouldGiveIt(t *testing.T) {
	intercept := func(err error) *spantest.Span {
		tracer, ctx, _ := under(t)
		next := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return err }
		if got := gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(tracer))(ctx, unary, nil, nil, nil, next); got != err {
			t.Errorf("%T came back as %T", err, got)
		}
		return only(t, tracer, unary)
	}
	for _, c := range []struct {
		err  error
		code string
	}{
		{errors.New("a plain one"), "Unknown"},
		{context.DeadlineExceeded, "DeadlineExceeded"},
		{fmt.Errorf("wrapped: %w", context.Canceled), "Canceled"},
		{fmt.Errorf("wrapped: %w", status.Error(codes.NotFound, "none")), "NotFound"},
		{(*panicking)(nil), "Unknown"},
	} {
		if span := intercept(c.err); span.Tags["grpc.code"] != c.code || span.Tags["error"] != true {
			t.Errorf("%T: %v", c.err, span.Tags)
		}
	}
}

// panicking is an error that panics when it is asked anything.
type panicking struct{ status *status.Status }

func (p *panicking) Error() string              { return p.status.String() + string(p.status.Proto().Message[0]) }
func (p *panicking) GRPCStatus() *status.Status { return p.status }

// received returns a service that notes the metadata that comes with each call.
func received(all *[]metadata.MD) *service {
	return &service{unary: func(ctx context.Context, _ *pb.SimpleRequest) (*pb.SimpleResponse, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		*all = append(*all, md)
		return &pb.SimpleResponse{}, nil
	}}
}

func TestTheSpansContextReplacesWhatTheCallerForwardsAndNothingOfTheCallersIsTouched(t *testing.T) {
	var got []metadata.MD
	tracer, ctx, client := wrapped(t, received(&got))
	forwarded := metadata.MD{"spantest-trace": {"98", "99"}, "SPANTEST-SPAN": {"99"}, "kept": {"1", "2"}}
	before := forwarded.Copy()
	ctx = metadata.NewOutgoingContext(ctx, forwarded)
	ctx = metadata.AppendToOutgoingContext(ctx, "spantest-span", "97", "Appended", "3")
	if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
		t.Fatal(err)
	}
	span := only(t, tracer, unary)
	for key, want := range map[string][]string{
		"spantest-trace": {fmt.Sprint(span.TraceID)}, "spantest-span": {fmt.Sprint(span.ID)}, "kept": {"1", "2"}, "appended": {"3"},
	} {
		if !reflect.DeepEqual(got[0].Get(key), want) {
			t.Errorf("the server got %s: %v, want %v", key, got[0].Get(key), want)
		}
	}
	if !reflect.DeepEqual(forwarded, before) {
		t.Errorf("the caller's metadata has become %v", forwarded)
	}
	if md, _ := metadata.FromOutgoingContext(ctx); !reflect.DeepEqual(md["spantest-span"], []string{"99", "97"}) {
		t.Errorf("the caller's context has %v", md)
	}
}

func TestMetadataThatGRPCRefusesIsRefusedStill(t *testing.T) {
	_, ctx, client := wrapped(t, &service{})
	_, err := client.UnaryCall(metadata.NewOutgoingContext(ctx, metadata.MD{"Upper": {"x"}}), &pb.SimpleRequest{})
	if status.Code(err) != codes.Internal {
		t.Errorf("got %v", err)
	}
}

func TestACallThatIsNotRecordedGoesOutAsItIs(t *testing.T) {
	var got []metadata.MD
	tracer := spantest.NewTracer()
	client := pb.NewTestServiceClient(dial(t, start(t, received(&got)), gapgrpc.DialOptions(gaptrace.WithTracer(tracer),
		gaptrace.WithFilter(func(c gaptrace.Call) bool { return c.Operation != unary }))...))
	filtered := opentracing.ContextWithSpan(t.Context(), tracer.StartSpan("parent"))
	for _, ctx := range []context.Context{t.Context(), filtered} { // the first has no parent
		if _, err := client.UnaryCall(ctx, &pb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := drain(must(client.StreamingOutputCall(t.Context(), ask()))(t)); err == nil {
			t.Error("no end")
		}
	}
	for _, md := range got {
		if md.Get("spantest-trace") != nil {
			t.Errorf("the server got %v", md)
		}
	}
	if spans := tracer.Spans(); len(spans) != 0 || len(got) != 2 {
		t.Errorf("%d calls, drawn: %v", len(got), spans)
	}
}

// setter injects a key of its own.
type setter struct {
	*spantest.Tracer
	key, value string
}

func (s setter) Inject(_ opentracing.SpanContext, _, carrier any) error {
	carrier.(opentracing.TextMapWriter).Set(s.key, s.value)
	return nil
}

// FuzzWhatATracerInjectsBreaksNoCall is about baggage, which may hold anything.
func FuzzWhatATracerInjectsBreaksNoCall(f *testing.F) {
	for _, key := range []string{
		"", "X-B3-TraceId", "a b", "é", ":path", ":authority", "te", "TE", "host", "Connection", "content-type", "user-agent", "upgrade",
		"grpc-timeout", "Grpc-Status", "grpc-encoding", "grpc-trace-bin", "grpc-tags-bin", "grpc-previous-rpc-attempts", "data-bin", "-bin", "transfer-encoding",
		"keep-alive", "proxy-connection", "content-length", "trailer", "cookie",
	} {
		f.Add(key, "value")
		f.Add(key, "line\nbreak, \x00, é and 5H")
	}
	var got []metadata.MD
	l := start(f, received(&got))
	conn := dial(f, l)
	f.Fuzz(func(t *testing.T, key, value string) {
		tracer, ctx, _ := under(t)
		next := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, opts ...grpc.CallOption) error {
			return conn.Invoke(ctx, method, req, reply, opts...)
		}
		got = nil
		if err := gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(setter{tracer, key, value}))(ctx, unary, &pb.SimpleRequest{}, &pb.SimpleResponse{}, nil, next); err != nil {
			t.Fatalf("%q: %q fails the call: %v", key, value, err)
		}
		for k, values := range got[0] {
			if strings.EqualFold(k, key) && len(values) != 1 { // grpc's own, or the injected one
				t.Errorf("%q: %q arrived as %q", key, value, values)
			}
		}
	})
}

func TestAPanicOfAnInnerInterceptorPassesAndTheSpanHasFailed(t *testing.T) {
	tracer, ctx, parent := under(t)
	intercept := gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(tracer))
	streams := gapgrpc.StreamClientInterceptor(gaptrace.WithTracer(tracer))
	for _, call := range []func(){
		func() {
			_ = intercept(ctx, unary, nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { panic("inner") })
		},
		func() {
			_, _ = streams(ctx, &grpc.StreamDesc{}, nil, upload, func(context.Context, *grpc.StreamDesc, *grpc.ClientConn, string, ...grpc.CallOption) (grpc.ClientStream, error) {
				panic("inner")
			})
		},
	} {
		if with := panicOf(call); with != "inner" {
			t.Errorf("panicked with %v", with)
		}
	}
	const failed = " component=grpc error=true grpc.code=Unknown span.kind=client\n    * event=error error.kind=*errors.errorString message=\"panic or runtime.Goexit in the wrapped call\"\n"
	wantTree(t, tracer, parent, "  "+unary+failed+"  "+upload+failed)
}

// panicOf is what f panics with.
func panicOf(f func()) (with any) {
	defer func() { with = recover() }()
	f()
	return nil
}

// must is v for a test that fails on err.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestTheOptionsAreThoseOfEveryWrapper(t *testing.T) {
	tracer := spantest.NewTracer()
	client := pb.NewTestServiceClient(dial(t, start(t, &service{}), gapgrpc.DialOptions(nil, gaptrace.WithTracer(tracer), gaptrace.WithRoots(),
		gaptrace.WithOperation(func(c gaptrace.Call) string { return strings.TrimPrefix(c.Operation, "/grpc.testing.TestService/") }),
		gaptrace.WithTags(func(c gaptrace.Call) opentracing.Tags {
			return opentracing.Tags{"request": fmt.Sprintf("%T", c.Request), "peer.address": "x"}
		}),
		gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { return status.Code(err) == codes.NotFound }))...))
	_, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{ResponseStatus: &pb.EchoStatus{Code: int32(codes.NotFound)}})
	if status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	stream := must(client.StreamingOutputCall(t.Context(), ask(1)))(t)
	if n, _ := drain(stream); n != 1 {
		t.Errorf("%d messages", n)
	}
	want := "UnaryCall component=grpc grpc.code=NotFound peer.address=x request=*grpc_testing.SimpleRequest span.kind=client\n" +
		"StreamingOutputCall component=grpc grpc.code=OK messages=1 peer.address=x request=*grpc.StreamDesc span.kind=client\n"
	if got := tracer.Tree(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestWhateverATracerDoesTheCallsGoOn(t *testing.T) {
	for name, tracer := range spantest.Hostile(spantest.NewTracer()) {
		t.Run(name, func(t *testing.T) {
			opts := []gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()}
			client := pb.NewTestServiceClient(dial(t, start(t, &service{}, gapgrpc.ServerOptions(opts...)...), gapgrpc.DialOptions(opts...)...))
			if _, err := client.UnaryCall(t.Context(), &pb.SimpleRequest{}); err != nil {
				t.Error(err)
			}
			if n, _ := drain(must(client.StreamingOutputCall(t.Context(), ask(1, 2, 3)))(t)); n != 3 {
				t.Errorf("%d messages", n)
			}
		})
	}
}

// nowhere is an address that cannot be told.
type nowhere struct{ net.Addr }

func TestAnAddressThatPanicsBreaksNoCall(t *testing.T) {
	tracer, ctx, parent := under(t)
	next := func(_ context.Context, _ string, _, _ any, _ *grpc.ClientConn, opts ...grpc.CallOption) error {
		for _, opt := range opts {
			if asked, ok := opt.(grpc.PeerCallOption); ok {
				asked.PeerAddr.Addr = nowhere{}
			}
		}
		return nil
	}
	if err := gapgrpc.UnaryClientInterceptor(gaptrace.WithTracer(tracer))(ctx, unary, nil, nil, nil, next); err != nil {
		t.Error(err)
	}
	wantTree(t, tracer, parent, line(unary, "grpc.code=OK"))
}
