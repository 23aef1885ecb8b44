package servers

import (
	"bytes"
	"cmp"
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

// server describes how to start a kind of server.
type server struct {
	name  string // in messages, and in the name of its directory
	ports int    // how many addresses it listens on
	files uint64 // the open files that it needs; 0 if it reports itself that it has too few

	// plainDir asks for a short dir without spaces: for a server that binds a Unix socket there, or
	// whose installer fails on spaces.
	plainDir bool

	// command prepares the empty directory dir and returns the command to run in it. Each addr is
	// 127.0.0.1:port. If its error is an [unfit], the test is skipped.
	command func(dir string, addr []string) (*exec.Cmd, error)

	// ready is polled until it returns nil. It must not mistake another server for this one, which may
	// have lost its port to another process.
	ready func(p *Process, addr []string) error
}

// Process is a running server. It is stopped when its test ends, or earlier by the test.
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

// start starts the server and returns when it is ready. If it cannot run on this machine, the test
// is skipped. If it ends for another reason, or is not ready in time, the test fails with the end
// of its log.
func (s server) start(t testing.TB) (*Process, []string) {
	t.Helper()
	raiseFiles()
	if limit := openFiles(); limit < s.files {
		unable(t, s.name, &unfit{fmt.Sprintf("it needs %d open files, and may have %d", s.files, limit), moreFiles})
	}
	for attempt := 1; ; attempt++ {
		dir := tempDir(t, s.name, s.plainDir)
		addr := pickAddrs(t, s.name, s.ports)
		cmd, err := s.command(dir, addr)
		if err != nil {
			s.fail(t, err, err.Error())
		}
		p, err := run(t, s.name, dir, cmd)
		if err != nil {
			s.fail(t, err, "")
		}
		err = p.await(func() error { return s.ready(p, addr) })
		if err == nil {
			return p, addr
		}
		ended := !p.running()
		p.Stop()
		// Another process may have taken a port between pickAddrs and the server's own listen.
		if attempt < attempts && p.logged("address already in use") {
			continue
		}
		said := fmt.Sprintf("%v\n%s", err, p.logTail())
		if !ended {
			said = "" // the server runs, so the machine lacks nothing that its log would name
		}
		s.fail(t, fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, p.logTail()), said)
	}
}

// fail skips the test if err or said, the server's output, shows that this machine cannot run it.
// Otherwise the test fails.
func (s server) fail(t testing.TB, err error, said string) {
	t.Helper()
	if u := diagnose(err, said); u != nil {
		unable(t, s.name, u)
	}
	t.Fatalf("%s: %v", s.name, err)
}

// prepare runs a command that a server needs before it starts.
func prepare(dir string, cmd *exec.Cmd) error {
	cmd.Dir, cmd.Env = dir, environ(cmd.Env)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, said)
	}
	return nil
}

