package spanutil_test

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

func TestRunHandler(t *testing.T) {
	for name, c := range map[string]struct {
		handle   func()
		returned bool
		panicked any
	}{
		"returns": {func() {}, true, nil},
		"panics":  {func() { panic("handler") }, false, "handler"},
		"Goexits": {runtime.Goexit, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ended := false
			var handler sync.WaitGroup
			handler.Go(func() {
				defer func() {
					if got := recover(); got != c.panicked {
						t.Errorf("the panic goes on as %v", got)
					}
				}()
				spanutil.RunHandler(c.handle, func(returned bool, panicked any) {
					ended = true
					if returned != c.returned || panicked != c.panicked {
						t.Errorf("end got %v, %v", returned, panicked)
					}
				})
				if !c.returned {
					t.Error("RunHandler returned")
				}
			})
			handler.Wait()
			if !ended {
				t.Error("end was not called")
			}
		})
	}
}

func TestPanicError(t *testing.T) {
	for want, value := range map[string]any{
		"panic: unexpected EOF":  io.ErrUnexpectedEOF,
		"panic: text":            "text",
		"panic with a struct {}": struct{}{},
		"panic with a *int":      new(int),
	} {
		err := spanutil.PanicError(value)
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		if cause, ok := value.(error); ok && !errors.Is(err, cause) {
			t.Errorf("%q does not wrap the error", err)
		}
	}
}
