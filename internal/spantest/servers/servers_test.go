package servers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
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

func TestListensOnlyOnLoopback(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: reads /proc/net")
	}
	s := Jaeger(t) // which has the most listeners
	sockets := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil && strings.HasPrefix(link, "socket:[") {
			sockets[strings.Trim(link, "socket:[]")] = true
		}
	}
	listeners := 0
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		b, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			continue // no IPv6 here
		}
		for line := range strings.SplitSeq(string(b), "\n") {
			f := strings.Fields(line)
			if len(f) < 10 || !sockets[f[9]] || (f[3] != "0A" && f[3] != "07") { // TCP_LISTEN, an unconnected UDP socket
				continue
			}
			listeners++
			if !strings.HasPrefix(f[1], "0100007F:") {
				t.Errorf("%s listens on %s", table, f[1])
			}
		}
	}
	if listeners != 12 {
		t.Errorf("%d listeners, want 12", listeners)
	}
}

func TestStartOnAnotherPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	s := redis(find(t, "GAPTRACE_REDIS", "redis-server"))
	command, starts := s.command, 0
	s.command = func(dir string, addr []string) (*exec.Cmd, error) {
		if starts++; starts == 1 {
			addr[0] = taken.Addr().String()
		}
		return command(dir, addr)
	}
	_, addr := s.start(t)
	if starts != 2 || addr[0] == taken.Addr().String() {
		t.Errorf("%d starts, at last on %s", starts, addr[0])
	}
	say(t, "tcp", addr[0], "PING\r\n", "+PONG")
}

func TestStartFailureShowsTheLog(t *testing.T) {
	binary := find(t, "GAPTRACE_REDIS", "redis-server")
	var f fake
	f.run(func() { RedisFrom(&f, binary, "--no-such-setting", "x") })
	for _, want := range []string{"ended before it was ready: exit status 1", "Bad directive"} {
		if !strings.Contains(f.fatal, want) {
			t.Errorf("fatal: %q; want %q", f.fatal, want)
		}
	}
}

func TestServerKilledInATest(t *testing.T) {
	binary := find(t, "GAPTRACE_REDIS", "redis-server")
	for name, end := range map[string]func(*Process){
		"by the test":          (*Process).Kill,
		"stopped by the test":  (*Process).Stop,
		"by another process":   func(p *Process) { p.cmd.Process.Kill() },
		"not at all, and hung": suspend,
	} {
		t.Run(name, func(t *testing.T) {
			var p *Process
			from := time.Now()
			t.Run("", func(t *testing.T) {
				_, p = RedisFrom(t, binary)
				end(p)
			})
			if took := time.Since(from); took > grace/2 {
				t.Errorf("took %v", took)
			}
			gone(t, p)
		})
	}
}

// The child process is this test binary. It starts a server, prints its process id, and waits until
// it is killed.
func TestServerDiesWithTheTestBinary(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: only Linux has a parent-death signal")
	}
	binary := find(t, "GAPTRACE_REDIS", "redis-server")
	if os.Getenv("GAPTRACE_TEST_CHILD") != "" {
		_, p := RedisFrom(t, binary)
		fmt.Printf("%d %s\n", p.PID(), p.dir)
		select {}
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), "GAPTRACE_TEST_CHILD=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	child.Process.Kill()
	child.Wait()
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	if _, err := fmt.Sscan(line, &pid, &dir); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	defer os.RemoveAll(dir) // which a killed test cannot do
	eventually(t, func() error {
		if alive(pid) {
			return fmt.Errorf("process %d still runs", pid)
		}
		return nil
	})
}

