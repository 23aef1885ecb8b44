package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// browser starts a Chromium with one empty tab. Whatever pages complain of in it fails the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(servers.Chromium(t)), chromedp.UserDataDir(t.TempDir()), chromedp.Env("HOME="+t.TempDir()), chromedp.DisableGPU)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it has none for root
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)

	do(t, ctx) // starts it
	messages := chromedp.Console(ctx)
	t.Cleanup(func() {
		const last = "that is all"
		if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`console.log("`+last+`")`)); err != nil {
			t.Error(err)
			return
		}
		for m, err := range messages { // what breaks a policy is among them
			if err != nil || m.Text == last {
				break
			}
			t.Errorf("the browser complains: %s (%s)", m, m.URL)
		}
	})
	return ctx
}

func do(t *testing.T, ctx context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// evaluate runs JavaScript from outside of the page, which may run none.
func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// call has the browser do something for which there is no action.
func call[P, R any](t *testing.T, ctx context.Context, command cdp.Command[P, R], params P) R {
	t.Helper()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// traces is a source of what it holds.
type traces [][]gap.Span

func (s traces) Traces() [][]gap.Span { return s }

func (s traces) Trace(id gap.TraceID) []gap.Span {
	for _, spans := range s {
		if spans[0].TraceID == id {
			return spans
		}
	}
	return nil
}

// realistic returns traces of n spans in all.
func realistic(t *testing.T, n, perTrace int) traces { return shaped(t, "realistic", n, perTrace) }

func shaped(t *testing.T, shape string, n, perTrace int) (all traces) {
	t.Helper()
	var b bytes.Buffer
	if err := manyspans.Write(&b, shape, n, perTrace); err != nil {
		t.Fatal(err)
	}
	for spans, err := range jaegerjson.Read(&b) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, spans)
	}
	return all
}

// site serves the report of traces at /, as a file would be, and the page of a program that has recorded them at /debug/gaps/.
func site(t *testing.T, all traces) (url string) {
	t.Helper()
	r := report.New(report.Options{})
	for _, spans := range all {
		r.Add(gap.Build(spans))
	}
	var page bytes.Buffer
	if err := r.HTML(&page, report.HTMLOptions{Title: "Traces of a Tuesday", Jaeger: "http://jaeger.example/ui"}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/debug/gaps/", debug.Handler(all))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write(page.Bytes())
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

// places are all kinds of pages that a site has.
func places(all traces) map[string]string {
	return map[string]string{
		"report": "/", "index": "/debug/gaps/", "list": "/debug/gaps/?service=bookshop", "nothing": "/debug/gaps/?band=1s",
		"trace": "/debug/gaps/trace?id=" + all[0][0].TraceID.String(),
	}
}

// shoot takes a picture of what is to be seen, for people to look at, if GAPTRACE_SHOTS names a directory for it.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("GAPTRACE_SHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), shot, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestBrowserShowsEveryPageAtEveryWidthWithoutComplaint(t *testing.T) {
	all := realistic(t, 120, 40)
	url, ctx := site(t, all), browser(t)
	for name, place := range places(all) {
		for _, width := range []int64{320, 390, 768, 1440, 2560} {
			for _, scheme := range []string{"light", "dark"} {
				call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
				})
				do(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(url+place))
				over := evaluate[[]string](t, ctx, `
					let wide = document.documentElement.clientWidth
					document.documentElement.scrollWidth <= wide ? [] : [...document.querySelectorAll("body *")]
						.filter(e => e.getBoundingClientRect().right > wide + 1).map(e => e.outerHTML.slice(0, 200))`)
				if len(over) > 0 {
					t.Errorf("%s, %d wide: it scrolls to the side for %d elements: %s", name, width, len(over), over[len(over)-1])
				}
				if width == 390 || width == 1440 {
					shoot(t, ctx, fmt.Sprintf("%s-%d-%s", name, width, scheme))
				}
			}
		}
	}
}

// mark is what draws a gap, or several: where it is in its row's picture, in pixels.
type mark struct {
	Data            string
	Narrow          bool
	X, Width, Total float64
	Class, Row      string
}

