package main

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/bench/internal/script"
	"github.com/gaptrace/gaptrace/internal/worktime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

var grpcScenarios = []scenario{{
	name: "grpc stream", about: "gRPC client: a stream of messages that arrive one by one, with work between them",
	covers: coversGRPC, open: grpcStream, short: true,
}}

func grpcStream(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	server := grpc.NewServer()
	script.RegisterGRPC(server)
	go server.Serve(listener) // ends with Stop
	conn, err := grpc.NewClient("passthrough:"+listener.Addr().String(),
		append(p.GRPCClient(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		server.Stop()
		return nil, nil, err
	}
	play := func(ctx context.Context, clock *worktime.Clock, pieces script.Script, each func(int)) error {
		stream, err := paused(clock, func() (grpc.ClientStream, error) {
			return conn.NewStream(ctx, &script.PlayStream, script.PlayMethod)
		})
		if err != nil {
			return err
		}
		request := wrapperspb.String(pieces.String())
		if err := pausedErr(clock, func() error { return stream.SendMsg(request) }); err != nil {
			return err
		}
		if err := pausedErr(clock, stream.CloseSend); err != nil {
			return err
		}
		for i := 0; ; i++ {
			var message wrapperspb.StringValue
			err := pausedErr(clock, func() error { return stream.RecvMsg(&message) })
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			each(i)
		}
	}
	connected := worktime.Start()
	err = play(context.Background(), connected, script.Script{{Size: 1}}, func(int) {})
	connected.Stop()
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			return play(ctx, clock, plan.pieces(100), func(i int) { on.burn(plan.steps[i].work) })
		})
	}, func() { conn.Close(); server.Stop() }, err
}
