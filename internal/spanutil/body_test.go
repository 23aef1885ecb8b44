package spanutil_test

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// bodyOf returns the body that a caller gets for rc.
func bodyOf(call *spanutil.Call, rc io.ReadCloser) io.ReadCloser {
	return spanutil.WatchResponse(call, &http.Response{Body: rc}, nil).Body
}

func TestABodyEndsItsCall(t *testing.T) {
	ends := map[string]struct {
		body  io.ReadCloser
		use   func(io.ReadCloser)
		spans string
	}{
		"EOF":          {io.NopCloser(strings.NewReader("abc")), func(b io.ReadCloser) { io.Copy(io.Discard, b) }, "op bytes=3 component=lib span.kind=client\n"},
		"Close":        {io.NopCloser(strings.NewReader("abc")), func(b io.ReadCloser) { b.Close() }, "op bytes=0 component=lib span.kind=client\n"},
		"both":         {io.NopCloser(strings.NewReader("abc")), func(b io.ReadCloser) { io.Copy(io.Discard, b); b.Close(); b.Close() }, "op bytes=3 component=lib span.kind=client\n"},
		"data and EOF": {io.NopCloser(iotest.DataErrReader(strings.NewReader("abc"))), func(b io.ReadCloser) { b.Read(make([]byte, 9)) }, "op bytes=3 component=lib span.kind=client\n"},
		"error": {
			io.NopCloser(io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(io.ErrUnexpectedEOF))), func(b io.ReadCloser) { io.ReadAll(b) },
			"op bytes=2 component=lib error=true span.kind=client\n  * event=error error.kind=*errors.errorString message=\"unexpected EOF\"\n",
		},
		"panic": {
			io.NopCloser(readerFunc(func([]byte) (int, error) { panic("read") })), func(b io.ReadCloser) { defer func() { recover() }(); io.ReadAll(b) },
			"op bytes=0 component=lib error=true span.kind=client\n  * event=error error.kind=*errors.errorString message=\"panic or runtime.Goexit in the wrapped call\"\n",
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			w, tracer := roots()
			call, _ := start(w, t.Context(), op)
			end.use(bodyOf(call, end.body))
			wantTree(t, tracer, end.spans)
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// lateClose is a body whose Close takes a while, and fails.
type lateClose struct{ io.Reader }

var errLate = errors.New("too late")

func (lateClose) Close() error {
	time.Sleep(time.Second)
	return errLate
}

func TestTheCloseOfABodyIsCoveredAndItsFailureTold(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		call, _ := start(w, t.Context(), op)
		body := bodyOf(call, lateClose{strings.NewReader("body")})
		time.Sleep(time.Minute)
		if err := body.Close(); err != errLate {
			t.Error(err)
		}
	})
	if s := tracer.Named("op")[0]; s.Tags["wait.us"] != int64(1_000_000) || s.Tags["error"] != true || len(tracer.Named("op wait")) != 1 {
		t.Error(tracer.Tree())
	}
}

func TestAReaderThatCountsWrongTakesNothingAway(t *testing.T) {
	w, tracer := roots()
	call, _ := start(w, t.Context(), op)
	answers := []int{4, -1, 9}
	seen := 0
	body := spanutil.WatchResponse(call, &http.Response{Body: io.NopCloser(readerFunc(func([]byte) (int, error) {
		n := answers[0]
		answers = answers[1:]
		return n, nil
	}))}, func(p []byte, _ bool) { seen += len(p) }).Body
	for range 3 {
		body.Read(make([]byte, 4))
	}
	body.Close()
	if got := tracer.Spans()[0].Tags["bytes"]; got != int64(13) || seen != 8 {
		t.Errorf("%v bytes, %d seen", got, seen)
	}
}

func TestTrailersReachTheCallersResponseAtEOF(t *testing.T) {
	for name, c := range map[string]struct{ announced, callers, came, want http.Header }{
		"announced":             {announced: http.Header{"A": nil}, came: http.Header{"A": {"1"}}, want: http.Header{"A": {"1"}}},
		"not announced":         {came: http.Header{"A": {"1"}}, want: http.Header{"A": {"1"}}},
		"the caller has others": {callers: http.Header{"B": {"2"}}, came: http.Header{"A": {"1"}}, want: http.Header{"A": {"1"}, "B": {"2"}}},
		"none":                  {},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := roots()
			call, _ := start(w, t.Context(), op)
			answered := &http.Response{Trailer: c.announced}
			var once sync.Once
			answered.Body = io.NopCloser(readerFunc(func([]byte) (int, error) {
				once.Do(func() {
					if answered.Trailer == nil {
						answered.Trailer = http.Header{}
					}
					maps.Copy(answered.Trailer, c.came)
				})
				return 0, io.EOF
			}))
			returned := spanutil.WatchResponse(call, answered, nil)
			if c.callers != nil {
				returned.Trailer = c.callers
			}
			io.Copy(io.Discard, returned.Body)
			if !maps.EqualFunc(returned.Trailer, c.want, slices.Equal) {
				t.Errorf("got %v, want %v", returned.Trailer, c.want)
			}
			if returned.Trailer != nil { // the caller's own, from now on
				returned.Trailer = http.Header{}
				returned.Body.Read(nil)
				if len(returned.Trailer) > 0 {
					t.Errorf("another read brought %v back", returned.Trailer)
				}
			}
		})
	}
}

// TestTrailersAreThereForEveryReader has two readers come to the end at once, which net/http's bodies allow.
func TestTrailersAreThereForEveryReader(t *testing.T) {
	for range 100 {
		w, _ := roots()
		call, _ := start(w, t.Context(), op)
		came := http.Header{"A": {"1"}}
		var reading sync.WaitGroup
		reading.Add(2)
		returned := spanutil.WatchResponse(call, &http.Response{Trailer: came, Body: io.NopCloser(readerFunc(func([]byte) (int, error) {
			reading.Done()
			reading.Wait()
			return 0, io.EOF
		}))}, nil)
		returned.Trailer = http.Header{}
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				returned.Body.Read(nil)
				if got := returned.Trailer.Get("A"); got != "1" {
					t.Errorf("a reader at the end finds %q", got)
				}
			})
		}
		readers.Wait()
	}
}
