// Package redis has the names of go-redis v8 that the tests use.
package redis

import "context"

type (
	Options          struct{ Addr string }
	ClusterOptions   struct{ Addrs []string }
	FailoverOptions  struct{ MasterName string }
	RingOptions      struct{ Addrs map[string]string }
	UniversalOptions struct{ Addrs []string }
)

type Hook interface{ BeforeProcess(ctx context.Context) }

type Cmd struct{}

func (*Cmd) Err() error { return nil }

type UniversalClient interface {
	AddHook(Hook)
	Get(ctx context.Context, key string) *Cmd
	Close() error
}

type (
	Client         struct{}
	ClusterClient  struct{}
	Ring           struct{}
	SentinelClient struct{}
)

func (*Client) AddHook(Hook)                            {}
func (*Client) Get(context.Context, string) *Cmd        { return nil }
func (*Client) Close() error                            { return nil }
func (*ClusterClient) AddHook(Hook)                     {}
func (*ClusterClient) Get(context.Context, string) *Cmd { return nil }
func (*ClusterClient) Close() error                     { return nil }
func (*Ring) AddHook(Hook)                              {}
func (*Ring) Get(context.Context, string) *Cmd          { return nil }
func (*Ring) Close() error                              { return nil }
func (*SentinelClient) AddHook(Hook)                    {}

func NewClient(*Options) *Client                               { return &Client{} }
func NewClusterClient(*ClusterOptions) *ClusterClient          { return &ClusterClient{} }
func NewFailoverClient(*FailoverOptions) *Client               { return &Client{} }
func NewFailoverClusterClient(*FailoverOptions) *ClusterClient { return &ClusterClient{} }
func NewRing(*RingOptions) *Ring                               { return &Ring{} }
func NewUniversalClient(*UniversalOptions) UniversalClient     { return &Client{} }
func NewSentinelClient(*Options) *SentinelClient               { return &SentinelClient{} }