func TestBrowserDrawsTheGapsOfPackageGap(t *testing.T) {
	all := realistic(t, 400, 0)
	joined := all[0][1] // and one whose place nobody knows, which is told and not drawn
	joined.Tags = append(slices.Clone(joined.Tags), gap.Field{Key: "wait.joined_us", Value: int64(1)})
	all[0][1] = joined
	trace, _ := gap.Build(all[0])
	length := float64(trace.End().Sub(trace.Start()))
	var want []string
	for g := range trace.Gaps(0) {
		if !g.Joined() {
			want = append(want, fmt.Sprintf("%s %s %d %d", g.Class, g.Node.Span().SpanID, g.Start.Sub(trace.Start()), g.End.Sub(trace.Start())))
		}
	}
	url, ctx := site(t, all), browser(t)
	for _, width := range []int64{390, 1440} {
		do(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(url))
		marks := evaluate[[]mark](t, ctx, `[...document.querySelectorAll("[data-gaps]")].map(e => {
			let at = e.getBoundingClientRect(), all = e.ownerSVGElement.getBoundingClientRect()
			return {Data: e.dataset.gaps, Narrow: e.tagName == "path", X: at.x - all.x, Width: at.width, Total: all.width,
				Class: e.getAttribute("class"), Row: e.closest("tr").id}
		})`)
		var got []string
		for _, m := range marks {
			from, to := math.Inf(1), 0.0
			for data := range strings.SplitSeq(m.Data, ";") {
				got = append(got, data)
				fields := strings.Fields(data)
				start, _ := strconv.ParseFloat(fields[2], 64)
				end, _ := strconv.ParseFloat(fields[3], 64)
				from, to = min(from, start), max(to, end)
				if m.Class != fields[0] {
					t.Errorf("a gap of class %s looks like %s", fields[0], m.Class)
				}
			}
			const near = 0.5 // pixels
			if math.Abs(m.X-from/length*m.Total) > near || math.Abs(m.X+m.Width-to/length*m.Total) > near || m.Total < 100 {
				t.Errorf("%d wide: %s: drawn %v wide at %v of %v", width, m.Data, m.Width, m.X, m.Total)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%d wide: %d gaps are drawn, want %d", width, len(got), len(want))
		}
	}
}

func TestBrowserLeadsFromAGapToItsRowByKeyboard(t *testing.T) {
	for name, spans := range map[string]int{"some spans": 40, "many spans": 10_000} {
		t.Run(name, func(t *testing.T) {
			url, ctx := site(t, realistic(t, spans, 0)), browser(t)
			focused := func() string {
				return evaluate[string](t, ctx, `document.activeElement.getAttribute("href") || document.activeElement.id`)
			}
			tab := func() string {
				do(t, ctx, chromedp.KeyEvent(kb.Tab))
				return focused()
			}
			for _, width := range []int64{390, 1440} {
				do(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate("about:blank"), chromedp.Navigate(url))
				if at := tab(); at != "#main" {
					t.Fatalf("the first stop is %q, want the link that skips", at)
				}
				visible := evaluate[bool](t, ctx, `let at = document.activeElement.getBoundingClientRect(); at.top >= 0 && at.left >= 0`)
				do(t, ctx, chromedp.KeyEvent(kb.Enter))
				if at := focused(); at != "main" || !visible {
					t.Errorf("it skips to %q, and can be seen: %v", at, visible)
				}
				do(t, ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url))
				for stops := 0; tab() != "#worst-gaps"; stops++ {
					if stops > 10 {
						t.Fatal("no way to the worst gaps")
					}
				}
				do(t, ctx, chromedp.KeyEvent(kb.Enter))
				link := tab()
				outlined := evaluate[string](t, ctx, `getComputedStyle(document.activeElement).outlineStyle`)
				do(t, ctx, chromedp.KeyEvent(kb.Enter))
				target := evaluate[string](t, ctx, `{
					let row = document.querySelector(":target"), at = row.getBoundingClientRect(), head = row.closest("table").tHead.getBoundingClientRect()
					at.height > 0 && at.top >= head.bottom && at.bottom <= innerHeight ? "#" + row.id : JSON.stringify([at, head])
				}`)
				shoot(t, ctx, fmt.Sprintf("target-%d-%d", spans, width))
				if !strings.HasPrefix(link, "#s-") || target != link || outlined != "solid" {
					t.Errorf("%d wide: the link %q, outlined %s, leads to %s", width, link, outlined, target)
				}
			}
		})
	}
}

