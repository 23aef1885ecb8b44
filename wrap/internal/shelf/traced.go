package shelf

import (
	"context"
	"io"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/wrap"
)

// Traced is a Client whose calls are recorded.
type Traced struct {
	*Client
	wrapper *wrap.Wrapper
}

// Wrap returns a Traced that uses c.
func Wrap(c *Client, opts ...gaptrace.Option) *Traced {
	return &Traced{c, wrap.New("shelf", opts...)}
}

// Get is [Client.Get].
func (t *Traced) Get(ctx context.Context, key string) (string, error) {
	call := t.wrapper.Start(ctx, func() gaptrace.Call {
		return gaptrace.Call{Component: "shelf", Operation: "shelf get", Request: key}
	})
	defer call.Unwound() // if Get panics
	value, err := t.Client.Get(ctx, key)
	call.Finish(err)
	return value, err
}

// Keys is [Client.Keys].
func (t *Traced) Keys(ctx context.Context) (*TracedKeys, error) {
	call := t.wrapper.Start(ctx, func() gaptrace.Call {
		return gaptrace.Call{Component: "shelf", Operation: "shelf keys"}
	})
	defer call.Unwound()
	keys, err := t.Client.Keys(ctx)
	if err != nil {
		call.Finish(err)
		return nil, err
	}
	traced := &TracedKeys{keys, call}
	if call.Answered("rows") {
		wrap.Watch(call, traced) // if the program forgets the keys
	}
	return traced, nil
}

// TracedKeys are Keys whose waits are recorded.
type TracedKeys struct {
	*Keys
	call *wrap.Call
}

// Next is [Keys.Next].
func (k *TracedKeys) Next() (string, error) {
	wait := k.call.Wait()
	defer wait.Unwound() // if Next panics
	key, err := k.Keys.Next()
	switch err {
	case nil:
		wait.Done(1)
	case io.EOF:
		wait.Done(0)
		k.call.Finish(nil)
	default:
		wait.Done(0)
		k.call.Finish(err)
	}
	return key, err
}
