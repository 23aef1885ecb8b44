package query

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// Header is a header of requests. Its value may be a secret, so no error repeats it.
type Header struct{ name, value string }

var errHeader = errors.New("want 'Name: value', or 'Name: @FILE' for a value in a file; " +
	"the given value is not shown, since it may be secret")

// ParseHeader parses "Name: value", or "Name: @file" for a value in a file.
func ParseHeader(text string) (Header, error) {
	name, value, ok := strings.Cut(text, ":")
	h := Header{strings.TrimSpace(name), strings.TrimSpace(value)}
	if !ok || h.name == "" || strings.Trim(strings.ToLower(h.name), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return Header{}, errHeader
	}
	if file, ok := strings.CutPrefix(h.value, "@"); ok {
		content, err := os.ReadFile(file)
		if err != nil {
			return Header{}, fmt.Errorf("the value of %s: %w", h.name, err)
		}
		h.value = strings.TrimSpace(string(content))
		if h.value == "" {
			return Header{}, fmt.Errorf("the value of %s: %s is empty", h.name, file)
		}
	}
	if strings.ContainsFunc(h.value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return Header{}, fmt.Errorf("the value of %s has a control character or more than one line", h.name)
	}
	return h, nil
}

// Authorizes reports whether the header has credentials of HTTP.
func (h Header) Authorizes() bool { return strings.EqualFold(h.name, "Authorization") }

// WithHeaders returns a client that adds headers to requests for the host of u. It adds none if a
// server redirects to another host, or from https to http.
func WithHeaders(headers []Header, u *url.URL) *http.Client {
	if len(headers) == 0 {
		return nil
	}
	return &http.Client{Transport: &headerTransport{headers, origin(u)}}
}

type headerTransport struct {
	headers []Header
	origin  string
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func (t *headerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if origin(req.URL) == t.origin {
		req = req.Clone(req.Context()) // as http.RoundTripper requires
		given := http.Header{}
		for _, h := range t.headers {
			if strings.EqualFold(h.name, "Host") {
				req.Host = h.value
			} else {
				given.Add(h.name, h.value)
			}
		}
		maps.Copy(req.Header, given)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || res.StatusCode == http.StatusOK {
		return res, err
	}
	// Messages show the beginning of the answer, and a server may repeat what it does not accept.
	text, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorText))
	text = []byte(Redact(t.headers, string(text)))
	res.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(text), res.Body}
	res.ContentLength = int64(len(text))
	return res, nil
}

// maxErrorText bounds how much is read of an answer that is an error. Messages show far less.
const maxErrorText = 64 << 10

// minSecret is the length of the shortest value that Redact replaces. Shorter ones are no secret,
// and may be part of any word.
const minSecret = 6

// Redact replaces the values of headers in a text. Those of credentials are also replaced without
// their scheme, such as Bearer.
func Redact(headers []Header, text string) string {
	for _, h := range headers {
		_, credentials, _ := strings.Cut(h.value, " ")
		for _, secret := range []string{h.value, strings.TrimSpace(credentials)} {
			if len(secret) >= minSecret {
				text = strings.ReplaceAll(text, secret, "[redacted]")
			}
		}
	}
	return text
}
