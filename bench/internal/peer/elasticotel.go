package peer

import "github.com/elastic/go-elasticsearch/v8"

// elasticOTel is the instrumentation inside go-elasticsearch.
func elasticOTel() Peer {
	return Peer{
		Name:    "go-elasticsearch",
		Modules: []string{"github.com/elastic/go-elasticsearch/v8", "github.com/elastic/elastic-transport-go/v8"},
		API:     OpenTelemetry,
		Open:    openTelemetry,
		Elasticsearch: func(cfg elasticsearch.Config) (*elasticsearch.Client, error) {
			cfg.Instrumentation = elasticsearch.NewOpenTelemetryInstrumentation(nil, false)
			return elasticsearch.NewClient(cfg)
		},
	}
}
