package tracer_test

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"runtime/trace"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func ExampleNew() {
	recorder := tracer.NewRecorder(100) // with a recorder alone, no Jaeger is needed
	t, closer, err := tracer.New("shop", tracer.WithRecorder(recorder))
	if err != nil {
		log.Fatal(err)
	}
	defer closer.Close()

	order := t.StartSpan("order")
	t.StartSpan("charge the card", opentracing.ChildOf(order.Context())).Finish()
	order.Finish()

	for _, span := range recorder.Traces()[0] {
		fmt.Println(span.Process.Service, span.Operation)
	}
	// Output:
	// shop charge the card
	// shop order
}

func ExampleNew_malformed() {
	t, closer, err := tracer.New("shop", tracer.WithCollector("jaeger:14268"))
	fmt.Println(t, closer, err)
	// Output:
	// <nil> <nil> tracer: WithCollector("jaeger:14268"): want the collector's http or https URL, such as http://localhost:14268
}

func ExampleRecorder_Observe() {
	r := tracer.NewRecorder(0)
	t, closer, err := tracer.New("shop", tracer.WithRecorder(r))
	if err != nil {
		log.Fatal(err)
	}
	defer closer.Close()
	stop := r.Observe(func(spans []gap.Span) {
		trace, _ := gap.Build(spans)
		fmt.Printf("%s: %d spans, self time %v\n", spans[0].Operation, trace.Len(), trace.SelfTime())
	}, 0)
	defer stop()

	start := time.Now()
	root := t.StartSpan("GET /cart", opentracing.StartTime(start))
	query := t.StartSpan("query", opentracing.ChildOf(root.Context()), opentracing.StartTime(start))
	query.SetTag("span.kind", "client")
	query.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(20 * time.Millisecond)})
	root.FinishWithOptions(opentracing.FinishOptions{FinishTime: start.Add(30 * time.Millisecond)})
	// Output: GET /cart: 2 spans, self time 10ms
}

func ExampleWithExecutionTrace() {
	t, closer, err := tracer.New("shop", tracer.WithExecutionTrace())
	if err != nil {
		log.Fatal(err)
	}
	defer closer.Close()

	file, err := os.Create("trace.out")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	if err := trace.Start(file); err != nil { // package runtime/trace
		log.Fatal(err)
	}
	defer trace.Stop()
	t.StartSpan("order").Finish() // go tool trace shows it as a log of the category gaptrace
}

func ExampleFromYAML() {
	t, closer, err := tracer.FromYAML(strings.NewReader(`
service_name: shop
sampler: {type: const, param: 1}
propagation: b3
`), tracer.WithRecorder(tracer.NewRecorder(100)))
	if err != nil {
		log.Fatal(err)
	}
	defer closer.Close()

	headers := http.Header{}
	err = t.Inject(t.StartSpan("order").Context(), opentracing.HTTPHeaders, opentracing.HTTPHeadersCarrier(headers))
	fmt.Println(err, len(headers), "headers, sampled:", headers.Get("x-b3-sampled"))
	// Output:
	// <nil> 3 headers, sampled: 1
}

func ExampleFromYAML_malformed() {
	_, _, err := tracer.FromYAML(strings.NewReader("service_name: shop\nsampler:\n  typ: const\nlogging: maybe\n"))
	fmt.Println(err)
	// Output:
	// tracer: line 3: sampler.typ: unknown key; did you mean type?
	// tracer: line 4: logging: "maybe": want true or false
}
