package script

import (
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// PlayMethod is the full name of the gRPC method that plays a script. It takes the script as a
// StringValue and answers with a stream of StringValues, one for each piece.
const PlayMethod = "/bench.Script/Play"

// PlayStream describes PlayMethod to a client.
var PlayStream = grpc.StreamDesc{StreamName: "Play", ServerStreams: true}

// RegisterGRPC registers the service of PlayMethod.
func RegisterGRPC(server grpc.ServiceRegistrar) {
	play := PlayStream
	play.Handler = func(_ any, stream grpc.ServerStream) error {
		var text wrapperspb.StringValue
		if err := stream.RecvMsg(&text); err != nil {
			return err
		}
		script, err := Parse(text.GetValue())
		if err != nil {
			return err
		}
		return script.play(func(size int) error {
			return stream.SendMsg(wrapperspb.String(spaces[:min(size, len(spaces))]))
		})
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Script", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{play},
	}, struct{}{})
}
