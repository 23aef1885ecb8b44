package nethttp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// An ending is a way in which a request can end.
type ending struct {
	path string                           // of the request
	use  func(v visit, path string) error // nil: readAll
	want string                           // the spans: status, failed, abandoned; "?": it may have failed
	not  string                           // a protocol that does not have this ending
}

// A visit is one use of a client.
type visit struct {
	*testing.T
	ctx    context.Context
	client *http.Client
	url    string
	ended  func() int // how many requests have ended; -1 for a client that is not wrapped
}

func TestClientEndings(t *testing.T) {
	for group, endings := range map[string]map[string]ending{
		"closed": closedEndings, "open": openEndings, "abandoned": abandonedEndings, "failed": failedEndings,
	} {
		for name, end := range endings {
			for protocol := range protocols {
				if end.not == protocol {
					continue
				}
				t.Run(group+"/"+name+"/"+protocol, func(t *testing.T) {
					t.Parallel()
					end.test(t, protocol)
				})
			}
		}
	}
}

// test compares what the caller gets, raw and wrapped, and checks the spans.
func (end ending) test(t *testing.T, protocol string) {
	use := end.use
	if use == nil {
		use = readAll
	}
	tracer, ctx, parent := spantest.Under(t)

	server, transport := start(t, protocol, endingsServer(t))
	client := &http.Client{Transport: transport}
	raw := outcome(use(visit{t, ctx, client, server.URL, func() int { return -1 }}, end.path))

	server, transport = start(t, protocol, endingsServer(t))
	client = nethttp.WrapClient(&http.Client{Transport: transport}, gaptrace.WithTracer(tracer), gaptrace.WithPhases())
	ended := func() int { return len(tracer.Named("HTTP GET")) + len(tracer.Named("HTTP HEAD")) }
	if got := outcome(use(visit{t, ctx, client, server.URL, ended}, end.path)); got != raw {
		t.Errorf("the caller got %s, raw %s", got, raw)
	}
	parent.Finish()
	if p := tracer.Problems(); p != nil {
		t.Error(p)
	}
	want, mayFail := strings.CutSuffix(end.want, "?")
	if got := recordedOf(tracer); got != want && !(mayFail && got == want+" failed") {
		t.Errorf("recorded %s, want %s:\n%s", got, want, tracer.Tree())
	}
}

// closedEndings are responses that are read, or closed, or have no body.
var closedEndings = map[string]ending{
	"no body":                             {path: "/empty", want: "200"},
	"a body":                              {path: "/text", want: "200"},
	"503":                                 {path: "/503", want: "503 failed"},
	"early hints":                         {path: "/hints", want: "202"},
	"Close before EOF":                    {path: "/large", want: "200", use: closeBeforeEOF},
	"Close twice":                         {path: "/text", want: "200", use: closeTwice},
	"Close while another goroutine reads": {path: "/large", want: "200?", use: closeWhileReading},
	"two goroutines read":                 {path: "/large", want: "200", use: readTogether},
	"redirected three times":              {path: "/hops/3", want: "307, 307, 307, 200", use: postAndRead},
	"100 Continue":                        {path: "/echo", want: "200", use: expectContinue},
	"101 Switching Protocols":             {path: "/upgrade", want: "101", use: upgradeAndEcho, not: "HTTP/2"},
}

func closeBeforeEOF(v visit, path string) error {
	resp, err := v.get(path)
	if err == nil {
		err = resp.Body.Close()
		v.wantEnded(1)
	}
	return err
}

func closeTwice(v visit, path string) error {
	resp, err := v.get(path)
	if err == nil {
		err = errors.Join(resp.Body.Close(), resp.Body.Close())
	}
	return err
}

func expectContinue(v visit, path string) error {
	inner(v.client).ExpectContinueTimeout = time.Minute
	req := v.request(v.ctx, "POST", path, strings.NewReader("body"))
	req.Header.Set("Expect", "100-continue")
	return readAndClose(v.client.Do(req))
}

// openEndings are responses that the caller does not close. They end when no more can come.
var openEndings = map[string]ending{
	"204":                {path: "/204", want: "204", use: getOnly},
	"304":                {path: "/304", want: "304", use: getOnly},
	"HEAD":               {path: "/text", want: "200", use: headOnly},
	"HEAD of 503":        {path: "/503", want: "503 failed", use: headOnly},
	"EOF":                {path: "/text", want: "200", use: readToEOF},
	"kept until later":   {path: "/text", want: "200", use: keepResponse},
	"only the body kept": {path: "/text", want: "200", use: keepBody},
}

func readToEOF(v visit, path string) error {
	resp, err := v.get(path)
	if err == nil {
		v.wantEnded(0)
		_, err = io.Copy(io.Discard, resp.Body)
		v.wantEnded(1)
	}
	return err
}

