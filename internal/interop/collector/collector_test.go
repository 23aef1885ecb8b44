package collector_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/gaptrace/gaptrace/tracer/otlp"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
)

// TestCollector runs an OpenTelemetry Collector that has the connector gap, with the configuration
// of docs/collector.md. Clients of Jaeger, Zipkin and OTLP, and a Jaeger client that reports over
// OTLP, send it the same spans. Prometheus' text must have their self time.
func TestCollector(t *testing.T) {
	needCollector(t)
	addrs := map[string]string{} // by the address in the documentation
	config := atAddrs(t, collectorConfigs(t)[0], addrs)
	startCollector(t, config, `
connectors: {gap: {wait: 1s, metrics: {flush_interval: 100ms}}}`)
	metrics := "http://" + addrs["localhost:8889"] + "/metrics"
	for _, addr := range addrs { // the exporters listen first, and each receiver on its own
		spantest.Await(t, "the collector at "+addr, func() bool {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
			}
			return err == nil
		})
	}

	start := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	request := func(tr opentracing.Tracer, closer io.Closer, err error) { sendRequest(t, start, tr, closer, err) }
	request(tracer.New("by-jaeger", tracer.WithCollector("http://"+addrs["localhost:14268"])))
	request(otlp.New("by-jaeger-otlp", otlp.WithEndpoint("http://"+addrs["localhost:4318"]),
		otlp.WithSemanticConventions()))
	micros := func(ms int) string { return fmt.Sprint(start.Add(time.Duration(ms) * time.Millisecond).UnixMicro()) }
	nanos := func(ms int) string { return micros(ms) + "000" }
	post(t, "http://"+addrs["localhost:9411"]+"/api/v2/spans", `[
		{"traceId":"4f1c6a3d9be20c77","id":"1","kind":"SERVER","name":"GET /books","timestamp":`+micros(0)+`,
			"duration":100000,"localEndpoint":{"serviceName":"by-zipkin"}},
		{"traceId":"4f1c6a3d9be20c77","id":"2","parentId":"1","kind":"CLIENT","name":"sql query",
			"timestamp":`+micros(20)+`,"duration":30000,"localEndpoint":{"serviceName":"by-zipkin"}}]`)
	post(t, "http://"+addrs["localhost:4318"]+"/v1/traces", `{"resourceSpans":[{
		"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"by-otlp"}}]},"scopeSpans":[{"spans":[
		{"traceId":"00000000000000004f1c6a3d9be20c78","spanId":"0000000000000001","kind":2,"name":"GET /books",
			"startTimeUnixNano":"`+nanos(0)+`","endTimeUnixNano":"`+nanos(100)+`"},
		{"traceId":"00000000000000004f1c6a3d9be20c78","spanId":"0000000000000002","parentSpanId":"0000000000000001",
			"kind":3,"name":"sql query","startTimeUnixNano":"`+nanos(20)+`","endTimeUnixNano":"`+nanos(50)+`"}]}]}]}`)

	var want []string
	for _, service := range []string{"by-jaeger", "by-jaeger-otlp", "by-otlp", "by-zipkin"} {
		want = append(want, service+" GET /books 0.07", service+" sql query 0")
	}
	var got []string
	sample := regexp.MustCompile(`(?m)^gaptrace_self_time_seconds_sum{.*service_name="([^"]*)".*span_name="([^"]*)".*} (\S+)`)
	spantest.Await(t, "the metrics of the traces", func() bool {
		got = nil
		for _, m := range sample.FindAllSubmatch(scrape(metrics), -1) {
			// Zipkin's names are in lower case.
			got = append(got, fmt.Sprintf("%s %s %s", m[1], strings.Replace(string(m[2]), "get", "GET", 1), m[3]))
		}
		slices.Sort(got)
		return len(got) >= len(want)
	})
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// needCollector skips the test if there is no collector.
func needCollector(t *testing.T) {
	t.Helper()
	if os.Getenv("GAPTRACE_COLLECTOR") == "" {
		t.Skip("skipped: GAPTRACE_COLLECTOR does not name a collector that collector/builder.yaml has built")
	}
}

// collectorConfigs returns the complete configurations of docs/collector.md.
func collectorConfigs(t *testing.T) []string {
	t.Helper()
	docs := spantest.Must(os.ReadFile("../../../docs/collector.md"))(t)
	var configs []string
	for _, found := range regexp.MustCompile("(?s)```yaml\n(receivers:.*?)```").FindAllSubmatch(docs, -1) {
		configs = append(configs, string(found[1]))
	}
	return configs
}

// atAddrs replaces the addresses of a configuration by those in addrs. It adds the ones that are
// not there.
func atAddrs(t *testing.T, config string, addrs map[string]string) string {
	t.Helper()
	return regexp.MustCompile(`localhost:\d+`).ReplaceAllStringFunc(config, func(addr string) string {
		if addrs[addr] == "" {
			addrs[addr] = servers.FreeAddr(t, "the collector")
		}
		return addrs[addr]
	})
}

// collector is a running collector.
type collector struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  bool
}

// startCollector starts a collector with a configuration and changes of it. It is stopped after the
// test.
func startCollector(t *testing.T, config, changes string) *collector {
	t.Helper()
	dir := t.TempDir()
	c := &collector{}
	var args []string
	// Its own metrics would be at a fixed port.
	for i, text := range []string{config, changes, "service: {telemetry: {metrics: {level: none}}}"} {
		file := filepath.Join(dir, fmt.Sprint(i, ".yaml"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", file)
	}
	c.cmd = exec.Command(os.Getenv("GAPTRACE_COLLECTOR"), args...)
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.stop(t)
		if t.Failed() {
			t.Logf("the collector wrote:\n%s", &c.output)
		}
	})
	return c
}

// stop ends the collector as an administrator would, and returns when it has ended.
func (c *collector) stop(t *testing.T) {
	t.Helper()
	if c.ended {
		return
	}
	c.ended = true
	if err := errors.Join(c.cmd.Process.Signal(syscall.SIGTERM), c.cmd.Wait()); err != nil {
		t.Errorf("the collector ended: %v", err)
	}
}

// kill ends the collector as a crash would.
func (c *collector) kill(t *testing.T) {
	t.Helper()
	c.ended = true
	if err := c.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = c.cmd.Wait() // says that it was killed
}

// sendRequest sends a request of 100 ms with a query from 20 to 50 ms.
func sendRequest(t *testing.T, start time.Time, tr opentracing.Tracer, closer io.Closer, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	request := tr.StartSpan("GET /books", opentracing.StartTime(at(0)), ext.SpanKindRPCServer)
	query := tr.StartSpan("sql query", opentracing.StartTime(at(20)), opentracing.ChildOf(request.Context()),
		ext.SpanKindRPCClient)
	query.FinishWithOptions(opentracing.FinishOptions{FinishTime: at(50)})
	request.FinishWithOptions(opentracing.FinishOptions{FinishTime: at(100)})
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
}

func post(t *testing.T, url, body string) {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	if answer, _ := io.ReadAll(res.Body); res.StatusCode/100 != 2 {
		t.Errorf("%s: %s: %s", url, res.Status, answer)
	}
}

// scrape returns the body of an answer, or nil if there is none.
func scrape(url string) []byte {
	res, err := http.Get(url)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return append([]byte{}, body...)
}
