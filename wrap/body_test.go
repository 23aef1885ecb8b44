package wrap_test

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/wrap"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// reader returns a byte a second, left times, and then err or io.EOF.
type reader struct {
	left   int
	err    error
	closed int
}

func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		if r.err == nil {
			return 0, io.EOF
		}
		return 0, r.err
	}
	time.Sleep(time.Second)
	r.left--
	return copy(p, "x"), nil
}

var errClose = errors.New("close")

func (r *reader) Close() error {
	r.closed++
	return errClose
}

func readAll(t *testing.T, r io.Reader) {
	if _, err := io.ReadAll(r); err != nil {
		t.Error(err)
	}
}

func TestBodyFinishesTheCall(t *testing.T) {
	for name, test := range map[string]struct {
		raw  *reader
		use  func(t *testing.T, body io.ReadCloser)
		want string
	}{
		"EOF": {
			&reader{left: 3}, func(t *testing.T, body io.ReadCloser) { readAll(t, body) },
			"  op bytes=3 component=lib span.kind=client\n",
		},
		"error": {&reader{left: 1, err: errBoom}, func(t *testing.T, body io.ReadCloser) {
			if got, err := io.ReadAll(body); string(got) != "x" || err != errBoom {
				t.Error(got, err)
			}
		}, `
  op bytes=1 component=lib error=true span.kind=client
    * event=error error.kind=*errors.errorString message=boom
`},
		"Close": {&reader{left: 1}, func(t *testing.T, body io.ReadCloser) {
			if err := body.Close(); err != errClose {
				t.Error(err)
			}
		}, `
  op bytes=0 component=lib error=true span.kind=client
    * event=error error.kind=*errors.errorString message=close
`},
	} {
		t.Run(name, func(t *testing.T) {
			w, tracer, ctx, parent := under(t)
			synctest.Test(t, func(t *testing.T) {
				test.use(t, w.Start(ctx, describe).Body(test.raw))
			})
			spantest.WantUnder(t, tracer, parent, test.want)
		})
	}
}

func TestNilBody(t *testing.T) {
	w, tracer, ctx, parent := under(t)
	if body := w.Start(ctx, describe).Body(nil); body != nil {
		t.Error(body)
	}
	spantest.WantUnder(t, tracer, parent, "  op component=lib span.kind=client\n")
}

func TestReadsOfAServer(t *testing.T) {
	w := func(tracer *spantest.Tracer) *wrap.Wrapper {
		return wrap.New("", gaptrace.WithTracer(tracer))
	}
	for name, test := range map[string]struct {
		body *reader
		want int // waits
	}{"slow client": {&reader{left: 3}, 1}, "nothing to read": {&reader{}, 0}} {
		t.Run(name, func(t *testing.T) {
			tracer := spantest.NewTracer()
			synctest.Test(t, func(t *testing.T) {
				call := w(tracer).Serve(t.Context(), ext.SpanKindRPCServerEnum, op, opentracing.TextMap)
				call.Open(t.Context())
				readAll(t, call.Body(test.body))
				time.Sleep(time.Minute)
				call.Finish(nil)
			})
			reads := tracer.Named("op read")
			if len(reads) != test.want || test.want > 0 && reads[0].ParentID != tracer.Only(t, "op").ID {
				t.Errorf("%d reads:\n%s", len(reads), tracer.Tree())
			}
			if want := time.Minute + 3*time.Second; test.want > 0 && tracer.Only(t, "op").Duration() != want {
				t.Errorf("the handler's span takes %v", tracer.Only(t, "op").Duration())
			}
			if p := tracer.Problems(); p != nil {
				t.Error(p)
			}
		})
	}
	t.Run("nil", func(t *testing.T) {
		call := w(spantest.NewTracer()).Serve(t.Context(), ext.SpanKindRPCServerEnum, op, opentracing.TextMap)
		if body := call.Body(nil); body != nil {
			t.Error(body)
		}
		call.Finish(nil)
	})
}