func keepResponse(v visit, path string) error {
	resp, err := v.get(path)
	if err != nil {
		return err
	}
	for range 3 {
		runtime.GC()
	}
	v.wantEnded(0)
	return readAndClose(resp, nil)
}

func keepBody(v visit, path string) error {
	resp, err := v.get(path)
	if err != nil {
		return err
	}
	body := resp.Body
	for range 3 {
		runtime.GC()
	}
	v.wantEnded(0)
	text, err := io.ReadAll(body)
	if string(text) != "text" {
		err = errors.Join(err, fmt.Errorf("%q", text))
	}
	return err
}

// abandonedEndings are responses that become garbage before they are closed.
var abandonedEndings = map[string]ending{
	"a short body":              {path: "/text", want: "200 abandoned", use: abandon},
	"the server still sending":  {path: "/large", want: "200 abandoned", use: abandon},
	"the server silent":         {path: "/headers", want: "200 abandoned", use: abandon},
	"compressed":                {path: "/gzip", want: "200 abandoned", use: abandon},
	"the client has a time-out": {path: "/large", want: "200 abandoned", use: abandonWithTimeout},
	"read in part":              {path: "/large", want: "200 abandoned", use: abandonInPart},
	"the headers kept":          {path: "/text", want: "200 abandoned", use: abandonBody},
}

func abandonWithTimeout(v visit, path string) error {
	v.client.Timeout = time.Hour
	return abandon(v, path)
}

func abandonInPart(v visit, path string) error {
	resp, err := v.get(path)
	if err == nil {
		_, err = resp.Body.Read(make([]byte, 1))
	}
	v.collect()
	return err
}

func abandonBody(v visit, path string) error {
	resp, err := v.get(path)
	if err != nil {
		return err
	}
	header, req := resp.Header, resp.Request
	v.collect()
	runtime.KeepAlive(header)
	runtime.KeepAlive(req)
	return nil
}

const soon = 30 * time.Millisecond // of time-outs that run out

// failedEndings are requests that return an error, or whose body does.
var failedEndings = map[string]ending{
	"a body that breaks off":       {path: "/half", want: "200 failed"},
	"reset by the server":          {path: "/reset", want: "failed"},
	"context's time-out":           {path: "/never", want: "failed", use: withTimeout(soon)},
	"context's time-out, in body":  {path: "/headers", want: "200 failed", use: withTimeout(100 * soon)},
	"client's time-out":            {path: "/never", want: "failed", use: withClientTimeout(soon)},
	"client's time-out, in body":   {path: "/headers", want: "200 failed", use: withClientTimeout(100 * soon)},
	"ResponseHeaderTimeout":        {path: "/never", want: "failed", use: withHeaderTimeout},
	"cancelled before":             {path: "/text", want: "failed", use: cancelBefore},
	"cancelled before the headers": {path: "/never", want: "failed", use: cancelBeforeHeaders},
	"cancelled in the body":        {path: "/headers", want: "200 failed", use: cancelInBody},
	"a request body that fails":    {path: "/echo", want: "failed", use: failRequestBody},
	"refused":                      {path: "/text", want: "failed", use: refuseDial},
	"a handshake that fails":       {want: "failed", use: failHandshake},
}

func withHeaderTimeout(v visit, path string) error {
	inner(v.client).ResponseHeaderTimeout = soon
	return readAll(v, path)
}

func cancelBefore(v visit, path string) error {
	ctx, cancel := context.WithCancel(v.ctx)
	cancel()
	return readAndClose(v.client.Do(v.request(ctx, "GET", path, nil)))
}

func cancelBeforeHeaders(v visit, path string) error {
	ctx, cancel := context.WithCancel(v.ctx)
	defer cancel()
	// The server reads the end of the request only after all before it was sent.
	return readAndClose(v.client.Do(v.request(ctx, "POST", path, readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, io.EOF
	}))))
}

func cancelInBody(v visit, path string) error {
	ctx, cancel := context.WithCancel(v.ctx)
	defer cancel()
	resp, err := v.client.Do(v.request(ctx, "GET", path, nil))
	cancel()
	return readAndClose(resp, err)
}

func failRequestBody(v visit, path string) error {
	fails := readerFunc(func([]byte) (int, error) { return 0, os.ErrClosed })
	body := io.MultiReader(strings.NewReader("half"), fails)
	return readAndClose(v.client.Do(v.request(v.ctx, "POST", path, body)))
}

func refuseDial(v visit, path string) error {
	inner(v.client).DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, os.ErrPermission
	}
	return readAll(v, path)
}

func failHandshake(v visit, _ string) error {
	inner(v.client).TLSClientConfig = &tls.Config{} // does not trust the server's certificate
	return readAndClose(v.client.Do(get(v.ctx, strings.Replace(v.url, "http:", "https:", 1))))
}

