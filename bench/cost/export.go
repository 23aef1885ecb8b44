package main

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/bench/internal/sink"
	"github.com/uber/jaeger-client-go"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// queued is the size of an exporter's queue: enough for a whole chunk, so that no span is dropped.
const queued = 10_000

// exporting opens tracers that send to a sink, each as its documentation shows: Jaeger's by UDP to
// an agent, OpenTelemetry's in batches by OTLP over HTTP, and dd-trace-go's to its agent.
func exporting(to sinkProcess) tracers {
	collector := must(otlptracehttp.New(context.Background(),
		otlptracehttp.WithInsecure(), otlptracehttp.WithEndpoint(to.http)))
	batches := sdk.NewBatchSpanProcessor(collector, sdk.WithMaxQueueSize(queued), sdk.WithBlocking())
	return tracers{
		peer.OpenTracing:   openAgent(to.udp),
		peer.OpenTelemetry: openOTel(batches),
		peer.Datadog:       openDatadog(to.http),
	}
}

func openAgent(address string) api {
	sent := &countingTransport{Transport: must(jaeger.NewUDPTransport(address, 0))}
	reporter := &countingReporter{Reporter: jaeger.NewRemoteReporter(sent, jaeger.ReporterOptions.QueueSize(queued))}
	return openJaeger(reporter, func() {
		for sent.spans.Load() < reporter.spans.Load() {
			time.Sleep(100 * time.Microsecond) // sleeping costs no CPU time
		}
	})
}

// countingReporter counts the spans that enter the queue, countingTransport those that leave it.
type (
	countingReporter struct {
		jaeger.Reporter
		spans atomic.Int64
	}
	countingTransport struct {
		jaeger.Transport
		spans atomic.Int64
	}
)

func (c *countingReporter) Report(span *jaeger.Span) {
	c.spans.Add(1)
	c.Reporter.Report(span)
}

func (c *countingTransport) Append(span *jaeger.Span) (int, error) {
	defer c.spans.Add(1)
	return c.Transport.Append(span)
}

// sinkProcess is a sink in a child process, so that its work is in no figure.
type sinkProcess struct {
	udp, http string
	stop      func() error
}

func startSink() (s sinkProcess, err error) {
	c, err := startChild(asSink, nil, nil)
	if err != nil {
		return sinkProcess{}, fmt.Errorf("start a sink: %w", err)
	}
	s.stop = c.stop
	_, err = fmt.Sscan(c.firstLine, &s.udp, &s.http)
	return s, err
}

// serveSink is the main function of the sink. It prints its addresses and serves until stdin ends.
func serveSink(stdin io.Reader, stdout io.Writer) error {
	to, err := sink.Listen()
	if err != nil {
		return err
	}
	defer to.Close()
	fmt.Fprintln(stdout, to.UDP, to.HTTP)
	_, err = io.Copy(io.Discard, stdin)
	return err
}
