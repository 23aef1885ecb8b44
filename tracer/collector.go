package tracer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/uber/jaeger-client-go"
)

const (
	sendTimeout = 5 * time.Second // of a request, as in Jaeger's transport
	maxTries    = 5               // requests with the same spans, if the collector is busy
	maxPause    = 5 * time.Minute // between two requests, even if Retry-After asks for more
)

// collector is a jaeger.Transport that sends spans to a collector by HTTP. Jaeger's own loses the
// batch if the collector answers that it is too large, or that the collector is busy.
//
// Its connections are its own, so that Close can close them. A program may also have wrapped
// http.DefaultTransport, which would trace the sending of traces.
type collector[S any] struct {
	*delivery
	format    format[S]
	transport *http.Transport
	client    *http.Client
	timeout   time.Duration // of a request
	spans     []S

	batchSize   int // how many spans are sent at once
	requestSize int // how many of them the next request may have: fewer, after one that was too large

	notBefore time.Time // when a busy collector accepts the next request
	busyErr   error     // its answer
}

// format is what a collector receives. S is a span in it.
type format[S any] interface {
	// convert copies span, which the program may still change.
	convert(span *jaeger.Span) S

	request(spans []S) (*http.Request, error)

	// rejected reads the answer to a request that was accepted. It returns how many of its spans were
	// not, and why.
	rejected(contentType string, answer []byte) (spans int, reason error)

	// passes reports whether the same request may succeed later: refused is the collector's answer, or
	// nil if there was none.
	passes(refused *refusal) bool
}

func newCollector[S any](f format[S], timeout time.Duration, batchSize int, d *delivery) *collector[S] {
	transport := newHTTPTransport()
	return &collector[S]{
		delivery: d, format: f, transport: transport, timeout: timeout,
		client:    &http.Client{Transport: transport, CheckRedirect: postOnly},
		batchSize: batchSize, requestSize: batchSize,
	}
}

// postOnly refuses redirects that turn the POST into a GET (301, 302, 303). The GET's answer would
// look like success, but the spans would be lost. Another host does not get tokens: of the headers,
// net/http keeps only Authorization and cookies from it.
func postOnly(req *http.Request, via []*http.Request) error {
	switch {
	case req.Method != http.MethodPost:
		return final{errors.New("the collector answered with a redirect to GET, which loses the spans; " +
			"set its endpoint to the final URL")}
	case len(via) >= 10:
		return final{errors.New("the collector redirects more than 10 times; " +
			"set its endpoint to the final URL")}
	}
	if from, to := via[0].URL.Hostname(), req.URL.Hostname(); to != from && !strings.HasSuffix(to, "."+from) {
		for name := range req.Header {
			if !strings.HasPrefix(name, "Content-") && name != "User-Agent" {
				req.Header.Del(name)
			}
		}
	}
	return nil
}

func (c *collector[S]) Append(span *jaeger.Span) (int, error) {
	c.spans = append(c.spans, c.format.convert(span))
	if len(c.spans) < c.batchSize {
		return 0, nil
	}
	return c.Flush()
}

// Flush always returns 0 and nil, since send counts the spans.
func (c *collector[S]) Flush() (int, error) {
	c.send(c.spans)
	clear(c.spans)
	c.spans = c.spans[:0]
	return 0, nil
}

func (c *collector[S]) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// send sends spans in as many requests as needed. The collector may refuse a request:
//
//   - Too large (413): its spans are sent again in halves. A single span is lost.
//   - Busy, as the format says: they are sent again after the time that it asks for, but not before
//     1, 2, 4 and 8 seconds. The queue fills meanwhile. The fifth answer gives up.
//   - Anything else gives up.
//
// To give up means to lose all spans that are not yet sent. send also gives up if Close cannot
// wait.
func (c *collector[S]) send(spans []S) {
	for tries := 1; len(spans) > 0; {
		if !c.wait(time.Until(c.notBefore)) {
			c.failed(len(spans), c.busyErr)
			return
		}
		n := min(len(spans), c.requestSize)
		err := c.post(spans[:n])
		refused, _ := errors.AsType[*refusal](err)
		_, failsAgain := errors.AsType[final](err)
		giveUp := false
		switch {
		case err == nil:
			spans, tries = spans[n:], 1
			c.requestSize = min(c.requestSize+1, c.batchSize)
			continue
		case n > 1 && (refused.isTooLarge() || closedEarly(err)):
			c.requestSize = (n + 1) / 2
		case refused.isTooLarge():
			c.tooLarge(1)
			spans, tries = spans[1:], 1
		case !failsAgain && c.format.passes(refused):
			c.notBefore, c.busyErr = time.Now().Add(refused.pause(tries)), err
			tries++
			giveUp = tries > maxTries
		default:
			giveUp = true
		}
		if len(spans) > 0 && (giveUp || c.graceOver()) {
			c.failed(len(spans), err)
			return
		}
	}
}

// post sends spans in one request. It counts those that the collector has accepted, and those that
// an accepted request lost.
func (c *collector[S]) post(spans []S) error {
	req, err := c.format.request(spans)
	if err != nil {
		return final{withoutURL(err)}
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	if c.timeout > sendTimeout { // which is as long as Close waits for an answer
		defer context.AfterFunc(c.closeCalled, func() { time.AfterFunc(sendTimeout, cancel) })()
	}
	resp, err := c.client.Do(req.WithContext(ctx))
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // also so that the connection can be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return &refusal{resp.StatusCode, resp.Header.Get("Retry-After")}
	}
	rejected, reason := c.format.rejected(resp.Header.Get("Content-Type"), answer)
	if rejected = min(rejected, len(spans)); rejected > 0 {
		c.discarded(rejected, reason)
	}
	c.sent(len(spans) - rejected)
	return nil
}

// final is an error that the same request would have again.
type final struct{ error }

// closedEarly reports whether the collector closed the connection before it had read the whole
// request. A collector that answers 413 may do so, and then its answer may not arrive.
func closedEarly(err error) bool {
	for e, ok := errors.AsType[*net.OpError](err); ok; e, ok = errors.AsType[*net.OpError](e.Err) {
		if e.Op == "write" {
			return true
		}
	}
	return false
}

// refusal is a collector's answer that it does not accept the spans; nil if it gave no answer.
type refusal struct {
	status     int
	retryAfter string
}

func (r *refusal) Error() string {
	return "the collector answered " + statusText(r.status)
}

func (r *refusal) isTooLarge() bool { return r != nil && r.status == http.StatusRequestEntityTooLarge }

// pause returns how long to wait after the given number of tries: as long as Retry-After says, but
// at least 1, 2, 4 or 8 seconds, and at most maxPause.
func (r *refusal) pause(tries int) time.Duration {
	asked, retryAfter := time.Duration(0), ""
	if r != nil {
		retryAfter = r.retryAfter
	}
	if seconds, err := strconv.ParseUint(retryAfter, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		asked = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(retryAfter); err == nil {
		asked = time.Until(at)
	}
	return min(max(asked, time.Second<<(tries-1)), maxPause)
}

// newHTTPTransport returns a transport with connections of its own.
func newHTTPTransport() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t.Clone()
	}
	return &http.Transport{Proxy: http.ProxyFromEnvironment}
}

// statusText returns a status with net/http's text. The server's own text may contain anything.
func statusText(code int) string {
	return strings.TrimSpace(fmt.Sprint(code, " ", http.StatusText(code)))
}

// withoutURL returns err without the URL that net/http adds: its query may contain a token.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}
