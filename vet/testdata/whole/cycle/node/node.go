// Package node has interfaces whose methods return each other.
package node

import "github.com/go-redis/redis/v8"

type Left interface {
	Right() Right
	Client() redis.UniversalClient
}

type Right interface {
	Left() Left
	Client() redis.UniversalClient
}

type A struct{ right Right }

func (a *A) Right() Right                  { return a.right }
func (a *A) Client() redis.UniversalClient { return a.right.Left().Right().Client() }

type B struct {
	left   Left
	client redis.UniversalClient
}

func (b *B) Left() Left { return b.left }
func (b *B) Client() redis.UniversalClient {
	if b.client == nil {
		return b.left.Client()
	}
	return b.client
}

func New(c redis.UniversalClient) Left {
	a, b := &A{}, &B{client: c}
	a.right, b.left = b, a
	return a
}
