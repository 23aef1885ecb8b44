package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Envoy starts an Envoy 1.40 with the listeners and clusters of a configuration, which is asked for with as many free
// addresses (127.0.0.1:port) as there are to be listeners; [EnvoyAddress] writes one into it. The admin interface is added.
func Envoy(t testing.TB, listeners int, config func(addr []string) string) (addr []string, p *Process) {
	t.Helper()
	binary := find(t, "GAPTRACE_ENVOY", "envoy")
	p, addr = server{
		name:  "envoy",
		ports: listeners + 1,
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			path := filepath.Join(dir, "envoy.yaml")
			text := config(addr[1:]) + "\nadmin: {address: " + EnvoyAddress(addr[0]) + "}\n"
			// One instance among many on a machine: they must not share their memory for hot restarts.
			return exec.Command(binary, "-c", path, "-l", "warn", "--concurrency", "1", "--disable-hot-restart"), os.WriteFile(path, []byte(text), 0o600)
		},
		ready: func(p *Process, addr []string) error {
			said, err := get("http://" + addr[0] + "/ready")
			if err != nil {
				return err
			}
			if !strings.Contains(said, "LIVE") {
				return fmt.Errorf("it says %q", said)
			}
			// The port may be somebody else's Envoy.
			info, err := get("http://" + addr[0] + "/server_info")
			if err == nil && !strings.Contains(info, p.dir) {
				err = fmt.Errorf("another Envoy: %s", info)
			}
			return err
		},
	}.start(t)
	return addr[1:], p
}

// EnvoyAddress is addr, host:port, as Envoy's configuration has it.
func EnvoyAddress(addr string) string {
	host, port, _ := strings.Cut(addr, ":")
	return fmt.Sprintf("{socket_address: {address: %s, port_value: %s}}", host, port)
}
