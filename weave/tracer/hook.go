//go:build gaptrace_woven

package tracer

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	_ "unsafe" // for go:linkname

	"github.com/gaptrace/gaptrace/tracer"
	"github.com/opentracing/opentracing-go"
)

func init() {
	if !opentracing.IsGlobalTracerRegistered() {
		opentracing.SetGlobalTracer(&late)
		global.isRegistered = false // the program has not set one; it may ask, and then set its own
	}
}

// global is opentracing's own variable, whose type is the same in v1.2.0, the oldest and the last
// release.
//
//go:linkname global github.com/opentracing/opentracing-go.globalTracer
var global struct {
	tracer       opentracing.Tracer
	isRegistered bool
}

// Close sends the spans that are still queued. The program's main calls it at its end.
func Close() {
	late.open.Do(func() { late.Tracer = opentracing.NoopTracer{} })
	if late.closer == nil {
		return
	}
	if err := late.closer.Close(); err != nil {
		fmt.Fprintf(os.Stderr, "gaptrace: %v\n", err)
	}
}

// late is the global tracer until the program sets one.
var late lateTracer

// lateTracer opens its tracer when it is first used. If the program sets another global tracer
// before, it opens none.
type lateTracer struct {
	open sync.Once
	opentracing.Tracer
	closer io.Closer
}

func (l *lateTracer) tracer() opentracing.Tracer {
	l.open.Do(func() {
		service := os.Getenv("JAEGER_SERVICE_NAME")
		if program, err := os.Executable(); err == nil && service == "" {
			service = strings.TrimSuffix(filepath.Base(program), ".exe")
		}
		var err error
		l.Tracer, l.closer, err = tracer.New(service)
		if err != nil {
			fmt.Fprintf(os.Stderr, "gaptrace: no spans are recorded: %v\n", err)
			l.Tracer = opentracing.NoopTracer{}
		}
	})
	return l.Tracer
}

func (l *lateTracer) StartSpan(operation string, opts ...opentracing.StartSpanOption) opentracing.Span {
	return l.tracer().StartSpan(operation, opts...)
}

func (l *lateTracer) Inject(sc opentracing.SpanContext, format, carrier any) error {
	return l.tracer().Inject(sc, format, carrier)
}

func (l *lateTracer) Extract(format, carrier any) (opentracing.SpanContext, error) {
	return l.tracer().Extract(format, carrier)
}
