package nethttp_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

func TestSecretsInARequest(t *testing.T) {
	client, tracer, ctx, parent := underClient(t, always(500))
	for _, url := range []string{
		"http://user:PLANTED@example.com/",
		"http://PLANTED@example.com/",
		"http://example.com/?access_token=PLANTED&page=2",
		"http://example.com/?page=2&X-Amz-Signature=PLANTED",
		"http://example.com/?a=1;sig=PLANTED;b",
		"http://example.com/?pass%77ord=PLANTED",
		"http://example.com/?clientSecret=PLANTED#fragment",
		"http://example.com/#access_token=PLANTED",
		"http://example.com/?q=%zz&api_key=PLANTED",
	} {
		req := get(ctx, url)
		req.Header.Set("Authorization", "Bearer PLANTED")
		req.AddCookie(&http.Cookie{Name: "session", Value: "PLANTED"})
		client.Transport.RoundTrip(req)
	}
	opaque := get(ctx, "http://example.com/")
	opaque.URL.Opaque = "//user:PLANTED@example.com/path"
	client.Transport.RoundTrip(opaque)
	parent.Finish()
	if tree := tracer.Tree(); strings.Contains(tree, "PLANTED") {
		t.Error(tree)
	}
	if tree := tracer.Tree(); !strings.Contains(tree, "page=2") {
		t.Errorf("other values are lost:\n%s", tree)
	}
}

func TestSecretsInAnError(t *testing.T) {
	for name, err := range map[string]error{
		"of a client inside": &url.Error{Op: "Get", URL: "http://h/?access_token=PLANTED", Err: io.EOF},
		"of a proxy's URL":   errors.New(`parse "http://user:PLANTED@h:po rt/": invalid character " " in host name`),
	} {
		t.Run(name, func(t *testing.T) {
			client, tracer, ctx, parent := underClient(t, roundTripper(func(*http.Request) (*http.Response, error) {
				return nil, err
			}))
			if _, got := client.Transport.RoundTrip(get(ctx, "http://h/?access_token=PLANTED")); got != err {
				t.Errorf("the caller got %v", got)
			}
			parent.Finish()
			if tree := tracer.Tree(); strings.Contains(tree, "PLANTED") || !strings.Contains(tree, "error=true") {
				t.Error(tree)
			}
		})
	}
}

func TestSecretsInAPanic(t *testing.T) {
	for _, failure := range []any{
		http.Header{"Authorization": {"PLANTED"}},
		&http.Request{Header: http.Header{"Cookie": {"PLANTED"}}},
		bytes.NewBufferString("PLANTED"),
	} {
		tracer := spantest.NewTracer()
		h := nethttp.WrapHandler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			panic(failure)
		}), gaptrace.WithTracer(tracer))
		panicOf(func() { h.ServeHTTP(httptest.NewRecorder(), newGet()) })
		tree := tracer.Tree()
		if strings.Contains(tree, "PLANTED") || !strings.Contains(tree, fmt.Sprintf("panic with a %T", failure)) {
			t.Error(tree)
		}
	}
}
