package shelf_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/wrap/internal/shelf"
	"github.com/gaptrace/gaptrace/wrap/wraptest"
)

// client has the methods of raw and wrapped clients, as functions.
type client struct {
	raw  *shelf.Client
	get  func(ctx context.Context, key string) (string, error)
	keys func(ctx context.Context) (next func() (string, error), err error)
}

func TestPromises(t *testing.T) {
	wraptest.Check(t, wraptest.Client[client]{
		New: func(t *testing.T) client {
			c := shelf.New(server(t))
			return client{c, c.Get, func(ctx context.Context) (func() (string, error), error) {
				keys, err := c.Keys(ctx)
				return keys.Next, err
			}}
		},
		Wrap: func(raw client, opts ...gaptrace.Option) client {
			c := shelf.Wrap(raw.raw, opts...)
			return client{raw.raw, c.Get, func(ctx context.Context) (func() (string, error), error) {
				keys, err := c.Keys(ctx)
				return keys.Next, err
			}}
		},
		Uses: map[string]func(*wraptest.Session, client){
			"get":              get("color"),
			"get of none":      get("missing"),
			"get of a hang-up": get("hang up"),
			"keys":             allKeys,
			"abandoned keys": func(s *wraptest.Session, c client) {
				_, err := c.keys(s.Context())
				s.Note("keys", err)
			},
		},
		Secret: "hunter2", // which the server sends and gets
		Errors: []error{shelf.ErrMissing, context.Canceled},
	})
}

func get(key string) func(*wraptest.Session, client) {
	return func(s *wraptest.Session, c client) {
		s.Work()
		value, err := c.get(s.Context(), key+" hunter2")
		s.Note("get", value, err)
		s.Work()
	}
}

func allKeys(s *wraptest.Session, c client) {
	next, err := c.keys(s.Context())
	for err == nil {
		s.Work()
		var key string
		key, err = next()
		s.Note("key", key, err)
	}
}

// server returns a connection to a server that takes 50 ms for each line of its answers.
func server(t *testing.T) net.Conn {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	go func() {
		defer there.Close()
		answer := func(line string) {
			time.Sleep(50 * time.Millisecond)
			fmt.Fprintln(there, line)
		}
		for lines := bufio.NewScanner(there); lines.Scan(); {
			command, key, _ := strings.Cut(lines.Text(), " ")
			switch {
			case command == "KEYS":
				for _, key := range []string{"color", "hunter2", "."} {
					answer(key)
				}
			case strings.HasPrefix(key, "missing"):
				answer("ERR missing")
			case strings.HasPrefix(key, "hang up"):
				return
			default:
				answer("value of " + key)
			}
		}
	}()
	return here
}
