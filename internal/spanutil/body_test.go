package spanutil_test

import (
	"errors"
	"fmt"
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

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spanutil"
)

func TestTheEndOfABodyFinishesItsCall(t *testing.T) {
	const (
		ok     = "op bytes=%d component=lib span.kind=client\n"
		failed = "op bytes=%d component=lib error=true span.kind=client\n" +
			"  * event=error error.kind=*errors.errorString message=%q\n"
	)
	abc := func() io.Reader { return strings.NewReader("abc") }
	readAll := func(b io.ReadCloser) { io.Copy(io.Discard, b) }
	for name, c := range map[string]struct {
		body io.Reader
		use  func(io.ReadCloser)
		want string
	}{
		"EOF": {abc(), readAll, fmt.Sprintf(ok, 3)},
		"Close": {
			abc(),
			func(b io.ReadCloser) { b.Close() },
			fmt.Sprintf(ok, 0),
		},
		"EOF and two Closes": {
			abc(),
			func(b io.ReadCloser) { readAll(b); b.Close(); b.Close() },
			fmt.Sprintf(ok, 3),
		},
		"data and EOF at once": {
			iotest.DataErrReader(abc()),
			func(b io.ReadCloser) { b.Read(make([]byte, 9)) },
			fmt.Sprintf(ok, 3),
		},
		"error": {
			io.MultiReader(strings.NewReader("ab"), iotest.ErrReader(io.ErrUnexpectedEOF)),
			readAll,
			fmt.Sprintf(failed, 2, "unexpected EOF"),
		},
		"panic": {
			readerFunc(func([]byte) (int, error) { panic("read") }),
			func(b io.ReadCloser) { defer func() { recover() }(); readAll(b) },
			fmt.Sprintf(failed, 0, "panic or runtime.Goexit in the wrapped call"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, tracer := roots()
			call, _ := open(w, t.Context(), op)
			c.use(bodyOf(call, io.NopCloser(c.body)))
			spantest.WantTree(t, tracer, c.want)
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

func TestCloseIsCoveredAndItsFailureRecorded(t *testing.T) {
	w, tracer := roots()
	synctest.Test(t, func(t *testing.T) {
		call, _ := open(w, t.Context(), op)
		body := bodyOf(call, lateClose{strings.NewReader("body")})
		time.Sleep(time.Minute)
		if err := body.Close(); err != errLate {
			t.Error(err)
		}
	})
	tracer.Only(t, "op wait")
	if s := tracer.Only(t, "op"); s.Tags["wait.us"] != int64(1_000_000) || s.Tags["error"] != true {
		t.Error(tracer.Tree())
	}
}

func TestAReaderThatReturnsAWrongCount(t *testing.T) {
	w, tracer := roots()
	call, _ := open(w, t.Context(), op)
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

func TestTrailersAreCopiedAtEOF(t *testing.T) {
	one, other := http.Header{"A": {"1"}}, http.Header{"B": {"2"}}
	for name, c := range map[string]struct{ announced, callers, came, want http.Header }{
		"announced":             {announced: http.Header{"A": nil}, came: one, want: one},
		"not announced":         {came: one, want: one},
		"the caller has others": {callers: other, came: one, want: http.Header{"A": {"1"}, "B": {"2"}}},
		"none":                  {},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := roots()
			call, _ := open(w, t.Context(), op)
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
				returned.Trailer = c.callers.Clone()
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

// Two readers reach the end at once, which net/http's bodies allow.
func TestTrailersAreThereForEveryReader(t *testing.T) {
	for range 100 {
		w, _ := roots()
		call, _ := open(w, t.Context(), op)
		came := http.Header{"A": {"1"}}
		var reading sync.WaitGroup
		reading.Add(2)
		body := io.NopCloser(readerFunc(func([]byte) (int, error) {
			reading.Done()
			reading.Wait()
			return 0, io.EOF
		}))
		returned := spanutil.WatchResponse(call, &http.Response{Trailer: came, Body: body}, nil)
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