// run starts cmd in dir, with its output in a log there, and registers its end with t.
func run(t testing.TB, name, dir string, cmd *exec.Cmd) (*Process, error) {
	t.Helper()
	output := filepath.Join(dir, "output.log")
	p := &Process{t: t, name: name, dir: dir, log: output, cmd: cmd, exited: make(chan struct{})}
	// A file instead of a pipe: Wait would wait for every process that inherits a pipe.
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, environ(cmd.Env), log, log
	bindToParent(cmd)

	started := make(chan error)
	go func() {
		// Linux sends the parent-death signal when the thread that started the child ends. This
		// goroutine keeps its thread as long as the child lives, so only the end of the process sends it.
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
		return nil, err
	}
	t.Cleanup(func() {
		if !p.running() && !p.ended {
			t.Logf("%s ended during the test: %v\n%s", name, p.err, p.logTail())
		}
		p.Stop()
	})
	return p, nil
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

// PID returns the server's process id. The process may be gone already.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the server as an administrator would: by SIGTERM, and by SIGKILL after 20 s. It returns
// when the server is gone. A second Stop does nothing.
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

// Kill ends the server as a crash would, by SIGKILL. It returns when the server is gone.
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

// logged reports whether the server has written s to its output. The case is ignored.
func (p *Process) logged(s string) bool {
	log, _ := os.ReadFile(p.log)
	return bytes.Contains(bytes.ToLower(log), []byte(strings.ToLower(s)))
}

// logTail returns the last 4 KiB of the server's output.
func (p *Process) logTail() string {
	log, _ := os.ReadFile(p.log)
	return "the end of its output:\n" + string(log[max(0, len(log)-4096):])
}

// tempDir makes a directory for a server. It does not use t.TempDir, whose name is too long for a
// Unix socket, and which fails the test if a child of the server still writes there. If plain, the
// name has no spaces and is short enough for a Unix socket in the directory (107 bytes on Linux).
// If TMPDIR is too long for that, the directory is made in /tmp.
func tempDir(t testing.TB, name string, plain bool) string {
	t.Helper()
	parent, why := os.TempDir(), ""
	if plain && (len(parent) > 60 || strings.ContainsAny(parent, " \t\n")) {
		parent, why = "/tmp", fmt.Sprintf("TMPDIR (%d bytes) is too long for a Unix socket, or has a space; ", len(parent))
	}
	dir, err := makeTemp(t, parent, name)
	if err != nil {
		unable(t, name, &unfit{why + err.Error(), "set TMPDIR to a folder that can be written"})
	}
	return dir
}

// ProgramDir makes a temporary directory for programs that a test builds and runs. Like the go
// command, it uses GOTMPDIR, or else TMPDIR. It skips the test if that is mounted noexec.
func ProgramDir(t testing.TB) string {
	t.Helper()
	const name = "programs"
	parent := cmp.Or(os.Getenv("GOTMPDIR"), os.TempDir())
	if noexec(parent) {
		unable(t, name, &unfit{parent + " is mounted noexec", "set GOTMPDIR to a folder in which programs can be run"})
	}
	dir, err := makeTemp(t, parent, name)
	if err != nil {
		unable(t, name, &unfit{err.Error(), "set GOTMPDIR to a folder that can be written"})
	}
	return dir
}

// makeTemp makes a directory and removes it after the test.
func makeTemp(t testing.TB, parent, name string) (string, error) {
	dir, err := os.MkdirTemp(parent, "gaptrace-"+name+"-")
	if err != nil {
		return "", err
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
	return dir, nil
}

// pickAddrs is a variable so that a test can make a server lose its port.
var pickAddrs = freeAddrs

// FreeAddr returns an address of 127.0.0.1 whose port is free. An error says that the program name
// needed it.
func FreeAddr(t testing.TB, name string) string {
	t.Helper()
	return freeAddrs(t, name, 1)[0]
}

// freeAddrs returns n addresses of 127.0.0.1 whose ports are free for TCP and UDP. The ports are
// random. They lie below the range that systems use for ":0" and outgoing connections, so that
// another process hardly ever takes one first. port+10000 is a valid port, too: Redis 6 uses it for
// a cluster's bus.
func freeAddrs(t testing.TB, name string, n int) []string {
	t.Helper()
	low, high := 15000, 32000
	if first := lowestPort(); first > low {
		low, high = first, max(high, 55000)
	}
	var addrs []string
	var last error
	for range 1000 {
		if len(addrs) == n {
			return addrs
		}
		addr := "127.0.0.1:" + strconv.Itoa(low+rand.IntN(max(1, high-low)))
		tcp, err := net.Listen("tcp", addr)
		if err != nil {
			last = err
			continue
		}
		defer tcp.Close() // not before all are found: they must differ
		udp, err := net.ListenPacket("udp", addr)
		if err != nil {
			last = err
			continue
		}
		defer udp.Close()
		conn, err := net.DialTimeout("tcp", addr, time.Second) // fails if the loopback interface is down
		if err != nil {
			last = err
			continue
		}
		conn.Close()
		addrs = append(addrs, addr)
	}
	cause := fmt.Sprintf("no free port on 127.0.0.1: %v", last)
	unable(t, name, &unfit{cause, "allow programs to listen there and to connect"})
	return nil
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// converse sends a request, which may be empty, over a new connection. It returns the first bytes
// of the answer.
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
