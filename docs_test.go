package gaptrace_test

import (
	"go/types"
	"go/version"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// packagePaths maps the package names in texts to import paths.
var packagePaths = map[string]string{
	"bridge":           "go.opentelemetry.io/otel/bridge/opentracing",
	"codes":            "google.golang.org/grpc/codes",
	"context":          "context",
	"debug":            module + "/gap/debug",
	"driver":           "database/sql/driver",
	"elasticsearch":    "github.com/elastic/go-elasticsearch/v8",
	"elastictransport": "github.com/elastic/elastic-transport-go/v8/elastictransport",
	"cpuclock":         module + "/gap/cpuclock",
	"explain":          module + "/explain",
	"fmt":              "fmt",
	"gap":              module + "/gap",
	"gapes":            module + "/contrib/elasticsearch",
	"gapgrpc":          module + "/contrib/grpc",
	"gapmysql":         module + "/contrib/sql/mysql",
	"gapredis":         module + "/contrib/redis",
	"gapsql":           module + "/contrib/sql",
	"gaptrace":         module,
	"grpc":             "google.golang.org/grpc",
	"http":             "net/http",
	"jaegerjson":       module + "/gap/jaegerjson",
	"zipkinjson":       module + "/gap/zipkinjson",
	"mark":             module + "/gap/mark",
	"mysql":            "github.com/go-sql-driver/mysql",
	"nethttp":          module + "/contrib/nethttp",
	"opentracing":      "github.com/opentracing/opentracing-go",
	"os":               "os",
	"metrics":          module + "/gap/metrics",
	"otlp":             module + "/gap/otlp",
	"redact":           module + "/wrap/redact",
	"prometheus":       "github.com/prometheus/client_golang/prometheus",
	"promhttp":         "github.com/prometheus/client_golang/prometheus/promhttp",
	"redis":            "github.com/go-redis/redis/v8",
	"report":           module + "/gap/report",
	"rollup":           module + "/gap/rollup",
	"slog":             "log/slog",
	"sql":              "database/sql",
	"stdlib":           "github.com/jackc/pgx/v5/stdlib",
	"status":           "google.golang.org/grpc/status",
	"time":             "time",
	"tracer":           module + "/tracer",
	"wrap":             module + "/wrap",
}

// samePackages maps names of packagePaths to further packages with that name.
var samePackages = map[string]string{
	"otlp":   module + "/tracer/otlp",
	"redact": module + "/internal/redact",
}

// loadNamed loads all packages that texts name.
func loadNamed(t *testing.T) *packages {
	paths := slices.Collect(maps.Values(packagePaths))
	return load(t, slices.AppendSeq(paths, maps.Values(samePackages))...)
}

var (
	anyPackage = `\b(` + strings.Join(slices.Sorted(maps.Keys(packagePaths)), "|") + `)`

	exportedName = regexp.MustCompile(anyPackage + `\.([A-Z]\w*)(?:\.([A-Z]\w*))?\b`)
	looksLikeGo  = regexp.MustCompile(`(?m):=|^import\b|` + anyPackage + `\.[A-Z]\w*[({]`)

	// In Markdown:
	fenced     = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	wrapperRow = regexp.MustCompile("(?m)^\\|[^|]*\\|([^|]*)\\| *`(contrib/[\\w/]+)`[^|]*\\|$")
)

// documents returns the texts of the Markdown files, by file.
func documents(t *testing.T) map[string]string {
	t.Helper()
	files := []string{"README.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		found, _ := filepath.Glob(pattern)
		files = append(files, found...)
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	return texts
}

// TestNamesInTextsExist looks up each exported name, such as gapsql.Open.
func TestNamesInTextsExist(t *testing.T) {
	needWorkspace(t)
	all := loadNamed(t)
	texts := map[string]string{}
	for file, text := range documents(t) {
		for _, span := range codeSpan.FindAllString(text, -1) {
			texts[file] += span + "\n"
		}
	}
	for _, f := range sourceFiles(t) {
		for _, text := range f.Comments {
			texts[f.name] += text.Text()
		}
	}
	found := 0
	for file, text := range texts {
		for _, match := range exportedName.FindAllStringSubmatch(text, -1) {
			found++
			pkg, err := all.Import(packagePaths[match[1]])
			if err != nil {
				t.Fatal(err)
			}
			object := pkg.Scope().Lookup(match[2])
			if same, ok := samePackages[match[1]]; ok && object == nil {
				if pkg, err = all.Import(same); err != nil {
					t.Fatal(err)
				}
				object = pkg.Scope().Lookup(match[2])
			}
			if object != nil && match[3] != "" {
				object, _, _ = types.LookupFieldOrMethod(object.Type(), true, pkg, match[3])
			}
			if object == nil && !ofNewerGo(match[0]) {
				t.Errorf("%s: there is no %s", file, match[0])
			}
		}
	}
	if found < 200 {
		t.Errorf("only %d names found, want at least 200", found)
	}
}

// ofNewerGo reports whether a name is an interface of a Go release after the running one.
func ofNewerGo(name string) bool {
	for _, w := range wrapperInterfaces {
		if version.Compare(w.decisions[name].since, runtime.Version()) > 0 {
			return true
		}
	}
	return false
}
