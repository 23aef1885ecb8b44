package main

import (
	"context"
	"errors"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/bench/internal/sink"
	"github.com/uber/jaeger-client-go"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// exporters returns exporters to a sink, set up as their documentation shows: Jaeger's by UDP to an
// agent, OpenTelemetry's in batches by OTLP over HTTP. They run concurrently with the handlers, as
// in a program. The function returned stops them.
func exporters() (by peer.Exporter, end func() error, err error) {
	to, err := sink.Listen()
	if err != nil {
		return by, nil, err
	}
	agent, err := jaeger.NewUDPTransport(to.UDP, 0)
	if err != nil {
		to.Close()
		return by, nil, err
	}
	collector, err := otlptracehttp.New(
		context.Background(),
		otlptracehttp.WithInsecure(),
		otlptracehttp.WithEndpoint(to.HTTP),
	)
	if err != nil {
		agent.Close()
		to.Close()
		return by, nil, err
	}
	by = peer.Exporter{
		OpenTracing:   jaeger.NewRemoteReporter(agent),
		OpenTelemetry: sdk.NewBatchSpanProcessor(collector),
	}
	return by, func() error {
		by.OpenTracing.Close()
		err := by.OpenTelemetry.Shutdown(context.Background())
		if to.Taken() == 0 {
			err = errors.Join(err, errors.New("no spans were sent"))
		}
		to.Close()
		return err
	}, nil
}
