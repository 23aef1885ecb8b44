package interop_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
)

// In these tests a client, "browser", sends a request through an httputil.ReverseProxy to a server,
// "backend". Its trace has four spans:
//
//	client HTTP GET        browser
//	  server HTTP GET      proxy
//	    client HTTP GET    proxy
//	      server HTTP GET  backend

// noteResponse reads a response to its end, and notes everything except its date.
func noteResponse(s *side, resp *http.Response, err error) {
	s.Helper()
	if err != nil {
		s.note("browser", "%v", err)
		return
	}
	body, readErr := io.ReadAll(resp.Body)
	resp.Header.Del("Date")
	s.note("browser", "%s %s %v, length %d, %d bytes of sha256 %x, %s, Close %s, trailer %v",
		resp.Proto, resp.Status, resp.Header, resp.ContentLength, len(body), sha256.Sum256(body),
		errorText(readErr), errorText(resp.Body.Close()), resp.Trailer)
}

func TestProxyIsOneTrace(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			backend := s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.note("backend", "%s %s of %s: %q, %q", r.Method, r.URL, r.Host, r.UserAgent(), r.Header.Get("X-Sent"))
				w.Header().Set("X-Served", "yes")
				io.WriteString(w, "hello")
			}))
			front := s.proxy(backend)
			req := s.request("GET", front.URL+"/books?page=2&broken=%zz", nil)
			req.Header.Set("X-Sent", "yes")
			resp, err := s.client(front).Do(req)
			if err == nil && resp.Proto[:6] != protocol[:6] {
				s.Errorf("the response came over %s", resp.Proto)
			}
			noteResponse(s, resp, err)
		})
		wantChain(t, tracer, true,
			"client HTTP GET 200 bytes=5",
			"server HTTP GET 200 response_size=5",
			"client HTTP GET 200 bytes=5",
			"server HTTP GET 200 response_size=5")
	})
}

func TestProxyPassesEarlyHints(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			front := s.proxy(s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Link", "</style.css>; rel=preload")
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(http.StatusAccepted)
			})))
			hints := 0
			trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
				hints++
				s.note("browser", "%d %v", code, header)
				return nil
			}}
			req := s.request("GET", front.URL, nil)
			resp, err := s.client(front).Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
			noteResponse(s, resp, err)
			if hints != 1 {
				s.Errorf("%d responses with hints, want 1", hints)
			}
		})
		wantChain(t, tracer, true,
			"client HTTP GET 202",
			"server HTTP GET 202",
			"client HTTP GET 202",
			"server HTTP GET 202")
	})
}

func TestProxyPassesTrailersBothWays(t *testing.T) {
	const size = 300_000 // more than any buffer on the way
	eachProtocol(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			front := s.proxy(s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body) // over HTTP/1.1 a handler must read before it writes
				s.note("backend", "length %d, %v, %d bytes, %s, trailer %v",
					r.ContentLength, r.TransferEncoding, len(body), errorText(err), r.Trailer)
				w.Header().Set("Trailer", "X-Sum")
				w.Write(body)
				w.Header().Set("X-Sum", fmt.Sprintf("%x", sha256.Sum256(body)))
				w.Header().Set(http.TrailerPrefix+"X-Unannounced", r.Trailer.Get("X-Sent"))
			})))
			// NopCloser hides the length, so that the body is sent in chunks.
			req := s.request("POST", front.URL, io.NopCloser(strings.NewReader(strings.Repeat("bytes", size/5))))
			req.Trailer = http.Header{"X-Sent": {"sent"}}
			resp, err := s.client(front).Do(req)
			noteResponse(s, resp, err)
			if err == nil && (resp.Trailer.Get("X-Unannounced") != "sent" || resp.Trailer.Get("X-Sum") == "") {
				s.Errorf("the trailers are %v", resp.Trailer)
			}
		})
		client := fmt.Sprintf("client HTTP POST 200 bytes=%d", size)
		server := fmt.Sprintf("server HTTP POST 200 request_size=%[1]d response_size=%[1]d", size)
		wantChain(t, tracer, true, client, server, client, server)
	})
}

// exchange is a response in two parts: the backend sends "part 1", waits until the browser has read
// it, and then does what the test is about.
type exchange struct {
	firstRead    chan struct{} // closed when the browser has read the first part
	backendEnded chan error    // the error of the backend's request context
}

func newExchange() *exchange {
	return &exchange{make(chan struct{}), make(chan error, 1)}
}

// sendFirst sends the first part, and waits until the browser has read it or is gone.
func (x *exchange) sendFirst(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "part 1")
	w.(http.Flusher).Flush()
	select {
	case <-x.firstRead:
	case <-r.Context().Done():
	}
}

// readFirst reads the first part, and lets the backend continue.
func (x *exchange) readFirst(s *side, body io.Reader) {
	part := make([]byte, len("part 1"))
	_, err := io.ReadFull(body, part)
	s.note("browser", "%q, %s", part, errorText(err))
	close(x.firstRead)
}

