package servers

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestRedis(t *testing.T) {
	binary := find(t, "GAPTRACE_REDIS", "redis-server")
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		addr, p := RedisFrom(t, binary)
		return p, []string{say(t, "tcp", addr, "PING\r\n", "+PONG")}
	})
}

func TestRedisArguments(t *testing.T) {
	addr := Redis(t, "--requirepass", "secret")
	say(t, "tcp", addr, "PING\r\n", "-NOAUTH")
	say(t, "tcp", addr, "AUTH secret\r\n", "+OK")
}

func TestRedis62(t *testing.T) {
	binary := Redis62(t)
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		addr, p := RedisFrom(t, binary)
		say(t, "tcp", addr, "INFO server\r\n", "redis_version:6.2.")
		return p, []string{say(t, "tcp", addr, "PING\r\n", "+PONG")}
	})
}

func TestMariaDB(t *testing.T) {
	find(t, "GAPTRACE_MARIADB", "mariadbd")
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		s := MariaDB(t, "--character-set-server=utf8mb4")
		say(t, "unix", s.Socket, "", "\x00\x0a5.5.5-10.") // packet 0, protocol 10, a version that MySQL's clients accept
		if want := "root@tcp(" + s.Addr + ")/shop"; s.DSN("shop") != want {
			t.Errorf("DSN = %q, want %q", s.DSN("shop"), want)
		}
		return s.Process, []string{say(t, "tcp", s.Addr, "", "\x00\x0a5.5.5-10.")}
	})
}

func TestPostgreSQL(t *testing.T) {
	find(t, "GAPTRACE_POSTGRES", "postgres")
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		p, url := postgreSQL(t)
		addr, found := strings.CutPrefix(strings.TrimSuffix(url, "/postgres?sslmode=disable"), "postgres://postgres@")
		if !found {
			t.Errorf("URL = %q", url)
		}
		if err := startup("tcp", addr); err != nil {
			t.Error(err)
		}
		return p, []string{addr}
	})
}

func TestElasticsearch(t *testing.T) {
	elasticsearchHome(t)
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		url, p := ElasticsearchProcess(t)
		index, err := http.NewRequest("PUT", url+"/books/_doc/1?refresh=true", strings.NewReader(`{"title":"gaps"}`))
		if err != nil {
			t.Fatal(err)
		}
		index.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultTransport.RoundTrip(index)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusCreated || res.Header.Get("X-Elastic-Product") != "Elasticsearch" {
			t.Errorf("index: %s %v", res.Status, res.Header)
		}
		contains(t, url+"/books/_search?q=title:gaps", `"_source":{"title":"gaps"}`)
		return p, []string{strings.TrimPrefix(url, "http://")}
	})
}

func TestJaeger(t *testing.T) {
	find(t, "GAPTRACE_JAEGER", "jaeger-all-in-one")
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		s := Jaeger(t)
		contains(t, s.QueryURL+"/api/services", `"data":`)
		contains(t, s.SamplingURL+"?service=x", `"samplingRate":`)
		for url, body := range map[string]string{
			s.ZipkinURL: `[{
				"traceId":"00000000000000ab","id":"00000000000000cd","name":"zipkin",
				"timestamp":1700000000000000,"duration":5,"localEndpoint":{"serviceName":"by-zipkin"}}]`,
			s.OTLPURL: `{"resourceSpans":[{
				"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"by-otlp"}}]},
				"scopeSpans":[{"spans":[{
					"traceId":"000000000000000000000000000000ef","spanId":"0000000000000012","name":"otlp",
					"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000000005000"}]}]}]}`,
		} {
			res, err := http.Post(url, "application/json", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode/100 != 2 {
				t.Errorf("POST %s: %s", url, res.Status)
			}
		}
		eventually(t, func() error {
			services, err := get(s.QueryURL + "/api/services")
			if err == nil && !(strings.Contains(services, "by-zipkin") && strings.Contains(services, "by-otlp")) {
				err = errors.New(services)
			}
			return err
		})
		if conn, err := net.ListenPacket("udp", s.AgentAddr); err == nil {
			conn.Close()
			t.Errorf("Jaeger does not listen on %s, UDP", s.AgentAddr)
		}
		if res, err := http.Post(s.CollectorURL, "application/x-thrift", strings.NewReader("")); err != nil {
			t.Error(err)
		} else if res.Body.Close(); res.StatusCode != http.StatusBadRequest { // an empty body is no Thrift
			t.Errorf("POST %s: %s", s.CollectorURL, res.Status)
		}
		return s.Process, []string{strings.TrimPrefix(s.QueryURL, "http://")}
	})
}

func TestZipkin(t *testing.T) {
	zipkinJar(t)
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		url, p := Zipkin(t)
		res, err := http.Post(url+"/api/v2/spans", "application/json", strings.NewReader(`[{
			"traceId":"00000000000000ab","id":"00000000000000cd","name":"n","timestamp":1700000000000000,"duration":5}]`))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusAccepted {
			t.Errorf("POST: %s", res.Status)
		}
		eventually(t, func() error {
			_, err := get(url + "/api/v2/trace/00000000000000ab")
			return err
		})
		return p, []string{strings.TrimPrefix(url, "http://")}
	})
}

func TestKafka(t *testing.T) {
	if os.Getenv("GAPTRACE_KAFKA") == "" {
		t.Skip("skipped: GAPTRACE_KAFKA does not name the folder of jars that .ci/install-kafka has installed")
	}
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		addr, p := Kafka(t)
		// ApiVersions, version 0, as the request with id 7 of a client without a name.
		answer, err := converse("tcp", addr, "\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x07\xff\xff")
		if err != nil || len(answer) < 8 || answer[4:8] != "\x00\x00\x00\x07" {
			t.Errorf("answer %q, %v", answer, err)
		}
		return p, []string{addr}
	})
}

func TestEnvoy(t *testing.T) {
	find(t, "GAPTRACE_ENVOY", "envoy")
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		addr, p := Envoy(t, 1, func(addr []string) string {
			return `
static_resources:
  listeners:
  - address: ` + EnvoyAddress(addr[0]) + `
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: test
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: from Envoy}}}]
`
		})
		contains(t, "http://"+addr[0]+"/", "from Envoy")
		return p, addr
	})
}

func TestPrometheus(t *testing.T) {
	find(t, "GAPTRACE_PROMETHEUS", "prometheus")
	startAndStop(t, func(t *testing.T) (*Process, []string) {
		url, p := Prometheus(t, "127.0.0.1:1", false) // nothing is there
		eventually(t, func() error {
			up, err := get(url + "/api/v1/query?query=up")
			if err == nil && !strings.Contains(up, `"job":"program"`) {
				err = errors.New(up)
			}
			return err
		})
		return p, []string{strings.TrimPrefix(url, "http://")}
	})
}

func TestPythonAndNode(t *testing.T) {
	for name, cmd := range map[string]*exec.Cmd{
		"Python": Python(t, "-c", "import jaeger_client, grpc, grpc_opentracing; print('there')"),
		"Node":   Node(t, "-e", "require('jaeger-client'); require('@opentelemetry/propagator-b3'); console.log('there')"),
	} {
		if said, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(said)) != "there" {
			t.Errorf("%s: %v: %s", name, err, said)
		}
	}
}
