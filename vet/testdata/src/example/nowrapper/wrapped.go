package nowrapper

import (
	"context"
	"net/http"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
	khttp "github.com/go-kratos/kratos/v2/transport/http"
	"github.com/go-resty/resty/v2"
)

func wrapped(ctx context.Context) {
	resty.NewWithClient(nethttp.WrapClient(&http.Client{}))
	khttp.NewClient(ctx, khttp.WithTransport(nethttp.Wrap(nil)))
}
