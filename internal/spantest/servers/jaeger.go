package servers

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"os/exec"
	"testing"
	"time"
)

// JaegerServer is a Jaeger all-in-one 1.42. Its user interface is a placeholder. A trace is
// available some milliseconds after it was sent: ask again after a 404.
type JaegerServer struct {
	*Process
	QueryURL     string // http://127.0.0.1:port: /api/services, /api/traces/{id}
	CollectorURL string // http://127.0.0.1:port/api/traces: takes Thrift batches (JAEGER_ENDPOINT)
	AgentAddr    string // 127.0.0.1:port, UDP: takes compact Thrift (JAEGER_AGENT_HOST and _PORT)
	SamplingURL  string // http://127.0.0.1:port/sampling: serves sampling strategies (JAEGER_SAMPLING_ENDPOINT)
	ZipkinURL    string // http://127.0.0.1:port/api/v2/spans: takes Zipkin v2
	OTLPURL      string // http://127.0.0.1:port/v1/traces: takes OTLP over HTTP
}

// Jaeger starts a Jaeger all-in-one (jaeger-all-in-one on PATH).
func Jaeger(t testing.TB) JaegerServer {
	t.Helper()
	return startJaeger(t, "memory", nil)
}

// JaegerOnElasticsearch is Jaeger with its spans in the Elasticsearch at this base URL, in the
// indices jaeger-span-*. Further flags may be given, such as "--es.tags-as-fields.all=true".
func JaegerOnElasticsearch(t testing.TB, url string, flags ...string) JaegerServer {
	t.Helper()
	target, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	// Jaeger's health check is HEAD /, which the distribution for integration tests refuses.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/" {
			proxy.ServeHTTP(w, req)
		}
	}))
	t.Cleanup(server.Close)
	awaitIndex(t, url)
	flags = append(flags, "--es.server-urls="+server.URL, "--es.version=7", "--es.num-replicas=0")
	return startJaeger(t, "elasticsearch", flags)
}

// awaitIndex makes an index in Elasticsearch. Jaeger gives up if it cannot do this within 30 s,
// which is not enough on a busy machine where Elasticsearch has just started.
func awaitIndex(t testing.TB, url string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"/before-jaeger", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusBadRequest { // it exists
				return
			}
			err = errors.New(res.Status)
		}
		if time.Now().After(deadline) {
			t.Fatalf("no index in Elasticsearch after %v: %v", patience, err)
		}
	}
}

func startJaeger(t testing.TB, storage string, flags []string) JaegerServer {
	t.Helper()
	binary := find(t, "GAPTRACE_JAEGER", "jaeger-all-in-one")
	// All listeners: one that is not named here opens its well-known port on every interface.
	listeners := []string{
		"--query.http-server.host-port",
		"--collector.http-server.host-port",
		"--processor.jaeger-compact.server-host-port",
		"--http-server.host-port",
		"--collector.zipkin.host-port",
		"--collector.otlp.http.host-port",
		"--collector.otlp.grpc.host-port",
		"--collector.grpc-server.host-port",
		"--query.grpc-server.host-port",
		"--processor.jaeger-binary.server-host-port",
		"--processor.zipkin-compact.server-host-port",
		"--admin.http.host-port",
	}
	p, addr := server{
		name:  "jaeger",
		ports: len(listeners),
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			args := append([]string{"--collector.otlp.enabled=true"}, flags...)
			for i, listener := range listeners {
				args = append(args, listener+"="+addr[i])
			}
			cmd := exec.Command(binary, args...)
			// Jaeger would send spans of itself to any agent on this machine.
			cmd.Env = append(os.Environ(), "SPAN_STORAGE_TYPE="+storage, "JAEGER_DISABLED=true")
			return cmd, nil
		},
		ready: func(p *Process, addr []string) error {
			// The log is this server's; the port may be another server's.
			if !p.logged(`"status":"ready"`) {
				return errNotReady
			}
			_, err := get("http://" + addr[0] + "/api/services")
			return err
		},
	}.start(t)
	return JaegerServer{
		Process:      p,
		QueryURL:     "http://" + addr[0],
		CollectorURL: "http://" + addr[1] + "/api/traces",
		AgentAddr:    addr[2],
		SamplingURL:  "http://" + addr[3] + "/sampling",
		ZipkinURL:    "http://" + addr[4] + "/api/v2/spans",
		OTLPURL:      "http://" + addr[5] + "/v1/traces",
	}
}

// errNotReady is the error of a server whose log does not say yet that it is ready.
var errNotReady = errors.New("its log does not say that it is ready")

// get returns the body of a URL that answers 200. The connection is not kept: a test may count
// goroutines.
func get(url string) (body string, err error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, res.Status, b)
	}
	return string(b), err
}
