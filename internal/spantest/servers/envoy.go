package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Envoy starts an Envoy 1.40. config receives a free address (127.0.0.1:port) for each listener,
// and returns a configuration without the admin interface. [EnvoyAddress] formats an address for
// it.
func Envoy(t testing.TB, listeners int, config func(addr []string) string) (addr []string, p *Process) {
	t.Helper()
	binary := find(t, "GAPTRACE_ENVOY", "envoy")
	p, addr = server{
		name:  "envoy",
		ports: listeners + 1,
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			path := filepath.Join(dir, "envoy.yaml")
			text := config(addr[1:]) + "\nadmin: {address: " + EnvoyAddress(addr[0]) + "}\n"
			// Without hot restarts, which share memory between the Envoys of a machine.
			cmd := exec.Command(binary, "-c", path, "-l", "warn", "--concurrency", "1", "--disable-hot-restart")
			return cmd, os.WriteFile(path, []byte(text), 0o600)
		},
		ready: func(p *Process, addr []string) error {
			said, err := get("http://" + addr[0] + "/ready")
			if err != nil {
				return err
			}
			if !strings.Contains(said, "LIVE") {
				return fmt.Errorf("GET /ready: %q", said)
			}
			// The port may be another Envoy's.
			info, err := get("http://" + addr[0] + "/server_info")
			if err == nil && !strings.Contains(info, p.dir) {
				err = fmt.Errorf("another Envoy: %s", info)
			}
			return err
		},
	}.start(t)
	return addr[1:], p
}

// EnvoyAddress formats addr, which is host:port, for Envoy's configuration.
func EnvoyAddress(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return fmt.Sprintf("{socket_address: {address: %s, port_value: %s}}", host, port)
}
