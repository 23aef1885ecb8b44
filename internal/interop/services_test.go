package interop_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/gaptrace/gaptrace/internal/spantest"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// publicService is a program that somebody else wrote, as a module of the Go proxy.
type publicService struct {
	module, pkg string
	start       func(t *testing.T, dir, addr string) (args, env []string)
	path        string // of a request that it answers with 200
	want        string // the request's spans; the client's is not in Jaeger
}

// publicServices are built as they are, with wrappers woven in.
var publicServices = map[string]publicService{
	// Echo, and database/sql with MySQL.
	"go-clean-arch": {
		module: "github.com/bxcodec/go-clean-arch@e06c6d0cb370", pkg: "./app", // not every proxy has it
		start: func(t *testing.T, dir, addr string) (args, env []string) {
			mariadb := servers.MariaDB(t)
			script := spantest.Must(os.ReadFile(filepath.Join(dir, "article.sql")))(t)
			db := spantest.Must(sql.Open("mysql", mariadb.DSN("")+"?multiStatements=true"))(t)
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), string(script)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, ".env"), nil, 0o666); err != nil {
				t.Fatal(err)
			}
			host, port, _ := strings.Cut(mariadb.Addr, ":")
			return nil, []string{
				"SERVER_ADDRESS=" + addr, "DATABASE_NAME=article",
				"DATABASE_HOST=" + host, "DATABASE_PORT=" + port, "DATABASE_USER=root",
			}
		},
		path: "/articles?num=2",
		want: `(not in Jaeger)
  go-clean-arch: HTTP GET component=net/http
    go-clean-arch: sql prepare component=database/sql db.type=mysql
    go-clean-arch: sql query component=database/sql db.type=mysql
    go-clean-arch: sql prepare component=database/sql db.type=mysql
    go-clean-arch: sql query component=database/sql db.type=mysql
`,
	},
	// A REST gateway that calls its own grpc server, and database/sql with MySQL.
	"memos": {
		module: "github.com/usememos/memos@v0.22.5", pkg: "./bin/memos",
		start: func(t *testing.T, dir, addr string) (args, env []string) {
			mariadb := servers.MariaDB(t)
			db := spantest.Must(sql.Open("mysql", mariadb.DSN("")))(t)
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), "CREATE DATABASE memos"); err != nil {
				t.Fatal(err)
			}
			host, port, _ := strings.Cut(addr, ":")
			return []string{
				"--mode=prod", "--addr=" + host, "--port=" + port, "--data=" + t.TempDir(),
				"--driver=mysql", "--dsn=" + mariadb.DSN("memos"),
			}, nil
		},
		path: "/api/v1/workspace/profile",
		want: `(not in Jaeger)
  memos: HTTP GET component=net/http
    memos: /memos.api.v1.WorkspaceService/GetWorkspaceProfile component=grpc
      memos: /memos.api.v1.WorkspaceService/GetWorkspaceProfile component=grpc
        memos: sql prepare component=database/sql db.type=mysql
        memos: sql query component=database/sql db.type=mysql
`,
	},
	// A reverse proxy.
	"oauth2-proxy": {
		module: "github.com/oauth2-proxy/oauth2-proxy/v7@v7.3.0", pkg: ".",
		start: func(t *testing.T, dir, addr string) (args, env []string) {
			upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				io.WriteString(w, req.Header.Get("Uber-Trace-Id"))
			}))
			t.Cleanup(upstream.Close)
			return []string{
				"--provider=github", "--client-id=x", "--client-secret=x", "--cookie-secret=0123456789abcdef",
				"--email-domain=*", "--skip-auth-route=^/", "--upstream=" + upstream.URL, "--http-address=" + addr,
			}, nil
		},
		path: "/",
		want: `(not in Jaeger)
  oauth2-proxy: HTTP GET component=net/http
    oauth2-proxy: HTTP GET component=net/http
`,
	},
	// It asks Redis in contexts without a span.
	"asynqmon": {
		module: "github.com/hibiken/asynqmon@v0.7.2", pkg: "./cmd/asynqmon",
		start: func(t *testing.T, dir, addr string) (args, env []string) {
			_, port, _ := strings.Cut(addr, ":")
			return []string{"--port=" + port, "--redis-addr=" + servers.Redis(t)}, nil
		},
		path: "/api/queues",
		want: `(not in Jaeger)
  asynqmon: HTTP GET component=net/http
`,
	},
}

func TestPublicServicesWoven(t *testing.T) {
	sources := os.Getenv("GAPTRACE_PUBLIC_SERVICES")
	if sources == "" {
		t.Skip("skipped: downloads and builds public services; set GAPTRACE_PUBLIC_SERVICES to a folder, " +
			"where sources are found that the Go proxy does not have")
	}
	jaeger := servers.Jaeger(t)
	bin := servers.ProgramDir(t)
	gaptrace := filepath.Join(bin, "gaptrace")
	mustRun(t, "../../cmd/gaptrace", "go", "build", "-o", gaptrace, ".")
	for name, s := range publicServices {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOWORK", "off")
			t.Setenv("GOFLAGS", "")
			source := filepath.Join(sources, name)
			if _, err := os.Stat(source); err != nil {
				source = download(t, bin, s.module)
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
				t.Fatal(err)
			}
			program := filepath.Join(bin, name)
			mustRun(t, dir, gaptrace, "build", "-o", program, s.pkg)
			for _, file := range []string{"go.mod", "go.sum"} {
				before := spantest.Must(os.ReadFile(filepath.Join(source, file)))(t)
				if after := spantest.Must(os.ReadFile(filepath.Join(dir, file)))(t); !bytes.Equal(before, after) {
					t.Errorf("%s has changed", file)
				}
			}
			s.run(t, dir, program, jaeger)
		})
	}
}

// download returns the folder of a module in the module cache.
func download(t *testing.T, dir, module string) string {
	t.Helper()
	var answer struct{ Dir, Error string }
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err := errors.Join(json.Unmarshal(out, &answer), err); err != nil {
		t.Skipf("skipped: no source of %s, not even in the folder GAPTRACE_PUBLIC_SERVICES: %v %s", module, err, answer.Error)
	}
	return answer.Dir
}

// daemon starts a program, which is stopped after the test. It returns cmd.
func daemon(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	log := spantest.Must(os.Create(filepath.Join(t.TempDir(), "log")))(t)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%s\n%s", strings.Join(cmd.Args, " "), text[max(0, len(text)-5000):])
		}
		log.Close()
	})
	return cmd
}

// run starts the service and sends it a request.
func (s publicService) run(t *testing.T, dir, program string, jaeger servers.JaegerServer) {
	t.Helper()
	addr := servers.FreeAddr(t, s.pkg)
	args, env := s.start(t, dir, addr)
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "JAEGER_ENDPOINT="+jaeger.CollectorURL), env...)
	daemon(t, cmd)
	spantest.Await(t, program+" to listen", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	trace := fmt.Sprintf("%016x", time.Now().UnixNano())
	req := spantest.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+s.path, http.NoBody))(t)
	req.Header.Set("Uber-Trace-Id", trace+":1:0:1")
	res := spantest.Must(http.DefaultClient.Do(req))(t)
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s\n%v", res.Status, body, err)
	}
	tree, _ := jaegerTree(t, jaeger, trace, strings.Count(s.want, "component="), "component", "db.type")
	connects := regexp.MustCompile("(?m)^.*: sql connect .*\n") // depends on what else the program does
	spantest.Want(t, connects.ReplaceAllString(tree, ""), s.want)
}

// mustRun runs a program in a folder.
func mustRun(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
