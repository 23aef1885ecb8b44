package interop_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"strings"
	"testing"
)

// overBoth runs test with a proxy, and all before and behind it, on each protocol.
func overBoth(t *testing.T, test func(t *testing.T, protocol string)) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) { test(t, protocol) })
	}
}

// wantChain compares the outline with that of a request through a proxy: the ends of the lines of the browser's span, the
// proxy's as a server, the proxy's as a client, and the backend's, each the child of the one before.
func wantChain(t *testing.T, got, method, browser, served, asked, backend string) {
	t.Helper()
	want := "caller\n" +
		"  client HTTP " + method + browser + "\n" +
		"    server HTTP " + method + served + "\n" +
		"      client HTTP " + method + asked + "\n" +
		"        server HTTP " + method + backend + "\n"
	if got != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", got, want)
	}
}

// tellAnswer reads an answer to its end and tells all of it but the date.
func tellAnswer(s *side, resp *http.Response, err error) {
	s.Helper()
	if err != nil {
		s.tell("browser", "%v", err)
		return
	}
	body, readErr := io.ReadAll(resp.Body)
	resp.Header.Del("Date")
	s.tell("browser", "%s %s %v, length %d, %d bytes of sha256 %x, %s, Close %s, trailer %v",
		resp.Proto, resp.Status, resp.Header, resp.ContentLength, len(body), sha256.Sum256(body), text(readErr), text(resp.Body.Close()), resp.Trailer)
}

func TestARequestThroughAProxyIsOneTrace(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			backend := s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s.tell("backend", "%s %s of %s: %q, %q", r.Method, r.URL, r.Host, r.UserAgent(), r.Header.Get("X-Sent"))
				w.Header().Set("X-Served", "yes")
				io.WriteString(w, "hello")
			}))
			front := s.proxy(backend)
			req := s.request("GET", front.URL+"/books?page=2&broken=%zz", nil)
			req.Header.Set("X-Sent", "yes")
			resp, err := s.client(front).Do(req)
			if err == nil && resp.Proto[:6] != protocol[:6] {
				s.Errorf("answered over %s", resp.Proto)
			}
			tellAnswer(s, resp, err)
		})
		wantChain(t, outline(tracer), "GET", " 200 bytes=5", " 200 response_size=5", " 200 bytes=5", " 200 response_size=5")
	})
}

func TestEarlyHintsPassAProxy(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			front := s.proxy(s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Link", "</style.css>; rel=preload")
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(http.StatusAccepted)
			})))
			hinted := 0
			req := s.request("GET", front.URL, nil)
			resp, err := s.client(front).Do(req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
					hinted++
					s.tell("browser", "%d %v", code, header)
					return nil
				},
			})))
			tellAnswer(s, resp, err)
			if hinted != 1 {
				s.Errorf("hinted %d times", hinted)
			}
		})
		wantChain(t, outline(tracer), "GET", " 202", " 202", " 202", " 202")
	})
}

func TestABodyInPiecesAndTrailersPassAProxyBothWays(t *testing.T) {
	const size = 300_000 // more than any buffer on the way
	overBoth(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			front := s.proxy(s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body) // HTTP/1.1 reads first and answers then
				s.tell("backend", "length %d, %v, %d bytes, %s, trailer %v", r.ContentLength, r.TransferEncoding, len(body), text(err), r.Trailer)
				w.Header().Set("Trailer", "X-Sum")
				w.Write(body)
				w.Header().Set("X-Sum", fmt.Sprintf("%x", sha256.Sum256(body)))
				w.Header().Set(http.TrailerPrefix+"X-Unannounced", r.Trailer.Get("X-Sent"))
			})))
			req := s.request("POST", front.URL, io.NopCloser(strings.NewReader(strings.Repeat("piece", size/5)))) // of no known length
			req.Trailer = http.Header{"X-Sent": {"sent"}}
			resp, err := s.client(front).Do(req)
			tellAnswer(s, resp, err)
			if err == nil && (resp.Trailer.Get("X-Unannounced") != "sent" || resp.Trailer.Get("X-Sum") == "") {
				s.Errorf("the trailers are %v", resp.Trailer)
			}
		})
		came, went := fmt.Sprintf(" 200 bytes=%d", size), fmt.Sprintf(" 200 request_size=%[1]d response_size=%[1]d", size)
		wantChain(t, outline(tracer), "POST", came, went, came, went)
	})
}

// conversation is an answer in two pieces, and what happens between them.
type conversation struct {
	got   chan struct{} // closed when the browser has the first piece
	ended chan error    // the backend's handler: why its request's context was done
}

func newConversation() *conversation {
	return &conversation{make(chan struct{}), make(chan error, 1)}
}

// untilGot waits for the browser to have the first piece; should that not reach it, the browser gives up.
func (c *conversation) untilGot(r *http.Request) {
	select {
	case <-c.got:
	case <-r.Context().Done():
	}
}

// first reads the first piece and says so.
func (c *conversation) first(s *side, body io.Reader) {
	piece := make([]byte, len("piece 1"))
	_, err := io.ReadFull(body, piece)
	s.tell("browser", "%q, %s", piece, text(err))
	close(c.got)
}