func TestProxyStreams(t *testing.T) {
	for name, c := range map[string]struct {
		header        http.Header
		flushInterval time.Duration // of the proxy; -1 flushes after each write
	}{
		"unknown length": {},
		"events": {
			header: http.Header{"Content-Type": {"text/event-stream"}, "Content-Length": {"12"}},
		},
		"known length, flushed at once": {
			header:        http.Header{"Content-Length": {"12"}},
			flushInterval: -1,
		},
		"known length, flushed after 1 ms": {
			header:        http.Header{"Content-Length": {"12"}},
			flushInterval: time.Millisecond,
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, protocol string) {
				tracer := compare(t, func(s *side) {
					x := newExchange()
					backend := s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						maps.Copy(w.Header(), c.header)
						x.sendFirst(w, r)
						io.WriteString(w, "part 2")
					}))
					front := s.proxy(backend, func(p *httputil.ReverseProxy) { p.FlushInterval = c.flushInterval })
					resp := spantest.Must(s.client(front).Do(s.request("GET", front.URL, nil)))(s)
					x.readFirst(s, resp.Body)
					noteResponse(s, resp, nil)
				})
				wantChain(t, tracer, true,
					"client HTTP GET 200 bytes=12",
					"server HTTP GET 200 response_size=12",
					"client HTTP GET 200 bytes=12",
					"server HTTP GET 200 response_size=12")
			})
		})
	}
}

func TestProxyBackendNoticesThatBrowserIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		leave   func(s *side, resp *http.Response, cancel context.CancelFunc)
		browser string // the browser's span
	}{
		"body closed":       {leave: closeBody, browser: "client HTTP GET 200 bytes=6"},
		"context cancelled": {leave: cancelContext, browser: "client HTTP GET 200 bytes=6 error"},
	} {
		t.Run(name, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, protocol string) {
				tracer := compare(t, func(s *side) {
					x := newExchange()
					front := s.proxy(s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						x.sendFirst(w, r)
						<-r.Context().Done()
						x.backendEnded <- r.Context().Err()
					})))
					ctx, cancel := context.WithCancel(s.ctx)
					defer cancel()
					resp := spantest.Must(s.client(front).Do(s.request("GET", front.URL, nil).WithContext(ctx)))(s)
					x.readFirst(s, resp.Body)
					c.leave(s, resp, cancel)
					s.note("backend", "%s", errorText(await(s, x.backendEnded)))
				})
				wantChain(t, tracer, true,
					c.browser,
					"server HTTP GET 200 response_size=6 client_gone",
					"client HTTP GET 200 bytes=6 error",
					"server HTTP GET 200 response_size=6 client_gone")
			})
		})
	}
}

func closeBody(s *side, resp *http.Response, _ context.CancelFunc) {
	s.note("browser", "Close: %s", errorText(resp.Body.Close()))
}

func cancelContext(s *side, resp *http.Response, cancel context.CancelFunc) {
	cancel()
	n, err := resp.Body.Read(make([]byte, 1))
	s.note("browser", "%d bytes more, %s, Close: %s", n, errorText(err), errorText(resp.Body.Close()))
}

func TestProxyBackendNoticesThatUploadFails(t *testing.T) {
	eachProtocol(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			reading, ended := make(chan struct{}), make(chan error, 1)
			front := s.proxy(s.serve(protocol, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				io.ReadFull(r.Body, make([]byte, len("half")))
				close(reading)
				n, err := io.Copy(io.Discard, r.Body)
				s.note("backend", "%d bytes more, and an error: %v", n, err != nil)
				ended <- err
			})), func(p *httputil.ReverseProxy) {
				// The log differs between runs: the proxy may first notice its body's error or its
				// context's.
				p.ErrorLog = discardLog
			})
			body, feed := io.Pipe()
			go func() {
				io.WriteString(feed, "half")
				select {
				case <-reading:
				case <-s.ctx.Done():
				}
				feed.CloseWithError(io.ErrNoProgress)
			}()
			_, err := s.client(front).Do(s.request("POST", front.URL, body))
			s.note("browser", "%s", errorText(err))
			if await(s, ended) == nil {
				s.Error("the backend read half a body without an error")
			}
		})
		wantChain(t, tracer, true,
			"client HTTP POST error",
			"server HTTP POST 502 request_size=4 error client_gone",
			"client HTTP POST error",
			"server HTTP POST 200 request_size=4 client_gone")
	})
}

func TestProxyBackendDies(t *testing.T) {
	for name, header := range map[string]http.Header{
		"during a body of unknown length": {},
		"during a body of known length":   {"Content-Length": {"100"}},
	} {
		t.Run(name, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, protocol string) {
				tracer := compare(t, func(s *side) {
					x := newExchange()
					front := s.proxy(s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						maps.Copy(w.Header(), header)
						x.sendFirst(w, r)
						panic(http.ErrAbortHandler)
					})), func(p *httputil.ReverseProxy) { p.FlushInterval = -1 })
					resp := spantest.Must(s.client(front).Do(s.request("GET", front.URL, nil)))(s)
					x.readFirst(s, resp.Body)
					noteResponse(s, resp, nil)
				})
				wantChain(t, tracer, true,
					"client HTTP GET 200 bytes=6 error",
					"server HTTP GET 200 response_size=6",
					"client HTTP GET 200 bytes=6 error",
					"server HTTP GET 200 response_size=6")
			})
		})
	}
	t.Run("before the response", func(t *testing.T) {
		eachProtocol(t, func(t *testing.T, protocol string) {
			tracer := compare(t, func(s *side) {
				front := s.proxy(s.serve(protocol, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					panic(http.ErrAbortHandler)
				})))
				resp, err := s.client(front).Do(s.request("GET", front.URL, nil))
				noteResponse(s, resp, err)
				if err == nil && resp.StatusCode != http.StatusBadGateway {
					s.Errorf("status %s, want 502", resp.Status)
				}
			})
			wantChain(t, tracer, true,
				"client HTTP GET 502 error",
				"server HTTP GET 502 error",
				"client HTTP GET error",
				"server HTTP GET")
		})
	})
}
