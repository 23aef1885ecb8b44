package tracer_test

import (
	"fmt"

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func ExampleNew() {
	// Where spans go is the environment's to say; a recorder alone needs no Jaeger.
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
