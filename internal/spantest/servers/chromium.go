package servers

import "testing"

// Chromium finds a Chromium, or a Chrome, of which whoever drives it starts an instance.
func Chromium(t testing.TB) string {
	t.Helper()
	return find(t, "GAPTRACE_CHROMIUM", "chromium", "chromium-browser", "google-chrome")
}