func readAll(v visit, path string) error { return readAndClose(v.get(path)) }

// getOnly and headOnly get a response that has no body.
func getOnly(v visit, path string) error {
	_, err := v.get(path)
	v.wantEnded(1)
	return err
}

func headOnly(v visit, path string) error {
	_, err := v.client.Do(v.request(v.ctx, "HEAD", path, nil))
	v.wantEnded(1)
	return err
}

func abandon(v visit, path string) error {
	_, err := v.get(path)
	v.collect()
	return err
}

func withTimeout(d time.Duration) func(v visit, path string) error {
	return func(v visit, path string) error {
		ctx, cancel := context.WithTimeout(v.ctx, d)
		defer cancel()
		return readAndClose(v.client.Do(v.request(ctx, "GET", path, nil)))
	}
}

func withClientTimeout(d time.Duration) func(v visit, path string) error {
	return func(v visit, path string) error {
		v.client.Timeout = d
		return readAll(v, path)
	}
}

func postAndRead(v visit, path string) error {
	resp, err := v.client.Do(v.request(v.ctx, "POST", path, strings.NewReader("body")))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "body" {
		return fmt.Errorf("%q %w", body, err)
	}
	return nil
}

func closeWhileReading(v visit, path string) error {
	resp, err := v.get(path)
	if err != nil {
		return err
	}
	var reading sync.WaitGroup
	reading.Go(func() { io.Copy(io.Discard, resp.Body) }) // may fail or not
	err = resp.Body.Close()
	reading.Wait()
	return err
}

func readTogether(v visit, path string) error {
	resp, err := v.get(path)
	if err != nil {
		return err
	}
	var mu sync.Mutex // a body is not safe for two Reads at once
	var reading sync.WaitGroup
	for range 2 {
		reading.Go(func() {
			for buf := make([]byte, 4096); ; {
				mu.Lock()
				_, err := resp.Body.Read(buf)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	reading.Wait()
	return resp.Body.Close()
}

func upgradeAndEcho(v visit, path string) error {
	req := v.request(v.ctx, "GET", path, nil)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := v.client.Do(req)
	if err != nil {
		return err
	}
	v.wantEnded(1)
	conn := resp.Body.(io.ReadWriteCloser)
	defer conn.Close()
	io.WriteString(conn, "echo\n")
	if got, err := io.ReadAll(conn); string(got) != "echo\n" {
		return fmt.Errorf("%q %w", got, err)
	}
	return nil
}

func (v visit) request(ctx context.Context, method, path string, body io.Reader) *http.Request {
	return spantest.Must(http.NewRequestWithContext(ctx, method, v.url+path, body))(v)
}

func (v visit) get(path string) (*http.Response, error) {
	return v.client.Do(v.request(v.ctx, "GET", path, nil))
}

// wantEnded fails unless n requests have ended by now.
func (v visit) wantEnded(n int) {
	if got := v.ended(); got != n && got != -1 {
		v.Errorf("%d requests have ended by now, want %d", got, n)
	}
}

// collect runs the garbage collector until the request has ended. For a client that is not wrapped
// it returns at once.
func (v visit) collect() {
	spantest.Await(v, "the request has ended", func() bool {
		runtime.GC()
		return v.ended() != 0
	})
}

// inner returns the client's own transport, inside of the wrapper.
func inner(c *http.Client) *http.Transport {
	if w, ok := c.Transport.(interface{ Unwrap() http.RoundTripper }); ok {
		return w.Unwrap().(*http.Transport)
	}
	return c.Transport.(*http.Transport)
}

// recordedOf lists the spans of the requests: their status, and whether they failed or were
// abandoned.
func recordedOf(tracer *spantest.Tracer) string {
	var requests []string
	for _, s := range tracer.Calls()[1:] {
		if s.ParentID != 1 {
			requests = append(requests, "elsewhere")
		}
		var words []string
		if status, ok := s.Tags["http.status_code"]; ok {
			words = append(words, fmt.Sprint(status))
		}
		if s.Tags["error"] == true {
			words = append(words, "failed")
		}
		if s.Tags["abandoned"] == true {
			words = append(words, "abandoned")
		}
		requests = append(requests, strings.Join(words, " "))
	}
	return strings.Join(requests, ", ")
}

// outcome is what callers distinguish errors by. It leaves out texts: some depend on which
// goroutine notices first, or on the type of the transport. TestTransparent compares the others.
func outcome(err error) string {
	var timeout interface{ Timeout() bool }
	return fmt.Sprintf("failed %v, timeout %v, cancelled %v, deadline exceeded %v, closed %v, not permitted %v",
		err != nil, errors.As(err, &timeout) && timeout.Timeout(),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, os.ErrClosed), errors.Is(err, os.ErrPermission))
}
