// Package elasticsearch has the names of go-elasticsearch v8 that the tests use.
package elasticsearch

import (
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/elastic/go-elasticsearch/v8/typedapi"
)

type Config struct {
	Addresses []string
	Transport http.RoundTripper
}

type Client struct{ *esapi.API }

type TypedClient struct{ *typedapi.API }

func NewClient(Config) (*Client, error)           { return nil, nil }
func NewDefaultClient() (*Client, error)          { return nil, nil }
func NewTypedClient(Config) (*TypedClient, error) { return nil, nil }