func TestAStreamPassesAProxyPieceByPiece(t *testing.T) {
	for name, c := range map[string]struct {
		header http.Header
		flush  func(*httputil.ReverseProxy)
	}{
		"of unknown length": {},
		"events":            {header: http.Header{"Content-Type": {"text/event-stream"}, "Content-Length": {"14"}}},
		"of known length, flushed at once": {
			header: http.Header{"Content-Length": {"14"}},
			flush:  func(p *httputil.ReverseProxy) { p.FlushInterval = -1 },
		},
		"of known length, flushed every millisecond": {
			header: http.Header{"Content-Length": {"14"}},
			flush:  func(p *httputil.ReverseProxy) { p.FlushInterval = 1e6 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, protocol string) {
				tracer := compare(t, func(s *side) {
					talk := newConversation()
					backend := s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						for key := range c.header {
							w.Header().Set(key, c.header.Get(key))
						}
						io.WriteString(w, "piece 1")
						w.(http.Flusher).Flush()
						talk.untilGot(r)
						io.WriteString(w, "piece 2")
					}))
					var adjust []func(*httputil.ReverseProxy)
					if c.flush != nil {
						adjust = append(adjust, c.flush)
					}
					front := s.proxy(backend, adjust...)
					resp, err := s.client(front).Do(s.request("GET", front.URL, nil))
					if err != nil {
						s.Fatal(err)
					}
					talk.first(s, resp.Body)
					tellAnswer(s, resp, nil)
				})
				wantChain(t, outline(tracer), "GET", " 200 bytes=14", " 200 response_size=14", " 200 bytes=14", " 200 response_size=14")
			})
		})
	}
}

func TestABackendNoticesThatTheBrowserHangsUp(t *testing.T) {
	for name, c := range map[string]struct {
		hangUp  func(s *side, resp *http.Response, cancel context.CancelFunc)
		browser string // the end of its span's line
	}{
		"by Close": {func(s *side, resp *http.Response, _ context.CancelFunc) {
			s.tell("browser", "Close: %s", text(resp.Body.Close()))
		}, ""},
		"by its context": {func(s *side, resp *http.Response, cancel context.CancelFunc) {
			cancel()
			n, err := resp.Body.Read(make([]byte, 1))
			s.tell("browser", "%d bytes more, %s, Close: %s", n, text(err), text(resp.Body.Close()))
		}, " error"},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, protocol string) {
				tracer := compare(t, func(s *side) {
					talk := newConversation()
					front := s.proxy(s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						io.WriteString(w, "piece 1")
						w.(http.Flusher).Flush()
						talk.untilGot(r)
						<-r.Context().Done()
						talk.ended <- r.Context().Err()
					})))
					ctx, cancel := context.WithCancel(s.ctx)
					defer cancel()
					resp, err := s.client(front).Do(s.request("GET", front.URL, nil).WithContext(ctx))
					if err != nil {
						s.Fatal(err)
					}
					talk.first(s, resp.Body)
					c.hangUp(s, resp, cancel)
					s.tell("backend", "%s", text(await(s, talk.ended)))
				})
				wantChain(t, outline(tracer), "GET", " 200 bytes=7"+c.browser, " 200 response_size=7 client_gone", " 200 bytes=7 error", " 200 response_size=7 client_gone")
			})
		})
	}
}

func TestABackendNoticesThatTheBrowserBreaksOffItsUpload(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			reading, ended := make(chan struct{}), make(chan error, 1)
			front := s.proxy(s.serve(protocol, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				io.ReadFull(r.Body, make([]byte, len("half")))
				close(reading)
				n, err := io.Copy(io.Discard, r.Body)
				s.tell("backend", "%d bytes more, and an error: %v", n, err != nil)
				ended <- err
			})), func(p *httputil.ReverseProxy) {
				p.ErrorLog = quiet // whether it hears of its body first or of its context is luck
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
			s.tell("browser", "%s", text(err))
			if await(s, ended) == nil {
				s.Error("the backend took half a body for all of it")
			}
		})
		wantChain(t, outline(tracer), "POST", " error", " 502 request_size=4 error client_gone", " error", " 200 request_size=4 client_gone")
	})
}

func TestABackendThatDiesHalfWayBreaksTheAnswerOff(t *testing.T) {
	for name, header := range map[string]http.Header{
		"of unknown length": {},
		"of known length":   {"Content-Length": {"100"}},
	} {
		t.Run(name, func(t *testing.T) {
			overBoth(t, func(t *testing.T, protocol string) {
				tracer := compare(t, func(s *side) {
					talk := newConversation()
					front := s.proxy(s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						for key := range header {
							w.Header().Set(key, header.Get(key))
						}
						io.WriteString(w, "piece 1")
						w.(http.Flusher).Flush()
						talk.untilGot(r)
						panic(http.ErrAbortHandler)
					})), func(p *httputil.ReverseProxy) { p.FlushInterval = -1 })
					resp, err := s.client(front).Do(s.request("GET", front.URL, nil))
					if err != nil {
						s.Fatal(err)
					}
					talk.first(s, resp.Body)
					tellAnswer(s, resp, nil)
				})
				wantChain(t, outline(tracer), "GET", " 200 bytes=7 error", " 200 response_size=7", " 200 bytes=7 error", " 200 response_size=7")
			})
		})
	}
}

func TestABackendThatDiesBeforeItAnswersIsABadGateway(t *testing.T) {
	overBoth(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			front := s.proxy(s.serve(protocol, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })))
			resp, err := s.client(front).Do(s.request("GET", front.URL, nil))
			tellAnswer(s, resp, err)
			if err == nil && resp.StatusCode != http.StatusBadGateway {
				s.Errorf("answered %s", resp.Status)
			}
		})
		wantChain(t, outline(tracer), "GET", " 502 error", " 502 error", " error", "")
	})
}
