package searchclient

import (
	"github.com/elastic/go-elasticsearch/v8"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func wrappedClient() {
	es, err := elasticsearch.NewDefaultClient()
	if err == nil {
		gapes.Wrap(es)
	}
}

func wrappedTyped() {
	es, err := elasticsearch.NewTypedClient(elasticsearch.Config{})
	if err == nil {
		use(gapes.WrapTyped(es))
	}
}

func wrappedTransport() {
	es, _ := elasticsearch.NewClient(elasticsearch.Config{Transport: nethttp.Wrap(nil)})
	use(es)
}

func wrappedInConfig() {
	config := elasticsearch.Config{}
	config.Transport = nethttp.Wrap(nil)
	es, _ := elasticsearch.NewClient(config)
	use(es)
}
