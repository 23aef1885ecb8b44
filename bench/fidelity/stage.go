package main

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/alicebob/miniredis/v2"
	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/bench/internal/script"
	"github.com/rs/zerolog"
)

// stage has the servers and the worker that the scenarios share.
type stage struct {
	worker
	web     *script.HTTP // for HTTP and Elasticsearch
	http    *httptest.Server
	https   *httptest.Server
	mysql   *script.MySQL
	redis   *miniredis.Miniredis
	proxies *toxiproxy.ApiServer
	rows    int // in the scenario "million rows"

	exporter peer.Exporter // for the spans of all requests
}

func newStage(rows int) (*stage, error) {
	s := &stage{worker: calibrate(), web: &script.HTTP{}, rows: rows}
	var err error
	if s.mysql, err = script.ServeMySQL(); err != nil {
		return nil, err
	}
	if s.redis, err = miniredis.Run(); err != nil {
		s.mysql.Close()
		return nil, err
	}
	s.http, s.https = httptest.NewServer(s.web), httptest.NewTLSServer(s.web)
	s.proxies = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	return s, nil
}

func (s *stage) close() {
	s.http.Close()
	s.https.Close()
	s.redis.Close()
	s.mysql.Close()
}

// proxy starts toxiproxy in front of a server, with one toxic for what the server sends. It returns
// the address of the proxy.
func (s *stage) proxy(upstream, toxic string, attributes string, args ...any) (addr string, done func(), err error) {
	p := toxiproxy.NewProxy(s.proxies, "fidelity", "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		return "", nil, err
	}
	_, err = p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"type": %q, "stream": "downstream", "attributes": {%s}}`, toxic, fmt.Sprintf(attributes, args...))))
	if err != nil {
		p.Stop()
		return "", nil, err
	}
	return p.Listen, p.Stop, nil
}

// playURL returns a URL that makes a web server play a script.
func playURL(server string, pieces script.Script) string {
	return server + "/?body=" + url.QueryEscape(pieces.String())
}
