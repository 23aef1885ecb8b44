package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gaptrace/gaptrace/internal/httpget"
)

// probes are cheap requests. Each is answered only by a server of its kind.
var probes = []struct {
	kind   Kind
	r      request
	answer func(body []byte) bool // whether it is of this kind
}{
	{Jaeger, request{path: []string{"api", "services"}}, isObjectWith("data")},
	{JaegerV3, request{path: []string{"api", "v3", "services"}}, isObjectWith("services")},
	{Zipkin, request{path: []string{"api", "v2", "services"}}, func(body []byte) bool {
		return bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))
	}},
	{Tempo, request{path: []string{"api", "echo"}}, func(body []byte) bool {
		return string(bytes.TrimSpace(body)) == "echo"
	}},
	// A handler that is mounted elsewhere. No trace has this ID.
	{Debug, request{path: []string{"trace"}, values: url.Values{"format": {"jaeger"}, "id": {"0"}}}, nil},
}

// isObjectWith returns a function that reports whether a body, which may be truncated, is a JSON
// object with a key.
func isObjectWith(want string) func(body []byte) bool {
	return func(body []byte) bool {
		d := json.NewDecoder(bytes.NewReader(body))
		if token, _ := d.Token(); token != json.Delim('{') {
			return false
		}
		for d.More() {
			key, err := d.Token()
			if err != nil || key == want {
				return err == nil
			}
			var value json.RawMessage
			if d.Decode(&value) != nil {
				return false
			}
		}
		return false
	}
}

// Open returns the server at an address, and its kind. If the address does not say which kind it
// is, Open asks the server. A server that does not answer, or that fails, is an error.
func Open(ctx context.Context, a *Address, o Options) (Server, Kind, error) {
	kind := a.Kind
	if kind == Unknown {
		var err error
		if kind, err = ask(ctx, &caller{base: a.Base, user: a.User, http: o.HTTP}); err != nil {
			return nil, Unknown, err
		}
	}
	return server(kind, a, o), kind, nil
}

// ask sends the probes until a server of the probe's kind answers one.
func ask(ctx context.Context, c *caller) (Kind, error) {
	var answers []string
	pages := 0
	for _, p := range probes {
		req := c.request(p.r)
		is, err := false, error(nil)
		res, err := req.Do(ctx)
		switch {
		case err == nil:
			body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
			res.Body.Close()
			is = p.answer != nil && p.answer(body)
		case p.kind == Debug:
			e, ok := errors.AsType[*httpget.StatusError](err)
			is = ok && e.Code == http.StatusNotFound && bytes.HasPrefix(e.Text, []byte("debug: "))
		}
		if is {
			return p.kind, nil
		}
		answer := "another answer"
		switch code := status(err); {
		case errors.Is(err, httpget.ErrWebPage):
			answer = "a web page"
			pages++
		case code == http.StatusNotFound, code == http.StatusBadRequest, code == http.StatusMethodNotAllowed,
			code == http.StatusNotAcceptable, code == http.StatusNotImplemented:
			answer = fmt.Sprint(code)
		case err != nil:
			return Unknown, hint(err)
		}
		answers = append(answers, fmt.Sprintf("%s: %s", strings.Join(p.r.path, "/"), answer))
	}
	if pages == len(probes) {
		return Unknown, fmt.Errorf("%s: %w", c.base, hint(httpget.ErrWebPage))
	}
	return Unknown, fmt.Errorf("%s is not Jaeger, Zipkin, Tempo or a program's /debug/gaps/ (%s); "+
		"check the URL and its base path", c.base, strings.Join(answers, ", "))
}
