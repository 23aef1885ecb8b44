package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Zipkin starts a Zipkin 3.6 that keeps its traces in memory, with a heap of 128 MB, and returns
// its base URL: /api/v2/spans takes spans, /api/v2/trace/{id} and /api/v2/traces return them. A
// trace is available some milliseconds after it was sent: ask again after a 404.
func Zipkin(t testing.TB) (url string, p *Process) {
	t.Helper()
	jar := zipkinJar(t)
	java := javaHome(t)
	p, addr := server{
		name:  "zipkin",
		ports: 1,
		command: func(dir string, addr []string) (*exec.Cmd, error) {
			cmd := exec.Command(filepath.Join(java, "bin", "java"),
				"-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", // starts in fewer CPU seconds
				"-jar", jar,
				"--armeria.ports[0].ip=127.0.0.1", // every interface by default
				"--armeria.ports[0].port="+port(addr[0]),
				"--armeria.ports[0].protocols[0]=http")
			// Variables that a developer has set would choose another storage or transport.
			cmd.Env = append(os.Environ(), "STORAGE_TYPE=mem", "SELF_TRACING_ENABLED=false")
			return cmd, nil
		},
		ready: func(p *Process, addr []string) error {
			// The log is this server's; the port may be another server's.
			if !p.logged("Serving HTTP at /" + addr[0]) {
				return errNotReady
			}
			_, err := get("http://" + addr[0] + "/health")
			return err
		},
	}.start(t)
	return "http://" + addr[0], p
}

// zipkinJar returns the path of Zipkin's executable jar.
func zipkinJar(t testing.TB) string {
	t.Helper()
	jar := os.Getenv("GAPTRACE_ZIPKIN")
	if jar == "" {
		jar = installed("bin/zipkin.jar")
	}
	if _, err := os.Stat(jar); err != nil {
		missing(t, "no Zipkin in $GAPTRACE_ZIPKIN or %s: %v", installed("bin/zipkin.jar"), err)
	}
	return jar
}
