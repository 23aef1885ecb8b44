package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"io"
	"math"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gaptrace/gaptrace/demo/internal/bookshop"
	"github.com/gaptrace/gaptrace/demo/internal/embedded"
	"github.com/gaptrace/gaptrace/gap"
)

// demo runs the program and returns its exit code and output.
func demo(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// bleveWorkers live as long as the process.
var bleveWorkers = goleak.IgnoreTopFunction("github.com/blevesearch/bleve_index_api.AnalysisWorker")

func TestDemo(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), bleveWorkers)
	code, stdout, stderr := demo(t.Context(), "-n", "2")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if n := strings.Count(stdout, "trace "); n != 1 || !strings.HasPrefix(stdout, "Request 2, ") {
		t.Errorf("%d waterfalls, want one of request 2", n)
	}
	for _, operation := range []string{
		"browser: HTTP GET ",
		"└ bookshop: HTTP GET /books/{id} ",
		"├ redis get ",
		"├ sql query ",
		"├ elasticsearch search ",
		"├ HTTP GET ", // with a "+5" for its waits, unless the machine is very busy
		"│ └ supplier: HTTP GET /offers/{id} ",
	} {
		if !strings.Contains(stdout, operation) {
			t.Errorf("no %q", operation)
		}
	}
	checkSelfTime(t, stdout, 2+atOnce)
	if strings.ContainsRune(stdout+stderr, '\x1b') {
		t.Error("escape sequences without a terminal")
	}
	if t.Failed() {
		t.Log(stdout)
	}
}

var (
	selfTime = regexp.MustCompile(
		`self time ([0-9.]+) ms = CPU (.*); the handler's CPU clock says ([0-9.]+), difference [0-9.]+ %`)
	milliseconds = regexp.MustCompile(`[0-9]+\.[0-9]`)
)

// checkSelfTime reads the lines of all requests. On a busy machine a handler also waits for a CPU,
// but its CPU time is that which it measured. The goals are much narrower than these bounds:
// docs/explain.md.
func checkSelfTime(t *testing.T, stdout string, requests int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		if n := strings.Count(stdout, "not measured"); n != requests {
			t.Errorf("%d requests were not measured, want %d", n, requests)
		}
		return
	}
	lines := selfTime.FindAllStringSubmatch(stdout, -1)
	if len(lines) != requests {
		t.Errorf("%d lines of self time, want %d", len(lines), requests)
	}
	for _, line := range lines {
		self, _ := strconv.ParseFloat(line[1], 64)
		measured, _ := strconv.ParseFloat(line[3], 64)
		sum, cpu := 0.0, -1.0
		for _, number := range milliseconds.FindAllString(line[2], -1) {
			ms, _ := strconv.ParseFloat(number, 64)
			if sum += ms; cpu < 0 {
				cpu = ms
			}
		}
		if math.Abs(sum-self) > 0.5 {
			t.Errorf("%s: the parts add up to %.1f ms", line[0], sum)
		}
		if measured < 1 || math.Abs(cpu-measured) > 0.3*measured {
			t.Errorf("%s: the CPU time is wrong", line[0])
		}
	}
}

func TestColors(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("NO_COLOR", "")
	t.Setenv("CLICOLOR_FORCE", "1") // as on a terminal
	if _, stdout, _ := demo(t.Context(), "-n", "1"); !strings.Contains(stdout, "\x1b[") {
		t.Errorf("no colors:\n%s", stdout)
	}
	t.Setenv("NO_COLOR", "1")
	if _, stdout, stderr := demo(t.Context(), "-n", "1"); strings.ContainsRune(stdout+stderr, '\x1b') {
		t.Errorf("colors despite NO_COLOR:\n%s", stdout)
	}
}

func TestHelp(t *testing.T) {
	for _, flag := range []string{"-h", "-help", "--help"} {
		if code, stdout, stderr := demo(t.Context(), flag); code != 0 || stdout != usage || stderr != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", flag, code, stdout, stderr)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for args, want := range map[string]string{
		"-n 0":                           "want 1 or more",
		"-n x":                           "invalid value",
		"-n":                             "needs an argument",
		"-jaeger localhost:14268":        "http://",
		"-elasticsearch ftp://host":      "http://",
		"-elasticsearch http://":         "http://",
		"-redis localhost":               "host:port",
		"-redis localhost:x":             "host:port",
		"-redis redis://localhost/abc":   "invalid database number",
		"-redis http://localhost":        "invalid URL scheme",
		"-jaeger http://127.0.0.1:99999": "a port from 1 to 65535",
		"-mysql root@tcp(127.0.0.1:33)":  "missing the slash",
		"-listen 6060":                   "host:port",
		"-listen localhost:http":         "host:port",
		"-fast":                          "not defined",
		"now":                            `unexpected argument "now": there are only flags: -elasticsearch, -jaeger`,
	} {
		code, stdout, stderr := demo(t.Context(), strings.Fields(args)...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, want) || !strings.Contains(stderr, "-h for help") {
			t.Errorf("%s: exit code %d, %q, want %q", args, code, stderr, want)
		}
	}
}

