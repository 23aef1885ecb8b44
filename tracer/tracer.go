package tracer

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/gaptrace/gaptrace/tracer/internal/propagation"
	"github.com/gaptrace/gaptrace/tracer/internal/settings"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

// New opens a tracer for a service, configured by the JAEGER_* variables and by options. If service
// is blank, JAEGER_SERVICE_NAME names it. New does not set the global tracer.
//
// jaeger-client-go's defaults lose spans silently, so these differ; docs/tracer.md lists all:
//
//   - Every trace is sampled. jaeger-client-go samples none until an agent answers, and Jaeger has
//     no agent since version 1.63. If JAEGER_SAMPLING_ENDPOINT or JAEGER_SAMPLER_MANAGER_HOST_PORT
//     names a sampling server, that server decides. Until it answers, 0.1 % of all traces are
//     sampled.
//   - A tag's value may have 4 KiB. jaeger-client-go truncates it at 256 bytes, without a mark.
//     Many SQL statements are longer.
//   - The queue holds 10,000 finished spans. jaeger-client-go's holds 100, which one busy request
//     fills.
//
// If neither a collector nor an agent is configured, spans go by UDP to localhost:6831, as with all
// Jaeger clients; with [WithRecorder] they only go to the Recorder. JAEGER_ENDPOINT may omit the
// path /api/traces. JAEGER_REPORTER_LOG_SPANS=true logs every span, to the standard logger if there
// is no [WithLogger]. JAEGER_DISABLED=true returns a tracer that does nothing; no other variable is
// read.
//
// An error names the variable, its value and what is allowed. All errors are returned at once.
//
// Call Close on the closer when the program ends, or the queued spans are lost. It sends the queued
// spans and stops all goroutines. If the collector fails, it gives up after at most fifteen
// seconds. Its error says how many spans were lost since New, and the last reason. It also says if
// the last attempt to get a sampling strategy failed. An agent does not confirm what it receives,
// so spans that it lost are not counted. Close may be called several times, from several
// goroutines: all calls wait and return the same error. A closed tracer may still be used, but its
// spans only go to the Recorder.
func New(service string, opts ...Option) (opentracing.Tracer, io.Closer, error) {
	return open(new(settings.Source), service, opts)
}

// FromYAML opens a tracer as [New] does, but also reads a YAML document, as Jaeger's clients in
// other languages do:
//
//	service_name: shop
//	sampler: {type: const, param: 1}
//	local_agent: {reporting_host: localhost, reporting_port: 6831}
//	logging: true
//	tags: {zone: eu}
//	propagation: b3
//
// The keys are those of jaeger-client-python, and in sections sampler and reporter also those of
// Jaeger's Java and Go clients: docs/tracer.md lists them. Case, _ and - in keys do not matter. A
// key without a value is not set. Options win over the document, and the document wins over the
// environment. The document may be empty and has at most 1 MiB. If it has no service_name,
// JAEGER_SERVICE_NAME names the service.
//
// Settings that belong together come from a single source. If the document sets the sampler's type,
// the environment's parameter is not used. Credentials come from the document if it sets any of
// them or an endpoint, otherwise from the environment.
//
// An unknown key, a malformed value, a key that is set twice and a setting that only other clients
// support are errors that name the line. All errors are returned at once.
func FromYAML(r io.Reader, opts ...Option) (opentracing.Tracer, io.Closer, error) {
	src, err := settings.YAML(r)
	if err != nil {
		return nil, nil, err
	}
	return open(src, "", opts)
}

func open(src *settings.Source, service string, opts []Option) (opentracing.Tracer, io.Closer, error) {
	o, optionErr := apply(opts)
	src.Collector = o.collector
	if o.export.Backend != nil {
		src.Collector = o.export.Backend.URL // so that Jaeger's collector and its credentials are not used
	}
	s, err := src.Read(service)
	if err := errors.Join(optionErr, err); err != nil {
		return nil, nil, err
	}
	if s.Disabled {
		return opentracing.NoopTracer{}, closeFunc(func() error { return nil }), nil
	}
	for _, tag := range o.tags {
		s.SetTag(tag)
	}
	if len(o.formats) > 0 {
		s.Formats = o.formats
	}
	return start(s, o)
}

func start(s *settings.Settings, o *options) (opentracing.Tracer, io.Closer, error) {
	reporter, err := newReporter(s, o)
	if err != nil {
		return nil, nil, err
	}
	o.stats.setSampler(fmt.Sprintf("%s %v", s.Sampler.Type, s.Sampler.Param))
	stopSampler, samplerErr := func() {}, func() error { return nil }
	if s.Sampler.Type == jaeger.SamplerTypeRemote {
		o.stats.setSampler(fmt.Sprintf("remote: probabilistic %v, until the server answers", s.Sampler.Param))
		server := newSamplingServer(s.Sampler, o)
		stopSampler, samplerErr = server.stop, server.close
		s.Sampler.Options = append(s.Sampler.Options, jaeger.SamplerOptions.SamplingStrategyFetcher(server),
			jaeger.SamplerOptions.SamplingStrategyParser(server), jaeger.SamplerOptions.Updaters(server))
	}
	propagating := propagation.Options{
		Written: s.Formats, DeferredAsDenied: o.deferredAsDenied, LongIDs: s.Gen128Bit,
	}
	if o.recorder != nil {
		propagating.OnExtract = o.recorder.extracted
	}
	p := propagation.New(propagating)
	t, c, err := s.NewTracer(append(p.JaegerOptions(),
		config.Reporter(o.withMarks(reporter, s.ServiceName)),
		config.Logger(jaeger.NullLogger),
		config.MaxTagValueLength(s.MaxTagValue),
		config.ContribObserver(priorities{o.recorder}),
	)...)
	if err != nil {
		stopSampler()
		reporter.Close()
		return nil, nil, fmt.Errorf("tracer: %w", err)
	}
	closer := closeFunc(sync.OnceValue(func() error {
		stopSampler() // first, or Jaeger waits for the sampling server's answer
		return errors.Join(c.Close(), reporter.err(), samplerErr())
	}))
	return &propagation.Tracer{Tracer: t.(*jaeger.Tracer), Propagation: p}, closer, nil
}

type closeFunc func() error

func (f closeFunc) Close() error { return f() }
