package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gaptrace": main, "record": record})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			jaeger := newJaeger(env.WorkDir)
			env.Defer(jaeger.Close)
			env.Values[jaegerKey{}] = jaeger
			env.Setenv("JAEGER", jaeger.URL)
			env.Setenv("HOST", strings.TrimPrefix(jaeger.URL, "http://"))
			for _, variable := range []string{"LC_ALL", "LC_CTYPE", "LANG", "NO_COLOR", "TERM"} {
				env.Setenv(variable, "")
			}
			if cache, err := os.UserCacheDir(); err == nil { // for go tool pprof, which go builds
				env.Setenv("GOCACHE", filepath.Join(cache, "go-build"))
			}
			return os.CopyFS(env.WorkDir, os.DirFS("testdata/traces"))
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "await-hang": awaitHang, "gzip": compress, "truncate": truncate,
		},
	})
}

// printed runs the program, which must print nothing to standard error except what begins with
// allowed.
func printed(t *testing.T, allowed string, args ...string) string {
	t.Helper()
	var stdout, stderr strings.Builder
	code := run(t.Context(), func() {}, args, nil, &stdout, &stderr)
	if code != 0 || !strings.HasPrefix(stderr.String(), allowed) || allowed == "" && stderr.Len() > 0 {
		t.Fatalf("%v: exit code %d, stderr %q", args, code, stderr.String())
	}
	return stdout.String()
}

// exits runs a command and checks that its exit code is the first argument.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		failed, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		code = failed.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// awaitHang waits until $JAEGER/hangs has sent half an answer.
func awaitHang(ts *testscript.TestScript, _ bool, _ []string) {
	<-ts.Value(jaegerKey{}).(*jaeger).hangs
}

// compress writes a file to another, compressed with gzip.
func compress(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[1]))
	ts.Check(err)
	z := gzip.NewWriter(f)
	_, err = io.WriteString(z, ts.ReadFile(args[0]))
	ts.Check(errors.Join(err, z.Close(), f.Close()))
}

// truncate writes a file to another, up to the last occurrence of a text.
func truncate(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text[:strings.LastIndex(text, args[2])]), 0o666))
}

type jaegerKey struct{}

// jaeger is a query service that answers with shop.json, or with a file named after the trace's ID.
// It misbehaves under some paths, and logs requests to the file "asked".
type jaeger struct {
	*httptest.Server
	hangs chan bool
}

func newJaeger(dir string) *jaeger {
	j := &jaeger{hangs: make(chan bool, 1)}
	traces, err := os.ReadFile("testdata/traces/shop.json")
	if err != nil {
		panic(err)
	}
	log := requestLog(filepath.Join(dir, "asked"))
	mux := http.NewServeMux()
	services := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"data":["supplier","bookshop"]}`) }
	mux.HandleFunc("/api/services", services)
	for _, prefix := range []string{"prefix", "breaks", "hangs", "busy"} {
		mux.HandleFunc("/"+prefix+"/api/services", services)
	}
	otherServers(mux, log, traces)
	find := func(w http.ResponseWriter, req *http.Request) {
		log(req)
		if service := req.FormValue("service"); service != "" && service != "bookshop" {
			io.WriteString(w, `{"data":[]}`)
			return
		}
		w.Write(traces)
	}
	mux.HandleFunc("/api/traces", find)
	mux.HandleFunc("/prefix/api/traces", find)
	mux.HandleFunc("/api/traces/{id}", func(w http.ResponseWriter, req *http.Request) {
		log(req)
		if saved, err := os.ReadFile(filepath.Join(dir, req.PathValue("id")+".json")); err == nil {
			w.Write(saved)
			return
		}
		if req.PathValue("id") != "4f1c6a3d9be20c77" {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}`)
			return
		}
		w.Write(traces)
	})
	j.misbehave(mux, traces)
	j.Server = httptest.NewServer(mux)
	return j
}

// misbehave adds paths under which answers break off, hang, or fail at the first attempt.
func (j *jaeger) misbehave(mux *http.ServeMux, traces []byte) {
	mux.HandleFunc("/breaks/api/traces", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(traces)))
		w.Write(traces[:len(traces)-300])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/hangs/api/traces", func(w http.ResponseWriter, req *http.Request) {
		w.Write(traces[:len(traces)-300])
		w.(http.Flusher).Flush()
		select {
		case j.hangs <- true:
		default:
		}
		<-req.Context().Done()
	})
	var attempts atomic.Int32
	mux.HandleFunc("/busy/api/traces", func(w http.ResponseWriter, _ *http.Request) {
		if attempts.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Write(traces)
	})
}

// requestLog returns a function that appends a request to a file.
func requestLog(name string) func(*http.Request) {
	var mu sync.Mutex
	return func(req *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
		if err != nil {
			return
		}
		user, _, _ := req.BasicAuth()
		fmt.Fprintf(f, "%s %s user=%s\n", req.URL.Path, req.URL.Query().Encode(), user)
		f.Close()
	}
}
