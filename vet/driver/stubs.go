package driver

// stubs declare what fixes call, by import path. A fix is type-checked against them as long as the
// module does not require gaptrace. A test compares them with the packages.
var stubs = map[string]string{
	gaptraceModule: `package gaptrace

type Option func()
`,
	gaptraceModule + "/contrib/nethttp": `package nethttp

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/gaptrace/gaptrace"
)

func Wrap(rt http.RoundTripper, opts ...gaptrace.Option) http.RoundTripper
func WrapClient(c *http.Client, opts ...gaptrace.Option) *http.Client
func WrapHandler(h http.Handler, opts ...gaptrace.Option) http.Handler
func Get(ctx context.Context, client *http.Client, url string) (*http.Response, error)
func Head(ctx context.Context, client *http.Client, url string) (*http.Response, error)
func Post(ctx context.Context, client *http.Client, url, contentType string, body io.Reader) (*http.Response, error)
func PostForm(ctx context.Context, client *http.Client, url string, data url.Values) (*http.Response, error)
`,
	gaptraceModule + "/contrib/redis": `package gapredis

import (
	"github.com/gaptrace/gaptrace"
	"github.com/go-redis/redis/v8"
)

func Wrap[C interface{ AddHook(redis.Hook) }](client C, opts ...gaptrace.Option) C
func NewHook(opts ...gaptrace.Option) redis.Hook
`,
	gaptraceModule + "/contrib/sql": `package gapsql

import (
	"database/sql"
	"database/sql/driver"

	"github.com/gaptrace/gaptrace"
)

func Open(driverName, dataSourceName string, opts ...gaptrace.Option) (*sql.DB, error)
func Wrap(c driver.Connector, opts ...gaptrace.Option) driver.Connector
func WrapDriver(d driver.Driver, opts ...gaptrace.Option) driver.Driver
func Register(driverName string, opts ...gaptrace.Option) (name string)
`,
	gaptraceModule + "/contrib/sql/mysql": `package gapmysql

import (
	"database/sql"

	"github.com/gaptrace/gaptrace"
)

func Open(dsn string, opts ...gaptrace.Option) (*sql.DB, error)
`,
	gaptraceModule + "/contrib/elasticsearch": `package gapes

import (
	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
)

func Wrap(c *elasticsearch.Client, opts ...gaptrace.Option) *elasticsearch.Client
func WrapTyped(c *elasticsearch.TypedClient, opts ...gaptrace.Option) *elasticsearch.TypedClient
`,
	gaptraceModule + "/contrib/grpc": `package gapgrpc

import (
	"github.com/gaptrace/gaptrace"
	"google.golang.org/grpc"
)

func DialOptions(opts ...gaptrace.Option) []grpc.DialOption
func ServerOptions(opts ...gaptrace.Option) []grpc.ServerOption
`,
}