func TestErrorsOmitPasswords(t *testing.T) {
	for _, args := range [][]string{
		{"-redis", "redis://u:hunter2@localhost:6379/abc"},
		{"-redis", "redis://u:hun ter2@localhost:6379"},
		{"-mysql", "root:hunter2@tcp(127.0.0.1:1)"},
		{"-elasticsearch", "ftp://u:hunter2@localhost"},
		{"-jaeger", "http://u:hunter2@localhost:port"},
	} {
		code, _, stderr := demo(t.Context(), args...)
		if code != 2 || strings.Contains(stderr, "ter2") || !strings.Contains(stderr, args[0]) {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
}

func TestInvalidEnvironmentFailsFirst(t *testing.T) {
	t.Setenv("JAEGER_TAGS", "x")
	code, stdout, stderr := demo(t.Context())
	if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "demo: tracer: JAEGER_TAGS") {
		t.Errorf("exit code %d, stdout %q, stderr %s", code, stdout, stderr)
	}
}

func TestNothingRecorded(t *testing.T) {
	for variable, value := range map[string]string{"JAEGER_DISABLED": "true", "JAEGER_SAMPLER_PARAM": "0"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			code, stdout, stderr := demo(t.Context(), "-n", "1")
			if code != 1 || stdout != "" || !strings.Contains(stderr, "JAEGER_DISABLED and JAEGER_SAMPLER_") {
				t.Errorf("exit code %d, stdout %q, stderr %s", code, stdout, stderr)
			}
		})
	}
}

// The handler works for 40 of 100 ms: 35 in gaps, and 5 inside joined waits.
func TestSelfTimeIncludesJoinedTime(t *testing.T) {
	ms, start := time.Millisecond, time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	tags := func(kind string, more ...gap.Field) []gap.Field {
		return append(more, gap.Field{Key: "span.kind", Value: kind})
	}
	spans := []gap.Span{
		{
			SpanID: 1, Operation: "HTTP GET", Start: start, Duration: 100 * ms,
			Tags: tags("server",
				gap.Field{Key: "guid:x-request-id", Value: "1"},
				gap.Field{Key: bookshop.WorkTag, Value: int64(30_000)}),
		},
		{
			SpanID: 2, References: []gap.Reference{{SpanID: 1}}, Operation: "sql query",
			Start: start.Add(20 * ms), Duration: 65 * ms,
			Tags: tags("client", gap.Field{Key: "wait.joined_us", Value: int64(5_000)}),
		},
	}
	var out strings.Builder
	requests := find([][]gap.Span{spans})
	explain := func(g gap.Gap) *gap.Explanation { // a fifth of each gap is GC, and 10 µs something else
		gc, other := g.Time/5, 10*time.Microsecond
		return &gap.Explanation{Parts: []gap.Part{
			{Cause: gap.CauseCPU, Duration: g.Time - gc - other},
			{Cause: gap.CauseGC, Duration: gc},
			{Cause: gap.CauseSleep, Duration: other},
		}}
	}
	requests[0] = requests[0].explained(explain)
	compare(&out, requests)
	const want = "  request 1  self time 40.0 ms = CPU 32.0 + GC 8.0; the handler's CPU clock says 30.0, difference 6.6 %\n"
	if out.String() != want {
		t.Errorf("got %s want %s", out.String(), want)
	}
}

func TestInterruptWhileSending(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	stderr := &interrupter{at: "sending the spans", cancel: cancel}
	var stdout bytes.Buffer
	args := []string{"-n", "1", "-jaeger", "http://" + silent.Addr().String()}
	code := run(ctx, args, &stdout, stderr)
	if code != 130 || !strings.Contains(stdout.String(), "self time ") ||
		!strings.HasSuffix(stderr.String(), "demo: interrupted\n") {
		t.Errorf("exit code %d, stdout %q, stderr %s", code, stdout.String(), stderr)
	}
}

func TestInterruptDuringCreateDatabase(t *testing.T) {
	server, err := embedded.MySQL()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	proxy := unanswered(t, server.Addr, "CREATE DATABASE", cancel)
	if code, _, stderr := demo(ctx, "-mysql", "root@tcp("+proxy+")/"); code != 130 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	db, err := sql.Open("mysql", "root@tcp("+server.Addr+")/")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var left int
	const count = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'gaptrace%'"
	if err := db.QueryRow(count).Scan(&left); err != nil || left > 0 {
		t.Errorf("%d databases are left, %v", left, err)
	}
}

