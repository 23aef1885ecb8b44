package servers

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Chromium returns the path of a Chromium or Chrome that starts on this machine. The caller starts
// it; as root with --no-sandbox, since root cannot use its sandbox.
func Chromium(t testing.TB) string {
	t.Helper()
	binary := find(t, "GAPTRACE_CHROMIUM", "chromium", "chromium-browser", "google-chrome")
	dir := tempDir(t, "chromium", false)
	args := []string{
		"--headless", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + dir, "--dump-dom", "about:blank",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox")
	}
	try(t, "chromium", func(ctx context.Context) *unfit {
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Env = environ(append(os.Environ(), "HOME="+dir)) // Chromium writes to it
		cmd.WaitDelay = time.Second                          // its child processes inherit the pipe
		said, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		return diagnose(err, string(said)) // nil for any other failure, which the test will find
	})
	return binary
}
