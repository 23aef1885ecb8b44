package servers

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Redis starts the redis-server on PATH (Debian's is 7.0), without persistence, and returns its
// address. More arguments, such as "--requirepass", "x", override its configuration. loglevel must
// stay notice or lower, since the log shows when the server is ready.
func Redis(t testing.TB, args ...string) (addr string) {
	t.Helper()
	addr, _ = RedisFrom(t, Redis7(t), args...)
	return addr
}

// Redis7 returns the path of the usual redis-server, for RedisFrom.
func Redis7(t testing.TB) (binary string) {
	t.Helper()
	return find(t, "GAPTRACE_REDIS", "redis-server")
}

// Redis62 returns the path of redis-server 6.2, for RedisFrom. It is the last one whose cluster
// go-redis v8 understands.
func Redis62(t testing.TB) (binary string) {
	t.Helper()
	return find(t, "GAPTRACE_REDIS62", "redis-server-6.2")
}

// RedisFrom is Redis with the redis-server at a given path. A test may kill the process.
func RedisFrom(t testing.TB, binary string, args ...string) (addr string, p *Process) {
	t.Helper()
	p, addrs := redis(binary, args...).start(t)
	return addrs[0], p
}

// RedisTLS is Redis on a port that speaks only TLS, with a certificate and its key. It does not ask
// clients for a certificate.
func RedisTLS(t testing.TB, cert, key string) (addr string) {
	t.Helper()
	s := redis(Redis7(t))
	plain := s.command
	s.command = func(dir string, addr []string) (*exec.Cmd, error) {
		cmd, err := plain(dir, addr)
		cmd.Args = append(cmd.Args, "--port", "0", "--tls-port", port(addr[0]),
			"--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
		return cmd, err
	}
	s.ready = func(p *Process, _ []string) error {
		if !p.logged("ready to accept connections") {
			return errors.New("its log does not say that it is ready")
		}
		return nil
	}
	_, addrs := s.start(t)
	return addrs[0]
}

// Sentinel starts the redis-server at a given path as a sentinel. It watches the master at an
// address under a name. There is no other sentinel, and a master is dead after a second without an
// answer.
func Sentinel(t testing.TB, binary, name, master string) (addr string) {
	t.Helper()
	s := redis(binary)
	s.name = "sentinel"
	s.command = func(dir string, addr []string) (*exec.Cmd, error) {
		// A sentinel changes its configuration, so it needs its own file.
		config := filepath.Join(dir, "sentinel.conf")
		host, masterPort, err := net.SplitHostPort(master)
		if err != nil {
			return nil, err
		}
		text := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %q\nsentinel monitor %s %s %s 1\n"+
			"sentinel down-after-milliseconds %[3]s 1000\nsentinel failover-timeout %[3]s 3000\n",
			port(addr[0]), dir, name, host, masterPort)
		return exec.Command(binary, config, "--sentinel"), os.WriteFile(config, []byte(text), 0o600)
	}
	s.ready = func(p *Process, addr []string) error {
		if !p.logged("+monitor master " + name) {
			return errors.New("its log does not name its master")
		}
		_, err := converse("tcp", addr[0], "PING\r\n")
		return err
	}
	_, addrs := s.start(t)
	return addrs[0]
}

func redis(binary string, args ...string) server {
	return server{
		name:  "redis",
		ports: 1,
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			return exec.Command(binary, append([]string{
				"--port", port(addr[0]), "--bind", "127.0.0.1", "--dir", dir,
				"--save", "", "--appendonly", "no", "--daemonize", "no",
			}, args...)...), nil
		},
		ready: func(p *Process, addr []string) error {
			// The log is this server's; the port may be another server's.
			if !p.logged("ready to accept connections") {
				return errors.New("its log does not say that it is ready")
			}
			answer, err := converse("tcp", addr[0], "PING\r\n")
			if err == nil && !strings.HasPrefix(answer, "+PONG") && !strings.HasPrefix(answer, "-NOAUTH") {
				err = errors.New("PING: " + answer)
			}
			return err
		},
	}
}
