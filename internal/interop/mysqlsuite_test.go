package interop_test

import (
	"bytes"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// The driver's tests that are left out, raw and wrapped.
var leftOut = []string{
	"TestConnectorReturnsTimeout", // dials an address that is not this machine's
	"TestPing",                    // asserts that a connection is the driver's own unexported type
	"TestQueryMultipleResults",    // likewise
}

// wrappedTests go among the driver's tests. They count the spans that all of these draw: each must be finished once.
const wrappedTests = `package mysql

import (
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace"
	gapsql "github.com/gaptrace/gaptrace/contrib/sql"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
)

type counting struct {
	*mocktracer.MockTracer
	started atomic.Int64
}

func (c *counting) StartSpan(name string, opts ...opentracing.StartSpanOption) opentracing.Span {
	c.started.Add(1)
	return c.MockTracer.StartSpan(name, opts...)
}

func TestMain(m *testing.M) {
	tracer := &counting{MockTracer: mocktracer.New()}
	sql.Register("wrapped", gapsql.WrapDriver(&MySQLDriver{}, gaptrace.WithRoots(), gaptrace.WithTracer(tracer)))
	code := m.Run()
	started, finished := tracer.started.Load(), 0
	for range 500 { // rows that a test never closed are the garbage collector's to report
		runtime.GC()
		if finished = len(tracer.FinishedSpans()); int64(finished) == started {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Printf("spans: %d started, %d finished\n", started, finished)
	if int64(finished) != started || driverNameTest == "wrapped" && started == 0 {
		code = 1
	}
	os.Exit(code)
}
`

func TestTheOwnTestsOfTheMySQLDriverEndAsTheyDoWithoutUs(t *testing.T) {
	cert, key := certificate(t)
	server := servers.MariaDB(t, "--performance-schema=ON", "--ssl-cert="+cert, "--ssl-key="+key)
	admin, err := sql.Open("mysql", server.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	for _, statement := range []string{"CREATE DATABASE gotest", "CREATE USER gotest IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO gotest"} {
		if _, err := admin.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	dir := suite(t)
	raw, rawSpans := runSuite(t, dir, server.Addr, "mysql")
	wrapped, spans := runSuite(t, dir, server.Addr, "wrapped")
	count := func(results map[string]string) map[string]int {
		counts := map[string]int{}
		for _, end := range results {
			counts[end]++
		}
		return counts
	}
	t.Logf("raw %v, %s; wrapped %v, %s", count(raw), rawSpans, count(wrapped), spans)
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if raw[name] != wrapped[name] {
			t.Errorf("%s: %s raw, %s wrapped", name, raw[name], wrapped[name])
		}
	}
	if len(wrapped) != len(raw) || count(raw)["pass"] < 400 {
		t.Errorf("%d results raw, %d wrapped", len(raw), len(wrapped))
	}
}

// suite copies the driver with its tests, and ours among them.
func suite(t *testing.T) (dir string) {
	t.Helper()
	found, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/go-sql-driver/mysql").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "mysql")
	if err := os.CopyFS(dir, os.DirFS(strings.TrimSpace(string(found)))); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	appendTo := func(name, text string) {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	appendTo("go.mod", "\nrequire github.com/gaptrace/gaptrace v0.0.0\n\nreplace github.com/gaptrace/gaptrace => "+root+"\n")
	appendTo("go.sum", string(sums))
	appendTo("wrapped_test.go", wrappedTests)
	return dir
}

// runSuite runs the driver's tests with the driver registered as name, and tells how each ended, and what is said of
// the spans.
func runSuite(t *testing.T, dir, addr, name string) (results map[string]string, spans string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "test", "-json", "-count=1", "-skip", "^("+strings.Join(leftOut, "|")+")$",
		"-ldflags", "-X github.com/go-sql-driver/mysql.driverNameTest="+name, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off",
		"MYSQL_TEST_USER=gotest", "MYSQL_TEST_PASS=secret", "MYSQL_TEST_PROT=tcp", "MYSQL_TEST_ADDR="+addr, "MYSQL_TEST_DBNAME=gotest", "MYSQL_TEST_CONCURRENT=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	results = map[string]string{}
	var said strings.Builder
	for line := range bytes.Lines(out) {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(line, &event) != nil {
			continue
		}
		switch event.Action {
		case "pass", "fail", "skip":
			if event.Test != "" {
				results[event.Test] = event.Action
			}
		case "output":
			said.WriteString(event.Output)
			if strings.HasPrefix(event.Output, "spans: ") {
				spans = strings.TrimSpace(event.Output)
			}
		}
	}
	if err != nil {
		t.Errorf("%s: %v\n%s%s", name, err, &errs, said.String())
	}
	return results, spans
}

// certificate writes one for a server on this machine, with its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", pair.Certificate[0]), write("key.pem", "PRIVATE KEY", private)
}