// unanswered is a proxy of a server. It drops the answer to a request that contains text, and calls
// answered instead.
func unanswered(t *testing.T, server, text string, answered func()) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var forwarding sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		forwarding.Wait()
	})
	forwarding.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			inner, err := net.Dial("tcp", server)
			if err != nil {
				t.Error(err)
				client.Close()
				return
			}
			var asked atomic.Bool
			forwarding.Go(func() {
				defer client.Close()
				for buf := make([]byte, 64<<10); ; {
					n, err := inner.Read(buf)
					if err != nil {
						return
					}
					if asked.Load() {
						answered()
						continue
					}
					client.Write(buf[:n])
				}
			})
			forwarding.Go(func() {
				defer inner.Close()
				for buf := make([]byte, 64<<10); ; {
					n, err := client.Read(buf)
					if err != nil {
						return
					}
					if bytes.Contains(buf[:n], []byte(text)) {
						asked.Store(true)
					}
					inner.Write(buf[:n])
				}
			})
		}
	})
	return l.Addr().String()
}

func TestUnreachableServer(t *testing.T) {
	// Port 1 is reserved, so nothing listens on it.
	for flag, value := range map[string]string{
		"-redis": "127.0.0.1:1", "-mysql": "root@tcp(127.0.0.1:1)/",
		"-elasticsearch": "http://127.0.0.1:1", "-jaeger": "http://127.0.0.1:1",
	} {
		code, stdout, stderr := demo(t.Context(), "-n", "1", flag, value)
		// Without a collector the traces are still drawn.
		if drawn := strings.Contains(stdout, "self time "); drawn != (flag == "-jaeger") {
			t.Errorf("%s: drawn %v", flag, drawn)
		}
		if code != 1 || !strings.Contains(stderr, "127.0.0.1:1: connect: connection refused") {
			t.Errorf("%s: exit code %d, %s", flag, code, stderr)
		}
	}
}

func TestInterrupt(t *testing.T) {
	for _, when := range []string{"starting redis", "starting mysql", "writing the shop's data", "requests:"} {
		ctx, cancel := context.WithCancel(t.Context())
		stderr := &interrupter{at: when, cancel: cancel}
		var stdout bytes.Buffer
		code := run(ctx, nil, &stdout, stderr)
		if code != 130 || stdout.Len() > 0 ||
			!strings.HasSuffix(stderr.String(), "demo: interrupted\n") ||
			strings.Contains(stderr.String(), "cleaning up") {
			t.Errorf("%s: exit code %d, stdout %q, stderr %s", when, code, stdout.String(), stderr)
		}
	}
}

func TestListenServesPage(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent(), bleveWorkers)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	output, stderr := io.Pipe()
	var stdout bytes.Buffer
	var running sync.WaitGroup
	code := -1
	running.Go(func() {
		code = run(ctx, []string{"-n", "1", "-listen", "127.0.0.1:0"}, &stdout, stderr)
		stderr.Close()
	})
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		page, ok := strings.CutPrefix(lines.Text(), "serving ")
		if !ok {
			continue
		}
		page, _, _ = strings.Cut(page, " ")
		res, err := http.Get(page)
		if err != nil {
			t.Error(err)
		} else {
			text, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || res.StatusCode != http.StatusOK ||
				!strings.Contains(string(text), "HTTP GET /books/{id}") {
				t.Errorf("%s: %s, %v, %s", page, res.Status, err, text)
			}
		}
		cancel()
	}
	running.Wait()
	http.DefaultClient.CloseIdleConnections()
	if code != 0 || !strings.Contains(stdout.String(), "self time ") {
		t.Errorf("exit code %d, stdout %q", code, stdout.String())
	}
}

func TestPortInUseFailsFirst(t *testing.T) {
	inUse, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inUse.Close()
	code, stdout, stderr := demo(t.Context(), "-listen", inUse.Addr().String())
	if code != 1 || stdout != "" || !strings.HasPrefix(stderr, "demo: listen tcp "+inUse.Addr().String()) {
		t.Errorf("exit code %d, stdout %q, stderr %s", code, stdout, stderr)
	}
}

// interrupter cancels as soon as a text is written to it.
type interrupter struct {
	bytes.Buffer
	at     string
	cancel context.CancelFunc
}

func (i *interrupter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), i.at) {
		i.cancel()
	}
	return i.Buffer.Write(p)
}
