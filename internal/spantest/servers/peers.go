package servers

import (
	"os"
	"os/exec"
	"testing"
)

// Python is a command of the Python that has jaeger-client, grpcio and grpcio-opentracing.
func Python(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return peer(t, "python3", "PYTHONPATH", installed("python-peers"), args)
}

// Node is a command of the Node that has jaeger-client and OpenTelemetry's B3 propagator.
func Node(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return peer(t, "node", "NODE_PATH", installed("node-peers/node_modules"), args)
}

// peer is a command of an interpreter that finds its libraries in dir. It ends with the test.
func peer(t testing.TB, interpreter, variable, dir string, args []string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(interpreter)
	if err != nil {
		missing(t, "no %s on PATH", interpreter)
	}
	if _, err := os.Stat(dir); err != nil {
		missing(t, "no libraries for %s: %v", interpreter, err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), variable+"="+dir)
	return cmd
}
