package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/bench/internal/script"
	"github.com/gaptrace/gaptrace/internal/worktime"
)

var httpScenarios = []scenario{
	{
		name:   "http headers",
		about:  "net/http client: the headers are late, the body arrives with them",
		covers: coversHTTP, open: httpHeaders, short: true,
	},
	{
		name:   "http body",
		about:  "net/http client: a body in slow pieces, with work between the reads",
		covers: coversHTTP, open: httpBody, short: true,
	},
	{
		name:   "http throttled",
		about:  "net/http client: a body through toxiproxy's bandwidth, in pieces of 4 KiB with little work between",
		covers: coversHTTP, open: httpThrottled,
	},
	{
		name:   "http pool",
		about:  "net/http client: MaxConnsPerHost is 1, and another request has the connection",
		covers: coversHTTP, open: httpPool,
	},
	{
		name:   "http dial",
		about:  "net/http client: a new connection per request, a slow dial, and TLS through toxiproxy's latency",
		covers: coversHTTP, open: httpDial,
	},
}

// httpClient returns a client as a peer wraps it, and a function that closes its connections.
func httpClient(p peer.Peer, transport *http.Transport) (*http.Client, func()) {
	return &http.Client{Transport: p.HTTPClient(transport)}, transport.CloseIdleConnections
}

// get makes the call, with the work clock paused.
func get(ctx context.Context, clock *worktime.Clock, client *http.Client, url string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := paused(clock, func() (*http.Response, error) { return client.Do(req) })
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s from %s", resp.Status, url)
	}
	return resp, err
}

// visit gets a URL outside of the measurement.
func visit(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// visits returns a request that gets a URL in each step and reads the body. Before the work of a
// step it starts before in a goroutine.
func visits(
	on *stage, client *http.Client, plan schedule, before func(step), url func(step) string,
) func(*measurement) error {
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			for _, s := range plan.steps {
				if before != nil {
					go before(s)
				}
				on.burn(s.work)
				resp, err := get(ctx, clock, client, url(s))
				if err != nil {
					return err
				}
				if err := readPieces(on, clock, resp.Body, 0, noWork); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func httpHeaders(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	client, done := httpClient(p, &http.Transport{})
	if err := visit(client, playURL(on.http.URL, script.Script{{}})); err != nil {
		return nil, nil, err
	}
	return visits(on, client, plan, nil, func(s step) string {
		return playURL(on.http.URL, script.Script{{After: s.wait, Size: 100}})
	}), done, nil
}

func httpBody(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	client, done := httpClient(p, &http.Transport{})
	if err := visit(client, playURL(on.http.URL, script.Script{{}})); err != nil {
		return nil, nil, err
	}
	return oneBody(on, client, playURL(on.http.URL, plan.pieces(512)), 512, plan), done, nil
}

// oneBody returns a request that gets a URL and reads a piece of the body in each step.
func oneBody(on *stage, client *http.Client, url string, size int, plan schedule) func(*measurement) error {
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			resp, err := get(ctx, clock, client, url)
			if err != nil {
				return err
			}
			return readPieces(on, clock, resp.Body, size, plan)
		})
	}
}

func httpThrottled(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	const piece, pieces = 4096, 32
	// A step for each piece, with little work.
	var little schedule
	for i := range pieces {
		little.steps = append(little.steps, step{work: plan.steps[i%len(plan.steps)].work / 10})
	}
	perSecond := float64(piece*pieces) / (20*time.Millisecond + plan.wait()).Seconds()
	addr, stop, err := on.proxy(on.http.Listener.Addr().String(), "bandwidth", `"rate": %d`, int(perSecond/1000))
	if err != nil {
		return nil, nil, err
	}
	client, done := httpClient(p, &http.Transport{})
	if err := visit(client, playURL("http://"+addr, script.Script{{}})); err != nil {
		return nil, nil, err
	}
	url := playURL("http://"+addr, script.Script{{Size: piece * pieces}})
	return oneBody(on, client, url, piece, little), func() { done(); stop() }, nil
}

func httpPool(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	client, done := httpClient(p, &http.Transport{MaxConnsPerHost: 1})
	if err := visit(client, playURL(on.http.URL, script.Script{{}})); err != nil {
		return nil, nil, err
	}
	// Another request has the connection: while the handler works, and until its body has arrived.
	occupy := func(s step) {
		url := playURL(on.http.URL, script.Script{{}, {After: s.work + s.wait, Size: 1}})
		_ = visit(client, url) // an error would also fail the handler
	}
	return visits(on, client, plan, occupy, func(step) string {
		return playURL(on.http.URL, script.Script{{Size: 100}})
	}), done, nil
}

func httpDial(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	latency := plan.wait() / time.Duration(2*len(plan.steps))
	addr, stop, err := on.proxy(on.https.Listener.Addr().String(), "latency", `"latency": %d`, latency.Milliseconds())
	if err != nil {
		return nil, nil, err
	}
	client, done := httpClient(p, &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the certificate is the test server's own
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			time.Sleep(latency)
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		},
	})
	return visits(on, client, plan, nil, func(step) string {
		return playURL("https://"+addr, script.Script{{Size: 100}})
	}), func() { done(); stop() }, nil
}
