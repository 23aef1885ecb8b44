package servers

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// Redis starts the redis-server of PATH (Debian's is 7.0), without persistence, and returns its address. Further
// arguments, like "--requirepass", "x", override its configuration; loglevel must stay notice or lower, for the
// log tells when it is ready.
func Redis(t testing.TB, args ...string) (addr string) {
	t.Helper()
	addr, _ = RedisFrom(t, find(t, "GAPTRACE_REDIS", "redis-server"), args...)
	return addr
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
