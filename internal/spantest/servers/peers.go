package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Python returns a command of a Python that has jaeger-client, grpcio and grpcio-opentracing.
func Python(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return peer(t, "python3", "PYTHONPATH", installed("python-peers"), args,
		"-c", "import jaeger_client, grpc, grpc_opentracing")
}

// Node returns a command of a Node that has jaeger-client and OpenTelemetry's B3 propagator.
func Node(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return peer(t, "node", "NODE_PATH", installed("node-peers/node_modules"), args,
		"-e", "require('jaeger-client'); require('@opentelemetry/propagator-b3')")
}

// peer returns a command that runs an interpreter with the libraries in dir. It skips the test if
// they cannot be loaded. The command ends with the test.
func peer(t testing.TB, interpreter, variable, dir string, args []string, load ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(interpreter)
	if err != nil {
		missing(t, "no %s on PATH", interpreter)
	}
	if _, err := os.Stat(dir); err != nil {
		missing(t, "no libraries for %s: %v", interpreter, err)
	}
	command := func(ctx context.Context, args []string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Env = append(os.Environ(), variable+"="+dir)
		return cmd
	}
	try(t, interpreter, func(ctx context.Context) *unfit {
		cmd := command(ctx, load)
		cmd.Env = environ(cmd.Env)
		said, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		if u := diagnose(err, string(said)); u != nil {
			return u
		}
		// Libraries are built for one version of the interpreter. The machine may have a newer one now.
		cause := fmt.Sprintf("it cannot load its libraries from %s: %v: %s", dir, err, strings.TrimSpace(string(said)))
		return &unfit{cause, "remove that folder and install them again"}
	})
	return command(t.Context(), args)
}

// tried caches, by name, whether a program starts on this machine.
var tried sync.Map // by name: func() *unfit

// try skips the test if a program does not start on this machine. It starts the program once per
// process.
func try(t testing.TB, name string, start func(context.Context) *unfit) {
	t.Helper()
	once, _ := tried.LoadOrStore(name, sync.OnceValue(func() *unfit {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		u := start(ctx)
		if ctx.Err() != nil {
			return nil // killed since it was slow, which does not mean that it cannot start
		}
		return u
	}))
	if u := once.(func() *unfit)(); u != nil {
		unable(t, name, u)
	}
}