func TestBrowserShowsNamesAsText(t *testing.T) {
	names := []string{
		`<script>document.title = "bad"</script>`, `"><img src=x onerror=alert(1)>`, `</style></title><script src=//evil.example></script>`,
		"שלום עולם", "{{.}} &lt;b&gt;", `' onfocus='alert(1)`, "مرحبا <b>",
	}
	var all traces
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for i, name := range names {
		all = append(all, []gap.Span{{
			TraceID: gap.TraceID{Low: uint64(i + 1)}, SpanID: 1, Operation: name, Start: start, Duration: time.Second / 2,
			Process: &gap.Process{Service: name},
		}})
	}
	url, ctx := site(t, all), browser(t)
	for _, place := range places(all) {
		do(t, ctx, chromedp.Navigate(url+place))
		if n := evaluate[int](t, ctx, `document.querySelectorAll("script, img, iframe, object, link:not([href='data:,']), [onerror], [onfocus], [style], style ~ style").length`); n > 0 {
			t.Errorf("%s: %d elements that no page of ours has", place, n)
		}
	}
	do(t, ctx, chromedp.Navigate(url))
	for selector, count := range map[string]int{".waterfall th > b": 1, ".waterfall th > a": 1, ".gaps th b": 1, ".gaps th span": 1, ".operations th b": 1, ".operations tbody th span": 1} {
		got := evaluate[[]string](t, ctx, fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.textContent)`, selector))
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(slices.Repeat(names, count))); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", selector, got, want)
		}
		apart := evaluate[bool](t, ctx, fmt.Sprintf(`[...document.querySelectorAll(%q)].every(e => getComputedStyle(e).unicodeBidi.startsWith("isolate"))`, selector))
		if !apart {
			t.Errorf("%s: the direction of a name can turn what stands beside it", selector)
		}
	}
}

func TestBrowserDrawsTenThousandSpansSoon(t *testing.T) {
	for _, shape := range manyspans.Shapes {
		t.Run(shape, func(t *testing.T) {
			url, ctx := site(t, shaped(t, shape, 10_000, 0)), browser(t)
			do(t, ctx, chromedp.EmulateViewport(1440, 900))
			var took []float64
			for range 3 {
				do(t, ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url))
				took = append(took, evaluate[float64](t, ctx, `document.documentElement.getBoundingClientRect(), performance.now()`))
			}
			rows := evaluate[int](t, ctx, `document.querySelectorAll(".waterfall tbody tr").length`)
			elements := evaluate[int](t, ctx, `document.querySelectorAll("*").length`)
			t.Logf("loaded and laid out after %.0f ms; %d rows, %d elements", took, rows, elements)
			const most = 20_000 // ms: ten times what it should take, as machines are shared
			if slices.Min(took) > most || rows != 10_000 {
				t.Errorf("%v ms, %d rows", took, rows)
			}

			// One far below, whose place depends on rows that were not laid out.
			far := evaluate[string](t, ctx, `document.querySelectorAll(".waterfall tbody tr")[8765].id`)
			do(t, ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url+"#"+far))
			at := evaluate[float64](t, ctx, `document.querySelector(":target").getBoundingClientRect().top`)
			shoot(t, ctx, "far-"+shape)
			if at < 0 || at > 850 {
				t.Errorf("row %s is at %v", far, at)
			}
		})
	}
}

// A screen reader is told by the accessibility tree what there is.
func TestBrowserTellsScreenReadersWhatIsThere(t *testing.T) {
	all := realistic(t, 120, 40)
	url, ctx := site(t, all), browser(t)
	for _, width := range []int64{390, 1440} { // where tables become cards they stay tables
		do(t, ctx, chromedp.EmulateViewport(width, 900))
		for name, place := range places(all) {
			do(t, ctx, chromedp.Navigate(url+place))
			nodes := call(t, ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes
			count := map[string]int{}
			for _, n := range nodes {
				if n.Ignored || n.Role == nil {
					continue
				}
				role, called := axText(n.Role), axText(n.Name)
				count[role]++
				switch role {
				case "table", "columnheader", "rowheader", "image", "link", "heading", "navigation", "region":
					if strings.TrimSpace(called) == "" {
						t.Errorf("%s, %d wide: a %s without a name", name, width, role)
					}
				}
			}
			tables := map[string][2]int{"report": {5, 3*40 + 20}, "index": {3, 1}, "list": {3, 3}, "trace": {3, 40}, "nothing": {0, 0}}
			if want := tables[name]; count["table"] != want[0] || count["rowheader"] < want[1] || count["row"] < count["rowheader"] || count["main"] != 1 {
				t.Errorf("%s, %d wide: %d tables, want %d: %v", name, width, count["table"], want[0], count)
			}
			if n := evaluate[int](t, ctx, `document.querySelectorAll("h1").length`); n != 1 {
				t.Errorf("%s has %d headings of the first level", name, n)
			}
		}
	}
}

func axText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	s, _ := strconv.Unquote(string(v.Value))
	return s
}
