package servers

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

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
