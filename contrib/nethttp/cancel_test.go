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

// A proxy passes its request's body on, cancels the request that it sent, and returns. The backend
// must see the cancellation while the response's body is still open, or it would wait forever.
func TestCancellingARequestReachesTheServer(t *testing.T) {
	const size = 1 << 20
	cancels := map[string]func(*http.Request) (*http.Request, func()){
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
	for protocol := range protocols {
		for how, cancelable := range cancels {
			for _, answered := range []bool{false, true} {
				for _, wrapped := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%s/answered %v/wrapped %v", protocol, how, answered, wrapped), func(t *testing.T) {
						t.Parallel()
						tracer := spantest.NewTracer()
						opts := []gaptrace.Option{gaptrace.WithTracer(tracer), gaptrace.WithRoots()}
						handler := func(h http.HandlerFunc) http.Handler {
							if wrapped {
								return nethttp.WrapHandler(h, opts...)
							}
							return h
						}
						client := func(rt http.RoundTripper) *http.Client {
							if wrapped {
								rt = nethttp.Wrap(rt, opts...)
							}
							return &http.Client{Transport: rt}
						}
						arrived, learned := make(chan bool), make(chan bool)
						var backend *server // stopped first: a request that cannot be cancelled ends only then
						var toBackend *http.Transport
						kept := make(chan *http.Response, 1)
						proxy, toProxy := start(t, protocol, handler(func(w http.ResponseWriter, r *http.Request) {
							req, err := http.NewRequest("POST", backend.URL, r.Body)
							if err != nil {
								t.Error(err)
								return
							}
							req.ContentLength = size
							req, cancel := cancelable(req)
							if !answered {
								go func() {
									<-arrived
									cancel()
								}()
							}
							resp, err := client(toBackend).Do(req)
							if (err == nil) != answered {
								t.Errorf("error %v, answered %v", err, answered)
							}
							if err == nil {
								io.CopyN(io.Discard, resp.Body, size/2)
								kept <- resp
								cancel()
							}
							io.WriteString(w, "OK")
						}))
						backend, toBackend = start(t, protocol, handler(func(w http.ResponseWriter, r *http.Request) {
							if answered {
								io.CopyN(w, r.Body, size)
							} else {
								io.CopyN(io.Discard, r.Body, size)
							}
							close(arrived)
							<-r.Context().Done()
							close(learned)
						}))
						ctx, giveUp := context.WithTimeout(t.Context(), 30*time.Second)
						defer giveUp()
						body := strings.NewReader(strings.Repeat("x", size))
						req, err := http.NewRequestWithContext(ctx, "POST", proxy.URL, body)
						if err != nil {
							t.Fatal(err)
						}
						if resp, err := (&http.Client{Transport: toProxy}).Do(req); err == nil {
							resp.Body.Close()
						}
						select {
						case <-learned:
						case <-ctx.Done():
							t.Error("the server did not see the cancellation")
						}
						select {
						case resp := <-kept:
							resp.Body.Close()
						default:
						}
					})
				}
			}
		}
	}
}
