package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
