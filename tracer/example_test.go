package tracer_test

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func ExampleNew() {
	// The environment says where spans are sent. With a recorder alone, no Jaeger is needed.
	recorder := tracer.NewRecorder(100)
	t, closer, err := tracer.New("shop", tracer.WithRecorder(recorder))
	if err != nil {
		fmt.Println(err)
		return
	}

	order := t.StartSpan("order")
	t.StartSpan("charge the card", opentracing.ChildOf(order.Context())).Finish()
	order.Finish()

	if err := closer.Close(); err != nil {
		fmt.Println(err)
	}
	for _, trace := range recorder.Traces() {
		for _, span := range trace {
			fmt.Println(span.Process.Service, span.Operation)
		}
	}
	// Output:
	// shop charge the card
	// shop order
}

func ExampleNew_malformed() {
	t, closer, err := tracer.New("shop", tracer.WithCollector("localhost:14268"))
	fmt.Println(t, closer, err)
	// Output:
	// <nil> <nil> tracer: WithCollector("localhost:14268"): want the collector's http or https URL, such as http://localhost:14268
}

func ExampleFromYAML() {
	recorder := tracer.NewRecorder(100)
	t, closer, err := tracer.FromYAML(strings.NewReader(`
service_name: shop
sampler: {type: const, param: 1}
tags: {zone: eu}
propagation: b3
`), tracer.WithRecorder(recorder))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()

	span := t.StartSpan("order")
	headers := http.Header{}
	if err := t.Inject(span.Context(), opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(headers)); err != nil {
		fmt.Println(err)
	}
	span.Finish()
	fmt.Println(recorder.Traces()[0][0].Process.Service, len(headers), "headers, sampled:", headers.Get("x-b3-sampled"))
	// Output:
	// shop 3 headers, sampled: 1
}

func ExampleFromYAML_malformed() {
	_, _, err := tracer.FromYAML(strings.NewReader("service_name: shop\nsampler:\n  typ: const\nlogging: maybe\n"))
	fmt.Println(err)
	// Output:
	// tracer: line 3: sampler.typ: unknown key; did you mean type?
	// tracer: line 4: logging: "maybe": want true or false
}
