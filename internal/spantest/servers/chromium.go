package servers

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Chromium finds a Chromium, or a Chrome, that starts on this machine. Whoever drives it starts an instance, as root without
// its sandbox, which root cannot have.
func Chromium(t testing.TB) string {
	t.Helper()
	binary := find(t, "GAPTRACE_CHROMIUM", "chromium", "chromium-browser", "google-chrome")
	dir := tempDir(t, "chromium", false)
	args := []string{"--headless", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + dir, "--dump-dom", "about:blank"}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox")
	}
	try(t, "chromium", func(ctx context.Context) *unfit {
		cmd := exec.CommandContext(ctx, binary, args...)
		cmd.Env = environ(append(os.Environ(), "HOME="+dir)) // it writes there
		cmd.WaitDelay = time.Second                          // its helpers inherit the pipe
		said, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		return diagnose(err, string(said)) // what else it fails for is for the test to meet
	})
	return binary
}
