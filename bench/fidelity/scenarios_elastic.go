package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/gaptrace/gaptrace/bench/internal/peer"
	"github.com/gaptrace/gaptrace/bench/internal/script"
	"github.com/gaptrace/gaptrace/internal/worktime"
)

var elasticScenarios = []scenario{
	{
		name:   "elasticsearch body",
		about:  "go-elasticsearch v8: the answer of a search arrives slowly, with work between the reads",
		covers: coversElastic, open: elasticBody, short: true,
	},
	{
		name:   "elasticsearch retries",
		about:  "go-elasticsearch v8: two answers of 502 with a RetryBackoff after each, then the answer",
		covers: coversElastic, open: elasticRetries,
	},
}

// elastic returns a client whose transport adds a script to the request, with a fixed back-off.
func elastic(
	on *stage, p peer.Peer, pieces script.Script, backOff time.Duration,
) (*elasticsearch.Client, func(), error) {
	transport := &http.Transport{}
	client, err := p.Elasticsearch(elasticsearch.Config{
		Addresses:    []string{on.http.URL},
		Transport:    scripted{transport, "body=" + pieces.String()},
		RetryBackoff: func(int) time.Duration { return backOff },
	})
	return client, transport.CloseIdleConnections, err
}

// scripted sets the query of a request, because the client's API has no place for an unknown
// parameter.
type scripted struct {
	next  http.RoundTripper
	query string
}

func (s scripted) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.URL.RawQuery = s.query
	return s.next.RoundTrip(req)
}

func search(ctx context.Context, clock *worktime.Clock, client *elasticsearch.Client) (*esapi.Response, error) {
	return paused(clock, func() (*esapi.Response, error) {
		return client.Search(client.Search.WithContext(ctx), client.Search.WithIndex("books"),
			client.Search.WithBody(strings.NewReader(`{"query":{"match_all":{}}}`)))
	})
}

func elasticBody(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	client, done, err := elastic(on, p, plan.pieces(512), 0)
	if err != nil {
		return nil, nil, err
	}
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			resp, err := search(ctx, clock, client)
			if err != nil {
				return err
			}
			return readPieces(on, clock, resp.Body, 512, plan)
		})
	}, done, nil
}

func elasticRetries(on *stage, p peer.Peer, plan schedule) (func(*measurement) error, func(), error) {
	client, done, err := elastic(on, p, script.Script{{Size: 100}}, plan.wait()/time.Duration(2*len(plan.steps)))
	if err != nil {
		return nil, nil, err
	}
	return func(m *measurement) error {
		return m.request(context.Background(), func(ctx context.Context, clock *worktime.Clock) error {
			for _, s := range plan.steps {
				on.burn(s.work)
				on.web.Fail(2)
				resp, err := search(ctx, clock, client)
				if err != nil {
					return err
				}
				if err := readPieces(on, clock, resp.Body, 0, noWork); err != nil {
					return err
				}
			}
			return nil
		})
	}, done, nil
}
