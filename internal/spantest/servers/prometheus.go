package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Prometheus starts a Prometheus 2.42 that scrapes target (127.0.0.1:port) as the job "program",
// twice in a second, and returns its base URL. If native is true it scrapes native histograms
// instead of classic ones, and keeps exemplars.
func Prometheus(t testing.TB, target string, native bool) (url string, p *Process) {
	t.Helper()
	binary := find(t, "GAPTRACE_PROMETHEUS", "prometheus")
	p, addr := server{
		name:  "prometheus",
		ports: 1,
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			config := filepath.Join(dir, "prometheus.yml")
			args := []string{
				"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"),
				"--web.listen-address=" + addr[0],
			}
			if native {
				args = append(args, "--enable-feature=native-histograms,exemplar-storage")
			}
			text := fmt.Sprintf("global: {scrape_interval: 500ms, scrape_timeout: 500ms}\n"+
				"scrape_configs:\n- job_name: program\n  static_configs: [{targets: [%q]}]\n", target)
			return exec.Command(binary, args...), os.WriteFile(config, []byte(text), 0o600)
		},
		ready: func(p *Process, addr []string) error {
			if _, err := get("http://" + addr[0] + "/-/ready"); err != nil {
				return err
			}
			// The port may be another Prometheus'.
			flags, err := get("http://" + addr[0] + "/api/v1/status/flags")
			if err == nil && !strings.Contains(flags, p.dir) {
				err = fmt.Errorf("another Prometheus: %s", flags)
			}
			return err
		},
	}.start(t)
	return "http://" + addr[0], p
}

// Promtool returns the path of promtool, Prometheus' own checker of rules.
func Promtool(t testing.TB) string {
	t.Helper()
	return find(t, "GAPTRACE_PROMTOOL", "promtool")
}
