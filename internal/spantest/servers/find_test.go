package servers

import (
	"os"
	"strings"
	"testing"
)

func TestMissingServer(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("GAPTRACE_SERVERS", t.TempDir())
	for _, v := range []string{"GAPTRACE_JAEGER", "GAPTRACE_REDIS62", "GAPTRACE_ELASTICSEARCH_HOME", "ES_JAVA_HOME"} {
		t.Setenv(v, "")
	}
	noSuchRedis := func(t testing.TB) {
		os.Setenv("GAPTRACE_REDIS", "/no/such/redis")
		Redis(t)
	}
	for reason, start := range map[string]func(testing.TB){
		"no jaeger-all-in-one in $GAPTRACE_JAEGER, on PATH or in ":       func(t testing.TB) { Jaeger(t) },
		"no redis-server-6.2 in $GAPTRACE_REDIS62, on PATH or in ":       func(t testing.TB) { Redis62(t) },
		"no Elasticsearch in $GAPTRACE_ELASTICSEARCH_HOME or ":           func(t testing.TB) { Elasticsearch(t) },
		"no Java for Elasticsearch in $ES_JAVA_HOME, ":                   func(t testing.TB) { javaHome(t) },
		"GAPTRACE_REDIS: stat /no/such/redis: no such file or directory": noSuchRedis,
	} {
		t.Setenv("GAPTRACE_REDIS", "") // restored afterwards
		t.Setenv("GAPTRACE_REQUIRE_SERVERS", "")
		var f fake
		f.run(func() { start(&f) })
		if !strings.HasPrefix(f.skip, "skipped: "+reason) || !strings.HasSuffix(f.skip, "see CONTRIBUTING.md") ||
			f.fatal != "" {
			t.Errorf("skip: %q, fatal: %q", f.skip, f.fatal)
		}
		t.Setenv("GAPTRACE_REQUIRE_SERVERS", "1")
		f = fake{}
		f.run(func() { start(&f) })
		if !strings.HasPrefix(f.fatal, "GAPTRACE_REQUIRE_SERVERS=1, but "+reason) || f.skip != "" {
			t.Errorf("required: skip: %q, fatal: %q", f.skip, f.fatal)
		}
	}
}