func TestMissingServer(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("GAPTRACE_SERVERS", t.TempDir())
	for _, v := range []string{"GAPTRACE_JAEGER", "GAPTRACE_REDIS62", "GAPTRACE_ELASTICSEARCH_HOME", "ES_JAVA_HOME"} {
		t.Setenv(v, "")
	}
	noSuchRedis := func(t testing.TB) {
		os.Setenv("GAPTRACE_REDIS", "/no/such/redis")
		Redis(t)
	}
	for reason, start := range map[string]func(testing.TB){
		"no jaeger-all-in-one in $GAPTRACE_JAEGER, on PATH or in ":       func(t testing.TB) { Jaeger(t) },
		"no redis-server-6.2 in $GAPTRACE_REDIS62, on PATH or in ":       func(t testing.TB) { Redis62(t) },
		"no Elasticsearch in $GAPTRACE_ELASTICSEARCH_HOME or ":           func(t testing.TB) { Elasticsearch(t) },
		"no Java for Elasticsearch in $ES_JAVA_HOME, ":                   func(t testing.TB) { javaHome(t) },
		"GAPTRACE_REDIS: stat /no/such/redis: no such file or directory": noSuchRedis,
	} {
		t.Setenv("GAPTRACE_REDIS", "") // restored afterwards
		t.Setenv("GAPTRACE_REQUIRE_SERVERS", "")
		var f fake
		f.run(func() { start(&f) })
		if !strings.HasPrefix(f.skip, "skipped: "+reason) || !strings.HasSuffix(f.skip, "see CONTRIBUTING.md") ||
			f.fatal != "" {
			t.Errorf("skip: %q, fatal: %q", f.skip, f.fatal)
		}
		t.Setenv("GAPTRACE_REQUIRE_SERVERS", "1")
		f = fake{}
		f.run(func() { start(&f) })
		if !strings.HasPrefix(f.fatal, "GAPTRACE_REQUIRE_SERVERS=1, but "+reason) || f.skip != "" {
			t.Errorf("required: skip: %q, fatal: %q", f.skip, f.fatal)
		}
	}
}

// startAndStop starts a server in a subtest, whose end stops it. Then it checks that nothing is
// left.
func startAndStop(t *testing.T, start func(*testing.T) (p *Process, addrs []string)) {
	t.Helper()
	var p *Process
	var addrs []string
	from := time.Now()
	if !t.Run("up", func(t *testing.T) {
		p, addrs = start(t)
		if !alive(p.PID()) {
			t.Errorf("no process %d", p.PID())
		}
		t.Logf("up and used after %v", time.Since(from).Round(time.Millisecond))
		from = time.Now()
	}) {
		return
	}
	t.Logf("gone after another %v", time.Since(from).Round(time.Millisecond))
	gone(t, p, addrs...)
}

// gone checks that nothing is left of a server.
func gone(t *testing.T, p *Process, addrs ...string) {
	t.Helper()
	if alive(p.PID()) {
		t.Errorf("process %d still runs", p.PID())
	}
	for _, addr := range addrs {
		if conn, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial %s: %v, want refused", addr, err)
			if err == nil {
				conn.Close()
			}
		}
	}
	if _, err := os.Stat(p.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its directory: %v", err)
	}
}

// say checks that the answer to a request contains want, and returns the address.
func say(t *testing.T, network, addr, request, want string) string {
	t.Helper()
	answer, err := converse(network, addr, request)
	if err != nil || !strings.Contains(answer, want) {
		t.Errorf("%q to %s: %q, %v; want %q", request, addr, answer, err, want)
	}
	return addr
}

