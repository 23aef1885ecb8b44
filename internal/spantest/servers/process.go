package servers

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	patience = 2 * time.Minute  // for a server to become ready; a loaded machine is slow
	grace    = 20 * time.Second // between SIGTERM and SIGKILL
	attempts = 5                // starts, each on other ports, while the address is in use
)

// server says how to start a kind of server.
type server struct {
	name  string // in messages, and in the name of its directory
	ports int    // how many addresses it listens on

	// command prepares the empty directory dir and says what to run in it. Each addr is 127.0.0.1:port.
	command func(dir string, addr []string) (*exec.Cmd, error)

	// ready is asked again and again until it returns nil. It must not take another server for this one: the
	// port may have been lost to somebody else.
	ready func(p *Process, addr []string) error
}

// Process is a running server. It is stopped when its test ends; a test that wants to see it fail may do so earlier.
type Process struct {
	t      testing.TB
	name   string
	dir    string // temporary, removed after the test
	log    string // the file with its standard output and error
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone; err is set then
	err    error
	ended  bool // on purpose
}

// start starts the server and returns when it is ready. When it is not, the test fails with the end of its log.
func (s server) start(t testing.TB) (*Process, []string) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		dir := tempDir(t, s.name)
		addr := freeAddrs(t, s.ports)
		cmd, err := s.command(dir, addr)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		p := run(t, s.name, dir, cmd)
		err = p.await(func() error { return s.ready(p, addr) })
		if err == nil {
			return p, addr
		}
		p.Stop()
		// Between freeAddrs and the server's own listen, somebody else may have taken a port.
		if attempt < attempts && p.logged("address already in use") {
			continue
		}
		t.Fatalf("%s (%s): %v\n%s", s.name, strings.Join(cmd.Args, " "), err, p.logTail())
	}
}

// run starts cmd in dir, with its output in a log there, and registers its end with t.
func run(t testing.TB, name, dir string, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, name: name, dir: dir, log: filepath.Join(dir, "output.log"), cmd: cmd, exited: make(chan struct{})}
	// A file and not a pipe: whoever inherits a pipe keeps Wait waiting.
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	bindToParent(cmd)

	started := make(chan error)
	go func() {
		// Linux sends the parent-death signal when the *thread* that started the child ends. This goroutine
		// keeps its thread for as long as the child lives, so that only the end of the process does it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() {
		if !p.running() && !p.ended {
			t.Logf("%s ended during the test: %v\n%s", name, p.err, p.logTail())
		}
		p.Stop()
	})
	return p
}

// await polls ready until it returns nil, the server ends, or patience does.
func (p *Process) await(ready func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := ready()
		if !p.running() {
			return fmt.Errorf("ended before it was ready: %v", p.err)
		}
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not ready after %v: %w", patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// PID is the server's process id; the process may be gone already.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the server as an administrator would and returns when it is gone: SIGTERM, and SIGKILL after 20 s.
// Stopping it again does nothing.
func (p *Process) Stop() {
	p.t.Helper()
	p.ended = true
	if p.running() {
		terminate(p.cmd.Process)
		select {
		case <-p.exited:
		case <-time.After(grace):
		}
	}
	p.Kill()
}

// Kill ends the server as a crash would (SIGKILL) and returns when it is gone.
func (p *Process) Kill() {
	p.t.Helper()
	p.ended = true
	if p.running() {
		kill(p.cmd.Process)
		select {
		case <-p.exited:
		case <-time.After(grace):
			p.t.Errorf("%s, process %d, survived SIGKILL", p.name, p.PID())
			return
		}
	}
	reap(p.cmd.Process)
}

func (p *Process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// logged reports whether the server has written s, in whatever case, to its output.
func (p *Process) logged(s string) bool {
	log, _ := os.ReadFile(p.log)
	return bytes.Contains(bytes.ToLower(log), []byte(strings.ToLower(s)))
}

// logTail gives the last 4 KiB of the server's output.
func (p *Process) logTail() string {
	log, _ := os.ReadFile(p.log)
	return "the end of its output:\n" + string(log[max(0, len(log)-4096):])
}

// tempDir makes a directory for a server. It is not t.TempDir: that one's name is too long for a Unix socket,
// and fails the test when a child of the server still writes there.
func tempDir(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gaptrace-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := os.RemoveAll(dir)
		for range 50 {
			if err == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
			err = os.RemoveAll(dir)
		}
		t.Error(err)
	})
	return dir
}

// freeAddrs gives n addresses of 127.0.0.1 with ports that are free for TCP and UDP. The ports are random ones
// below the range from which systems serve ":0" and outgoing connections, so that hardly anybody takes them
// before the server does; and port+10000, which Redis 6 wants for a cluster's bus, is a port too.
func freeAddrs(t testing.TB, n int) []string {
	t.Helper()
	var addrs []string
	for range 1000 {
		if len(addrs) == n {
			return addrs
		}
		addr := "127.0.0.1:" + strconv.Itoa(15000+rand.IntN(17000))
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		defer tcp.Close() // not before all are found: they must differ
		udp, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		defer udp.Close()
		addrs = append(addrs, addr)
	}
	t.Fatal("no free port on 127.0.0.1")
	return nil
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// converse sends a request, if there is one, over a new connection and returns the first bytes of the answer.
func converse(network, addr, request string) (answer string, err error) {
	conn, err := net.DialTimeout(network, addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte(request)); err != nil {
		return "", err
	}
	buf := make([]byte, 512)
	n, err := conn.Read(buf)
	if n == 0 {
		return "", errors.Join(errors.New("no answer"), err)
	}
	return string(buf[:n]), nil
}
