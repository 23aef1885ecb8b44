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

// Redis starts the redis-server of PATH (Debian's is 7.0), without persistence, and returns its address. Further
// arguments, like "--requirepass", "x", override its configuration; loglevel must stay notice or lower, for the
// log tells when it is ready.
func Redis(t testing.TB, args ...string) (addr string) {
	t.Helper()
	addr, _ = RedisFrom(t, Redis7(t), args...)
	return addr
}

// Redis7 gives the path of the usual redis-server, for what takes a binary.
func Redis7(t testing.TB) (binary string) {
	t.Helper()
	return find(t, "GAPTRACE_REDIS", "redis-server")
}

// Redis62 finds the redis-server 6.2, the last one whose cluster go-redis v8 understands, and returns its path
// for RedisFrom.
func Redis62(t testing.TB) (binary string) {
	t.Helper()
	return find(t, "GAPTRACE_REDIS62", "redis-server-6.2")
}

// RedisFrom is Redis with the redis-server at a given path. The process can be killed mid-test.
func RedisFrom(t testing.TB, binary string, args ...string) (addr string, p *Process) {
	t.Helper()
	p, addrs := redis(binary, args...).start(t)
	return addrs[0], p
}

// RedisTLS is Redis on a port that speaks TLS alone, with a certificate and its key, and asks its clients for none.
func RedisTLS(t testing.TB, cert, key string) (addr string) {
	t.Helper()
	s := redis(Redis7(t))
	plain := s.command
	s.command = func(dir string, addr []string) (*exec.Cmd, error) {
		cmd, err := plain(dir, addr)
		cmd.Args = append(cmd.Args, "--port", "0", "--tls-port", port(addr[0]), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
		return cmd, err
	}
	s.ready = func(p *Process, _ []string) error {
		if !p.logged("ready to accept connections") {
			return errors.New("no word of readiness in its log")
		}
		return nil
	}
	_, addrs := s.start(t)
	return addrs[0]
}

// Sentinel starts a sentinel, the redis-server at a given path, that watches the master at an address under a name. It is
// alone, and calls a master dead after a second without an answer.
func Sentinel(t testing.TB, binary, name, master string) (addr string) {
	t.Helper()
	s := redis(binary)
	s.name = "sentinel"
	s.command = func(dir string, addr []string) (*exec.Cmd, error) {
		// A sentinel writes what it learns into its configuration, so that must be a file of its own.
		config := filepath.Join(dir, "sentinel.conf")
		host, masterPort, err := net.SplitHostPort(master)
		if err != nil {
			return nil, err
		}
		text := fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %q\nsentinel monitor %s %s %s 1\nsentinel down-after-milliseconds %[3]s 1000\nsentinel failover-timeout %[3]s 3000\n",
			port(addr[0]), dir, name, host, masterPort)
		return exec.Command(binary, config, "--sentinel"), os.WriteFile(config, []byte(text), 0o600)
	}
	s.ready = func(p *Process, addr []string) error {
		if !p.logged("+monitor master " + name) {
			return errors.New("no word of its master in its log")
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
			// The log is surely ours, while the one who answers need not be.
			if !p.logged("ready to accept connections") {
				return errors.New("no word of readiness in its log")
			}
			answer, err := converse("tcp", addr[0], "PING\r\n")
			if err == nil && !strings.HasPrefix(answer, "+PONG") && !strings.HasPrefix(answer, "-NOAUTH") {
				err = errors.New("PING: " + answer)
			}
			return err
		},
	}
}
