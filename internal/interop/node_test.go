package interop_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
)

// told is a line of a peer: what its client has sent, or its server was sent.
type told struct {
	Peer, Side          string
	Trace, Span, Parent string
	Sampled, Debug      bool
	Headers             map[string]string
}

func TestNodeAndGoAreOneTraceBothWays(t *testing.T) {
	node := servers.Node(t, "testdata/peer.js")
	jaeger := servers.Jaeger(t)
	recorder := tracer.NewRecorder(1000)
	ours, closer, err := tracer.New("go", tracer.WithRecorder(recorder), tracer.WithCollector(jaeger.CollectorURL))
	if err != nil {
		t.Fatal(err)
	}
	defer closer.Close()
	client := nethttp.WrapClient(http.DefaultClient, gaptrace.WithTracer(ours))
	server := httptest.NewServer(nethttp.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), "GET", r.URL.Query().Get("back"), nil)
		if err != nil {
			t.Error(err)
			return
		}
		res, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		io.Copy(w, res.Body)
	}), gaptrace.WithTracer(ours)))
	defer server.Close()

	node.Args = append(node.Args, server.URL, jaeger.CollectorURL)
	var errs strings.Builder
	node.Stderr = &errs
	out, err := node.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %s", err, &errs)
	}
	sent := map[string]told{}
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	for lines.Scan() {
		var line told
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		t.Log(lines.Text())
		if line.Side == "client" {
			sent[line.Peer] = line
			continue
		}
		was := sent[line.Peer]
		if padded(line.Trace, 32) != padded(was.Trace, 32) || line.Sampled != was.Sampled || line.Debug != was.Debug || line.Parent == was.Span {
			t.Errorf("%s: Node sent %+v, and was sent %+v", line.Peer, was, line)
		}
	}
	if len(sent) != 9 {
		t.Errorf("%d peers: %s", len(sent), out)
	}
}

// padded is an id with the leading zeros that some clients leave out.
func padded(id string, digits int) string { return strings.Repeat("0", max(0, digits-len(id))) + id }