func contains(t *testing.T, url, want string) {
	t.Helper()
	if body, err := get(url); err != nil || !strings.Contains(body, want) {
		t.Errorf("%s: %s, %v; want %s", url, body, err, want)
	}
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for err := check(); err != nil; err = check() {
		if time.Now().After(deadline) {
			t.Error(err)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// alive reports whether a process runs. A zombie does not: it waits for an init, which some
// containers lack.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // 1234 (redis-server) S …
	return p.Signal(syscall.Signal(0)) == nil && !strings.Contains(string(stat), ") Z ")
}

// fake is a testing.TB that keeps what a test reports.
type fake struct {
	testing.TB
	skip, fatal string
	errors      []string
	cleanups    []func()
}

func (f *fake) Helper()                           {}
func (f *fake) Context() context.Context          { return context.Background() }
func (f *fake) Logf(string, ...any)               {}
func (f *fake) Errorf(format string, args ...any) { f.Error(fmt.Sprintf(format, args...)) }
func (f *fake) Error(args ...any)                 { f.errors = append(f.errors, fmt.Sprint(args...)) }
func (f *fake) Cleanup(c func())                  { f.cleanups = append(f.cleanups, c) }
func (f *fake) Skipf(format string, args ...any) {
	f.skip = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (f *fake) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// outcome returns "up", or how the test was skipped or failed.
func (f *fake) outcome() string {
	switch {
	case f.fatal != "" || len(f.errors) > 0:
		return "failed: " + f.fatal + strings.Join(f.errors, "; ")
	case f.skip != "":
		return f.skip
	}
	return "up"
}

// run calls test as the testing package would: in a goroutine that Skipf and Fatalf can end.
func (f *fake) run(test func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		test()
	}()
	<-done
	for _, v := range slices.Backward(f.cleanups) {
		v()
	}
}

// A server's own failure must fail the test, and never skip it.
func TestCrashFailsTheTest(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("skipped: ", err)
	}
	for script, want := range map[string]string{
		"exit 1":        "ended before it was ready: exit status 1",
		"exit 0":        "ended before it was ready: <nil>",
		"kill -SEGV $$": "ended before it was ready: signal: segmentation fault",
		"kill -ABRT $$": "ended before it was ready: signal: aborted",
		"echo open config: permission denied; exit 1": "ended before it was ready: exit status 1",
		"echo exec format error; exit 1":              "ended before it was ready: exit status 1",
	} {
		s := server{
			name:    "crashing",
			command: func(string, []string) (*exec.Cmd, error) { return exec.Command("/bin/sh", "-c", script), nil },
			ready:   func(*Process, []string) error { return errors.New("never") },
		}
		var f fake
		f.run(func() { s.start(&f) })
		if !strings.Contains(f.fatal, want) || f.skip != "" {
			t.Errorf("%s: %s", script, f.outcome())
		}
	}
}

func TestUnfitMachineSkipsOrFails(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("skipped: the messages are Linux's")
	}
	for script, want := range map[string]string{
		"kill -KILL $$": "signal: killed; free memory",
		"kill -SYS $$":  "signal: bad system call",
		"echo 'FATAL:zygote_host.cc No usable sandbox! If you are'; exit 133": "No usable sandbox! If you are; " +
			"allow user namespaces",
		"echo 'x: error while loading shared libraries: liby.so: cannot open'; exit 127": "liby.so: cannot open; " +
			"install the library",
		"echo 'x: /lib/libc.so.6: version `GLIBC_2.99'\"'\"' not found (required by x)'; exit 1": "GLIBC_2.99' not found " +
			"(required by x); install one",
		"echo '[emerg] bind() to 127.0.0.1:80 failed (13: Permission denied): permission denied'; exit 1": "allow programs " +
			"to listen on 127.0.0.1",
		"echo 'runtime: out of memory: cannot allocate 64-byte block'; exit 2": "free memory",
	} {
		s := server{
			name:    "ended",
			command: func(string, []string) (*exec.Cmd, error) { return exec.Command("/bin/sh", "-c", script), nil },
			ready:   func(*Process, []string) error { return errors.New("never") },
		}
		for required, prefix := range map[string]string{"": "skipped: ", "1": "GAPTRACE_REQUIRE_SERVERS=1, but "} {
			t.Setenv("GAPTRACE_REQUIRE_SERVERS", required)
			var f fake
			f.run(func() { s.start(&f) })
			got := f.skip
			if required == "1" {
				got = f.fatal
			}
			if !strings.HasPrefix(got, prefix+"ended cannot run on this machine: ") || !strings.Contains(got, want) {
				t.Errorf("%s, required %q: %s", script, required, f.outcome())
			}
		}
	}
}
