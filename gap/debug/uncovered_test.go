package debug

import (
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/clients"
	"github.com/gaptrace/gaptrace/internal/uncovered"
)

// noTraces is a Source without traces.
type noTraces struct{}

func (noTraces) Traces() [][]gap.Span         { return nil }
func (noTraces) Trace(gap.TraceID) []gap.Span { return nil }

func TestIndexShowsWhatNoSpanCovers(t *testing.T) {
	body := func(url string) string {
		w := httptest.NewRecorder()
		Handler(noTraces{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, nil))
		return w.Body.String()
	}
	const heading, note = "What no span covers", "Note: "
	if before := body("/"); strings.Contains(before, heading) {
		t.Errorf("without anything uncovered: %s", before)
	}
	oldUnwrapped, oldNoParent := unwrapped, noParent
	defer func() { unwrapped, noParent = oldUnwrapped, oldNoParent }()
	unwrapped = func() []uncovered.Linked {
		return []uncovered.Linked{
			{Library: clients.ByPath("github.com/go-redis/redis/v8"), Module: "github.com/go-redis/redis/v8", Version: "v8.11.5"},
			{Library: clients.ByPath("github.com/lib/pq"), Module: "github.com/lib/pq"},
		}
	}
	noParent = func() []uncovered.Calls {
		var sites []uncovered.Site
		for _, function := range []string{"load", "(*job).sweep", "(*job).sweep.func1", "rare"} {
			sites = append(sites, uncovered.Site{Function: "example.org/shop." + function, File: "/src/shop/db.go", Line: 31})
		}
		return []uncovered.Calls{
			{Component: "a client called <once>", Count: 1, Sites: sites[:1]},
			{Component: "called often", Count: 4000, Sites: sites},
			{Component: "called right now", Count: 2},
		}
	}
	want := []string{
		"No client of go-redis v8 was wrapped (github.com/go-redis/redis/v8 v8.11.5): " +
			"wrap its clients with github.com/gaptrace/gaptrace/contrib/redis",
		"No client of lib/pq was wrapped (github.com/lib/pq): wrap its clients with github.com/gaptrace/gaptrace/contrib/sql",
		"1 call of a client called <once> had no parent span, at db.go:31 (shop.load)",
		"4000 calls of called often had no parent span, some at db.go:31 (shop.load), db.go:31 (shop.(*job).sweep), " +
			"db.go:31 (shop.(*job).sweep.func1)",
		"2 calls of called right now had no parent span",
	}
	page := body("/")
	if !strings.Contains(page, heading) {
		t.Errorf("no heading: %s", page)
	}
	var lines []string
	for _, item := range regexp.MustCompile(`<li dir="auto">(.*)</li>`).FindAllStringSubmatch(page, -1) {
		lines = append(lines, html.UnescapeString(item[1]))
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
	text := body("/?format=text")
	if n := strings.Count(text, note); n != len(want) || !strings.Contains(text, note+want[0]+"\n") {
		t.Errorf("%d notes: %s", n, text)
	}
	for _, url := range []string{"/?bucket=1s", "/?bucket=1s&format=text"} { // of some traces only
		if page := body(url); strings.Contains(page, heading) || strings.Contains(page, note) {
			t.Errorf("%s: %s", url, page)
		}
	}
}
