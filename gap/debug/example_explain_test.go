package debug_test

import (
	"io"
	"log"
	"log/slog"
	"net/http"
	"runtime/trace"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/cpuclock"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/tracer"
)

// explainer takes the place of explain.Explainer{}, which is in the module
// github.com/gaptrace/gaptrace/explain.
type explainer struct{}

func (explainer) Explain(_ io.Reader, traces []*gap.Trace) ([]*gap.Trace, []string, error) {
	return traces, nil, nil
}

// A program explains its gaps on a page, and saves its slow requests.
func Example_explanations() {
	recorder := tracer.NewRecorder(0)
	_, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder), tracer.WithExecutionTrace())
	if err != nil {
		log.Fatal(err)
	}
	defer closer.Close()

	// Without the clocks, waiting for a CPU counts as CPU time.
	stop := cpuclock.Start(cpuclock.Options{Profile: true})
	defer stop()

	// It keeps the last 20 seconds of the execution trace, or fewer if they have more than 32 MiB.
	flight := trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: 20 * time.Second, MaxBytes: 32 << 20})
	if err := flight.Start(); err != nil {
		log.Fatal(err)
	}
	defer flight.Stop()

	saver, err := debug.SaveSlow(recorder, flight, debug.SaveOptions{
		Dir: "/var/tmp/bookshop", Duration: time.Second, Logger: slog.Default(),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer saver.Close()

	// The page explain shows stacks, so the listener is only for the program's developers.
	mux := http.NewServeMux()
	mux.Handle("/debug/gaps/", debug.Handler(recorder, debug.WithExplainer(flight, explainer{})))
	log.Print(http.ListenAndServe("localhost:6060", mux))
}
