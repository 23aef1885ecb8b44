// Package shelf is the in-house client that docs/own-wrapper.md wraps. Its server speaks lines over
// TCP:
//
//	GET key    the value, or "ERR" and a message
//	KEYS       each key in a line of its own, then "."
package shelf

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// Client is a client of one server.
type Client struct {
	conn    net.Conn
	answers *bufio.Reader
}

// New returns a Client that uses conn.
func New(conn net.Conn) *Client { return &Client{conn, bufio.NewReader(conn)} }

// ErrMissing is the error of Get for a key that does not exist.
var ErrMissing = errors.New("shelf: no such key")

// Get returns the value of key.
func (c *Client) Get(ctx context.Context, key string) (string, error) {
	if err := c.ask(ctx, "GET "+key); err != nil {
		return "", err
	}
	value, err := c.answer()
	message, failed := strings.CutPrefix(value, "ERR ")
	switch {
	case err != nil:
		return "", err
	case message == "missing":
		return "", ErrMissing
	case failed:
		return "", errors.New("shelf: " + message)
	}
	return value, nil
}

// Keys returns all keys, which the server sends one by one.
func (c *Client) Keys(ctx context.Context) (*Keys, error) {
	if err := c.ask(ctx, "KEYS"); err != nil {
		return nil, err
	}
	return &Keys{c}, nil
}

// Keys are the keys of a server.
type Keys struct{ client *Client }

// Next returns the next key, or io.EOF after the last.
func (k *Keys) Next() (string, error) {
	key, err := k.client.answer()
	if err == nil && key == "." {
		err = io.EOF
	}
	return key, err
}

func (c *Client) ask(ctx context.Context, line string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.conn, line)
	return err
}

func (c *Client) answer() (string, error) {
	line, err := c.answers.ReadString('\n')
	return strings.TrimSuffix(line, "\n"), err
}
