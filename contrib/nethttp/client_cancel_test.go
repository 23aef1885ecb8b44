package nethttp_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// cancels are the ways to cancel a request. Each returns the request to send, and a function that
// cancels it.
var cancels = map[string]func(*http.Request) (*http.Request, func()){
	"by its context": func(r *http.Request) (*http.Request, func()) {
		ctx, cancel := context.WithCancel(r.Context())
		return r.WithContext(ctx), cancel
	},
	"by its channel": func(r *http.Request) (*http.Request, func()) {
		cancel := make(chan struct{})
		//lint:ignore SA1019 deprecated, but still in use
		r.Cancel = cancel
		return r, func() { close(cancel) }
	},
}

func TestClientCancel(t *testing.T) {
	for protocol := range protocols {
		for how, cancelable := range cancels {
			for _, answered := range []bool{false, true} {
				for _, wrapped := range []bool{false, true} {
					name := fmt.Sprintf("%s/%s/answered %v/wrapped %v", protocol, how, answered, wrapped)
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						c := cancellation{protocol: protocol, cancelable: cancelable, answered: answered}
						if wrapped {
							c.opts = []gaptrace.Option{gaptrace.WithTracer(spantest.NewTracer()), gaptrace.WithRoots()}
						}
						c.run(t)
					})
				}
			}
		}
	}
}

// cancellation is a proxy that passes its request's body on to a backend, cancels the request that
// it sent, and returns. The backend must see the cancellation while the response's body is still
// open. Otherwise it would wait forever.
type cancellation struct {
	protocol   string
	cancelable func(*http.Request) (*http.Request, func())
	answered   bool              // before it is cancelled
	opts       []gaptrace.Option // nil: nothing is wrapped

	backend          *server
	toBackend        *http.Transport
	arrived, learned chan bool // closed by the backend: it has the body; it has seen the cancellation
	kept             chan *http.Response
}

const cancelSize = 1 << 20 // of the body

func (c *cancellation) run(t *testing.T) {
	c.arrived, c.learned, c.kept = make(chan bool), make(chan bool), make(chan *http.Response, 1)
	// The backend is stopped first: a request that cannot be cancelled ends only then.
	proxy, toProxy := start(t, c.protocol, c.handler(func(w http.ResponseWriter, r *http.Request) { c.proxy(t, w, r) }))
	c.backend, c.toBackend = start(t, c.protocol, c.handler(c.serve))

	ctx, giveUp := context.WithTimeout(t.Context(), 30*time.Second)
	defer giveUp()
	body := strings.NewReader(strings.Repeat("x", cancelSize))
	req := spantest.Must(http.NewRequestWithContext(ctx, "POST", proxy.URL, body))(t)
	if resp, err := (&http.Client{Transport: toProxy}).Do(req); err == nil {
		resp.Body.Close()
	}
	select {
	case <-c.learned:
	case <-ctx.Done():
		t.Error("the backend did not see the cancellation")
	}
	select {
	case resp := <-c.kept:
		resp.Body.Close()
	default:
	}
}

func (c *cancellation) handler(h http.HandlerFunc) http.Handler {
	if c.opts == nil {
		return h
	}
	return nethttp.WrapHandler(h, c.opts...)
}

// proxy sends the request on. It cancels that request when the backend has the body, or in the
// middle of the response.
func (c *cancellation) proxy(t *testing.T, w http.ResponseWriter, r *http.Request) {
	req, err := http.NewRequest("POST", c.backend.URL, r.Body)
	if err != nil {
		t.Error(err)
		return
	}
	req.ContentLength = cancelSize
	req, cancel := c.cancelable(req)
	if !c.answered {
		go func() {
			<-c.arrived
			cancel()
		}()
	}
	rt := http.RoundTripper(c.toBackend)
	if c.opts != nil {
		rt = nethttp.Wrap(rt, c.opts...)
	}
	resp, err := (&http.Client{Transport: rt}).Do(req)
	if (err == nil) != c.answered {
		t.Errorf("error %v, answered %v", err, c.answered)
	}
	if err == nil {
		io.CopyN(io.Discard, resp.Body, cancelSize/2)
		c.kept <- resp
		cancel()
	}
	io.WriteString(w, "OK")
}

func (c *cancellation) serve(w http.ResponseWriter, r *http.Request) {
	if c.answered {
		io.CopyN(w, r.Body, cancelSize)
	} else {
		io.CopyN(io.Discard, r.Body, cancelSize)
	}
	close(c.arrived)
	<-r.Context().Done()
	close(c.learned)
	if !c.answered {
		// An answer could still reach the client: TLS closes the connection in two steps, and this
		// handler sees the first one.
		panic(http.ErrAbortHandler)
	}
}
