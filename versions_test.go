package gaptrace_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spantest"
)

// pseudoVersion matches the version of a module without releases. It holds a commit's date.
var pseudoVersion = regexp.MustCompile(`^v0\.0\.0-(\d{4})(\d\d)(\d\d)\d{6}-[0-9a-f]{12}$`)

// versionText returns a version as docs/versions.md shows it.
func versionText(version string) string {
	return pseudoVersion.ReplaceAllString(strings.TrimSuffix(version, "+incompatible"), "$1-$2-$3")
}

// goOutput returns what the go command prints.
func goOutput(t *testing.T, args ...string) string {
	t.Helper()
	return string(spantest.Must(exec.Command("go", args...).Output())(t))
}

// supportedVersions returns floor and newest tested version of each library: what the go.mod of the
// root, of gap/metrics, of gap/otlp and of tracer/otlp require, and what go.work selects of all
// modules' requirements.
func supportedVersions(t *testing.T) map[string]string {
	t.Helper()
	versions := map[string]string{}
	for file, shown := range map[string]string{
		"go.mod":             "", // all
		"gap/metrics/go.mod": "github.com/prometheus/client_golang",
		"gap/otlp/go.mod":    "go.opentelemetry.io/collector/pdata",
		"tracer/otlp/go.mod": "go.opentelemetry.io/proto/slim/otlp",
	} {
		var mod struct {
			Require []struct {
				Path, Version string
				Indirect      bool
			}
		}
		if err := json.Unmarshal([]byte(goOutput(t, "mod", "edit", "-json", file)), &mod); err != nil {
			t.Fatal(err)
		}
		for _, library := range mod.Require {
			if !library.Indirect && (shown == "" || library.Path == shown) {
				newest := strings.TrimSpace(goOutput(t, "list", "-m", "-f", "{{.Version}}", library.Path))
				versions[library.Path] = versionText(library.Version) + " | " + versionText(newest)
			}
		}
	}
	releases := regexp.MustCompile(`(?s)floor=\$\(patch ([\d.]+) .*newest=\$\(patch ([\d.]+) `).
		FindStringSubmatch(string(spantest.Must(os.ReadFile(".ci/releases"))(t)))
	if releases == nil {
		t.Fatal(".ci/releases: no floor and newest")
	}
	versions["Go"] = releases[1] + " | " + releases[2]
	return versions
}

func TestVersionsDoc(t *testing.T) {
	needWorkspace(t)
	text := string(spantest.Must(os.ReadFile("docs/versions.md"))(t))
	table, _, _ := strings.Cut(text[strings.Index(text, "|---|"):], "\n\n")
	shown := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\S+) \| [^|]+ \| (\S+ \| \S+) \|$`).FindAllStringSubmatch(table, -1) {
		shown[row[1]] = row[2]
	}
	want := supportedVersions(t)
	for _, library := range slices.Sorted(maps.Keys(want)) {
		if shown[library] != want[library] {
			t.Errorf("docs/versions.md: %s is %q, want %q", library, shown[library], want[library])
		}
		delete(shown, library)
	}
	for library := range shown {
		t.Errorf("docs/versions.md: go.mod does not require %s directly", library)
	}
}
