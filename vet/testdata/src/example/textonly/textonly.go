// Package textonly has wrapped calls that share only text, errors and responses with other clients.
package textonly

import (
	"context"
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
)

func status(req *http.Request) (string, error) {
	client := nethttp.WrapClient(&http.Client{})
	resp, err := client.Do(req)
	if err != nil {
		return err.Error(), err
	}
	return resp.Status, nil
}

func clientThatSendsStatus(req *http.Request) (*http.Client, error) {
	text, err := status(req)
	header := http.Header{"Status": {text}}
	return &http.Client{Transport: &http.Transport{ProxyConnectHeader: header}}, err // want `GT101: http.Client`
}

func next(ctx context.Context) (*http.Response, error) {
	resp, err := http.Get("http://localhost/first") // want `GT101: http.Get`
	if err != nil {
		return nil, err
	}
	return nethttp.Get(ctx, nil, resp.Header.Get("Location"))
}
