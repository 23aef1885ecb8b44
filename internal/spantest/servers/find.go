package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// find returns the path of a binary with one of the names. It looks at the environment variable, on
// PATH, and at what .ci/install-servers installed. If there is none, the test is skipped.
func find(t testing.TB, variable string, names ...string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		if _, err := os.Stat(path); err != nil {
			missing(t, "%s: %v", variable, err)
		}
		return path
	}
	// Debian keeps servers in /usr/sbin, which is not always on PATH, and PostgreSQL in a directory
	// for each version.
	postgres, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
		for _, dir := range append([]string{installed("bin"), "/usr/sbin"}, postgres...) {
			if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return path
			}
		}
	}
	missing(t, "no %s in $%s, on PATH or in %s", strings.Join(names, " or "), variable, installed("bin"))
	return ""
}

// installed returns the path of a file under the prefix of .ci/install-servers. It may not exist.
func installed(name string) string {
	prefix := os.Getenv("GAPTRACE_SERVERS")
	if prefix == "" {
		home, _ := os.UserHomeDir() // without a home nothing is installed in it
		prefix = filepath.Join(home, ".cache", "gaptrace-servers")
	}
	return filepath.Join(prefix, name)
}

// missing skips the test because a server is not installed.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	skip(t, format+"; .ci/install-servers installs it, see CONTRIBUTING.md", args...)
}

// skip skips the test, or fails it if GAPTRACE_REQUIRE_SERVERS=1: a CI that skips by mistake would
// look green.
func skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("GAPTRACE_REQUIRE_SERVERS") == "1" {
		t.Fatalf("GAPTRACE_REQUIRE_SERVERS=1, but "+format, args...)
	}
	t.Skipf("skipped: "+format, args...)
}
