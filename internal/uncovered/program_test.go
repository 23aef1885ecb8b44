package uncovered_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// program links go-redis, of which it wraps a client only if it is asked to. It also links the
// MySQL driver, and wraps a database.
const program = `package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/go-redis/redis/v8"
)

func main() {
	recorder := tracer.NewRecorder(0)
	t, _, err := tracer.New("shop", tracer.WithRecorder(recorder), tracer.WithLogger(slog.New(slog.NewTextHandler(os.Stdout, nil))))
	if err != nil {
		panic(err)
	}
	cache := redis.NewClient(&redis.Options{})
	if len(os.Args) > 1 {
		gapredis.Wrap(cache)
	}
	if _, err := gapmysql.Open("shop@tcp(localhost:1)/shop"); err != nil {
		panic(err)
	}
	load(nethttp.WrapClient(nil))
	t.StartSpan("one").Finish()
	t.StartSpan("two").Finish()
	page := httptest.NewRecorder()
	debug.Handler(recorder).ServeHTTP(page, httptest.NewRequest("GET", "/?format=text", nil))
	io.Copy(os.Stdout, page.Body)
}

func load(client *http.Client) {
	client.Get("http://localhost:1/")
}
`

func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	dir := t.TempDir()
	source, binary := filepath.Join(dir, "shop.go"), filepath.Join(dir, "shop")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", binary, source)
	build.Dir = filepath.Join("..", "..") // where go.mod is
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	line := 1 + strings.Count(program[:strings.Index(program, "\tclient.Get")], "\n")
	call := fmt.Sprintf("Note: 1 call of net/http had no parent span, at shop.go:%d (main.load)\n", line)
	for name, test := range map[string]struct {
		args      []string
		unwrapped int
	}{
		"not wrapped": {nil, 1},
		"wrapped":     {[]string{"wrap"}, 0},
	} {
		run := exec.Command(binary, test.args...)
		for _, variable := range os.Environ() {
			if !strings.HasPrefix(variable, "JAEGER_") {
				run.Env = append(run.Env, variable)
			}
		}
		out, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		text := string(out)
		hints := strings.Count(text, "level=INFO")
		notes := strings.Count(text, "Note: No client of go-redis v8 was wrapped (github.com/go-redis/redis/v8 v8.")
		if hints != test.unwrapped || notes != test.unwrapped || strings.Count(text, "Note: ") != test.unwrapped+1 ||
			!strings.Contains(text, call) || strings.Contains(text, "MySQL") || strings.Contains(text, "sql-driver") {
			t.Errorf("%s: %d hints, %d notes, want %d:\n%s", name, hints, notes, test.unwrapped, text)
		}
	}
}
