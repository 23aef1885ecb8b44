package gapes_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestSecretsOfURLAndHeaders(t *testing.T) {
	const secret = "s3cret"
	tracer := spantest.NewTracer()
	c := newWrapped(t, tracer, elasticsearch.Config{
		Addresses: []string{"http://elastic:" + secret + "@node:9200"}, Header: http.Header{"X-Api-Key": {secret}},
		Transport: always(401, `{"error":"who are you?"}`),
	})
	for url, want := range map[string]string{
		"/books/_search?size=3&api_key=" + secret + "&access%5Ftoken=" + secret +
			"&from=1": "access%5Ftoken=hidden&api_key=hidden&from=1&size=3",
		"http://me:" + secret + "@elsewhere/_search?q=a": "q=a",
	} {
		tracer.Reset()
		res, err := perform(t, c, underParent(t, tracer), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		consume(t, res.Body)
		span := only(t, tracer)
		if got := span.Tags["elasticsearch.params"]; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		if tree := tracer.Tree(); strings.Contains(tree, secret) || !strings.Contains(tree, "es.url=http://node:9200/") {
			t.Errorf("recorded:\n%s", tree)
		}
	}
}

func TestUnknownTagsAreLeftOut(t *testing.T) {
	tracer := spantest.NewTracer()
	transport := gapes.WrapTransport(plain{always(200, "{}")}, gaptrace.WithTracer(tracer))
	req, err := http.NewRequestWithContext(underParent(t, tracer), "", "/_search", nil)
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]string{
		"no node": "  elasticsearch GET _search bytes=2 component=go-elasticsearch db.type=elasticsearch es.method=GET es.url=/_search http.status_code=200 span.kind=client\n",
		"no URL":  "  elasticsearch GET / bytes=2 component=go-elasticsearch db.type=elasticsearch es.method=GET http.status_code=200 span.kind=client\n",
	} {
		t.Run(url, func(t *testing.T) {
			tracer.Reset()
			sent := req.WithContext(underParent(t, tracer))
			if url == "no URL" {
				sent.URL = nil
			}
			res, err := transport.Perform(sent)
			if err != nil {
				t.Fatal(err)
			}
			consume(t, res.Body)
			if got := tracer.Tree(); got != "parent\n"+want {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}
