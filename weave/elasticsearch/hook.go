//go:build gaptrace_woven

package elasticsearch

import (
	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/options"
)

func init() {
	elasticsearch.GaptraceWrap = func(t elastictransport.Interface) elastictransport.Interface {
		return gapes.WrapTransport(t, options.Woven)
	}
}
