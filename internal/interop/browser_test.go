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

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/spantest/manyspans"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// newBrowser starts a Chromium with one empty tab. The test fails if a page logs to the console, or
// violates its content security policy.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(servers.Chromium(t)),
		chromedp.UserDataDir(t.TempDir()), chromedp.Env("HOME="+t.TempDir()), chromedp.DisableGPU)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to sandbox root
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)

	do(t, ctx) // starts the browser
	messages := chromedp.Console(ctx)
	t.Cleanup(func() {
		const last = "end of the test"
		if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`console.log("`+last+`")`)); err != nil {
			t.Error(err)
			return
		}
		for m, err := range messages {
			if err != nil || m.Text == last {
				break
			}
			t.Errorf("console: %s (%s)", m, m.URL)
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

// evaluate runs JavaScript through the debugger, since the pages' policy forbids scripts.
func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// call sends a command of the DevTools protocol for which chromedp has no action.
func call[P, R any](t *testing.T, ctx context.Context, command cdp.Command[P, R], params P) R {
	t.Helper()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// traces implements debug.Source.
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

// newTraces returns traces with n spans in total, in one of manyspans.Shapes. If perTrace is 0, all
// spans are in one trace.
func newTraces(t *testing.T, shape string, n, perTrace int) (all traces) {
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

// serveSite serves the report of traces at /, and the pages of package debug at /debug/gaps/. The
// report has only the header Content-Type, like one opened from a file.
func serveSite(t *testing.T, all traces) (url string) {
	t.Helper()
	r := report.New(report.Options{})
	for _, spans := range all {
		r.Add(gap.Build(spans))
	}
	var page bytes.Buffer
	options := report.HTMLOptions{Title: "Traces of a Tuesday", Jaeger: "http://jaeger.example/ui", Rows: -1}
	if err := r.HTML(&page, options); err != nil {
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

// pagePaths returns one path for each kind of page.
func pagePaths(all traces) map[string]string {
	return map[string]string{
		"report":    "/",
		"index":     "/debug/gaps/",
		"list":      "/debug/gaps/?service=bookshop",
		"no traces": "/debug/gaps/?operation=none",
		"trace":     "/debug/gaps/trace?id=" + all[0][0].TraceID.String(),
	}
}

// saveScreenshot writes a screenshot to the directory GAPTRACE_SHOTS, if that is set.
func saveScreenshot(t *testing.T, ctx context.Context, name string) {
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

func TestPagesFitEveryWidth(t *testing.T) {
	all := newTraces(t, "realistic", 120, 40)
	url, ctx := serveSite(t, all), newBrowser(t)
	for name, path := range pagePaths(all) {
		for _, width := range []int64{320, 390, 768, 1440, 2560} {
			for _, scheme := range []string{"light", "dark"} {
				call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
				})
				do(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(url+path))
				tooWide := evaluate[[]string](t, ctx, `
					let wide = document.documentElement.clientWidth
					document.documentElement.scrollWidth <= wide ? [] : [...document.querySelectorAll("body *")]
						.filter(e => e.getBoundingClientRect().right > wide + 1).map(e => e.outerHTML.slice(0, 200))`)
				if n := len(tooWide); n > 0 {
					t.Errorf("%s, %d px: %d elements are too wide, one is %s", name, width, n, tooWide[n-1])
				}
				if width == 390 || width == 1440 {
					saveScreenshot(t, ctx, fmt.Sprintf("%s-%d-%s", name, width, scheme))
				}
			}
		}
	}
}

// Paper is as narrow as a phone, but shows tables and waterfalls, not cards.
func TestPagesOnPaper(t *testing.T) {
	all := newTraces(t, "realistic", 120, 40)
	url, ctx := serveSite(t, all), newBrowser(t)
	call(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	for name, path := range pagePaths(all) {
		do(t, ctx, chromedp.EmulateViewport(720, 1000), chromedp.Navigate(url+path))
		saveScreenshot(t, ctx, name+"-paper")
		cards := evaluate[int](t, ctx, `
			[...document.querySelectorAll(".cards tr")].filter(e => getComputedStyle(e).display != "table-row").length`)
		apart := evaluate[int](t, ctx, `[...document.querySelectorAll(".row")].filter(e => {
			let name = e.children[0].getBoundingClientRect(), bar = e.children[1].getBoundingClientRect()
			return name.top != bar.top || bar.left < name.right
		}).length`)
		wide := evaluate[int](t, ctx, `document.documentElement.scrollWidth`)
		if cards > 0 || apart > 0 || wide > 720 {
			t.Errorf("%s: %d cards, %d rows whose bar is not next to their name, %d px wide", name, cards, apart, wide)
		}
	}
}

// A folded row is opened by the keyboard, and by a link to a row below it.
func TestPagesFold(t *testing.T) {
	all := newTraces(t, "realistic", 2000, 0)
	notCritical := &all[0][1] // nor is what is below it
	notCritical.References = slices.Clone(notCritical.References)
	notCritical.References[0].Type = gap.FollowsFrom
	url, ctx := serveSite(t, all), newBrowser(t)
	do(t, ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(url))
	below := evaluate[string](t, ctx, `
		window.folded = document.querySelector(".waterfall details:not([open])")
		folded.querySelector("li .row").id`)
	const open = `folded.offsetHeight > folded.firstChild.offsetHeight`
	counted := `getComputedStyle(folded.querySelector(".below")).display != "none"`
	if evaluate[bool](t, ctx, open) || !evaluate[bool](t, ctx, counted) {
		t.Error("a folded row shows what is below it, or does not count it")
	}
	evaluate[bool](t, ctx, `folded.firstChild.focus(), true`)
	do(t, ctx, chromedp.KeyEvent(kb.Enter))
	if !evaluate[bool](t, ctx, open) || evaluate[bool](t, ctx, counted) {
		t.Error("Enter does not open a row")
	}
	do(t, ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url+"#"+below))
	if top := evaluate[float64](t, ctx, `
		let target = document.querySelector(":target")
		target.closest("li").parentElement.closest("details:not([open])") ? -1 : target.getBoundingClientRect().top`); top < 0 || top > 850 {
		t.Errorf("a link to a folded row leads to %v, want it in view", top)
	}
}

// mark is an element that draws one gap or several, with its position in the picture of its row, in
// pixels.
type mark struct {
	Data            string // of each gap: class, span ID, start and end in ns
	X, Width, Total float64
	Class           string
}

func TestPagesDrawGapsInPlace(t *testing.T) {
	all := newTraces(t, "realistic", 400, 0)
	// A gap that joining hid has a length but no position, so it is not drawn.
	joined := all[0][1]
	joined.Tags = append(slices.Clone(joined.Tags), gap.Field{Key: "wait.joined_us", Value: int64(1)})
	all[0][1] = joined
	trace, _ := gap.Build(all[0])
	var want []string
	for g := range trace.Gaps(0) {
		if !g.Joined() {
			from, to := g.Start.Sub(trace.Start()), g.End.Sub(trace.Start())
			want = append(want, fmt.Sprintf("%s %s %d %d", g.Class, g.Node.Span().SpanID, from, to))
		}
	}
	slices.Sort(want)
	duration := float64(trace.End().Sub(trace.Start()))
	url, ctx := serveSite(t, all), newBrowser(t)
	for _, width := range []int64{390, 1440} {
		do(t, ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(url))
		evaluate[bool](t, ctx, `document.querySelectorAll("details").forEach(d => d.open = true), true`)
		marks := evaluate[[]mark](t, ctx, `[...document.querySelectorAll("[data-gaps]")].map(e => {
			let at = e.getBoundingClientRect(), all = e.ownerSVGElement.getBoundingClientRect()
			return {
				Data: e.dataset.gaps, Class: e.getAttribute("class"),
				X: at.x - all.x, Width: at.width, Total: all.width,
			}
		})`)
		var got []string
		for _, m := range marks {
			got = append(got, strings.Split(m.Data, ";")...)
			m.check(t, width, duration)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%d px: %d gaps are drawn, want %d", width, len(got), len(want))
		}
	}
}

// check compares a mark's class and position with those of its gaps.
func (m mark) check(t *testing.T, width int64, duration float64) {
	t.Helper()
	from, to := math.Inf(1), 0.0
	for data := range strings.SplitSeq(m.Data, ";") {
		fields := strings.Fields(data)
		start, _ := strconv.ParseFloat(fields[2], 64)
		end, _ := strconv.ParseFloat(fields[3], 64)
		from, to = min(from, start), max(to, end)
		if m.Class != fields[0] {
			t.Errorf("a gap of class %s is drawn as %s", fields[0], m.Class)
		}
	}
	left, right := from/duration*m.Total, to/duration*m.Total
	const tolerance = 0.5 // pixels
	if math.Abs(m.X-left) > tolerance || math.Abs(m.X+m.Width-right) > tolerance || m.Total < 100 {
		t.Errorf("%d px: %s: drawn from %v to %v of %v, want from %v to %v",
			width, m.Data, m.X, m.X+m.Width, m.Total, left, right)
	}
}

func TestPagesByKeyboard(t *testing.T) {
	for name, spans := range map[string]int{"some spans": 40, "many spans": 10_000} {
		t.Run(name, func(t *testing.T) {
			url, ctx := serveSite(t, newTraces(t, "realistic", spans, 0)), newBrowser(t)
			for _, width := range []int64{390, 1440} {
				do(t, ctx, chromedp.EmulateViewport(width, 900))
				do(t, ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url))
				wantSkipLink(t, ctx)
				do(t, ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url))
				wantGapLink(t, ctx, width)
				saveScreenshot(t, ctx, fmt.Sprintf("target-%d-%d", spans, width))
			}
		})
	}
}

// focused returns the link or the ID of the element that has the focus.
func focused(t *testing.T, ctx context.Context) string {
	t.Helper()
	return evaluate[string](t, ctx, `document.activeElement.getAttribute("href") || document.activeElement.id`)
}

// pressTab moves the focus to the next element, and returns it as focused does.
func pressTab(t *testing.T, ctx context.Context) string {
	t.Helper()
	do(t, ctx, chromedp.KeyEvent(kb.Tab))
	return focused(t, ctx)
}

// wantSkipLink checks that the first element is a visible link to the main content.
func wantSkipLink(t *testing.T, ctx context.Context) {
	t.Helper()
	if got := pressTab(t, ctx); got != "#main" {
		t.Fatalf("the first link is %q, want #main", got)
	}
	visible := evaluate[bool](t, ctx, `
		let at = document.activeElement.getBoundingClientRect()
		at.top >= 0 && at.left >= 0`)
	do(t, ctx, chromedp.KeyEvent(kb.Enter))
	if got := focused(t, ctx); got != "main" || !visible {
		t.Errorf("the skip link leads to %q, want main; visible: %v", got, visible)
	}
}

// wantGapLink checks that the first of the worst gaps links to a row, which is then in view.
func wantGapLink(t *testing.T, ctx context.Context, width int64) {
	t.Helper()
	for links := 0; pressTab(t, ctx) != "#worst-gaps"; links++ {
		if links > 10 {
			t.Fatal("no link to the worst gaps among the first 10")
		}
	}
	do(t, ctx, chromedp.KeyEvent(kb.Enter))
	link := pressTab(t, ctx)
	outline := evaluate[string](t, ctx, `getComputedStyle(document.activeElement).outlineStyle`)
	do(t, ctx, chromedp.KeyEvent(kb.Enter))
	target := evaluate[string](t, ctx, `{
		let row = document.querySelector(":target"), at = row.getBoundingClientRect()
		let head = row.closest(".picture").querySelector(".head").getBoundingClientRect()
		let inView = at.height > 0 && at.top >= head.bottom && at.bottom <= innerHeight
		inView ? "#" + row.id : JSON.stringify([at, head])
	}`)
	if !strings.HasPrefix(link, "#s-") || target != link || outline != "solid" {
		t.Errorf("%d px: the link %q with outline %q leads to %s", width, link, outline, target)
	}
}

func TestPagesShowNamesAsText(t *testing.T) {
	names := []string{
		`<script>document.title = "bad"</script>`,
		`"><img src=x onerror=alert(1)>`,
		`</style></title><script src=//evil.example></script>`,
		"שלום עולם",
		"{{.}} &lt;b&gt;",
		`' onfocus='alert(1)`,
		"مرحبا <b>",
	}
	var all traces
	start := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for i, name := range names {
		all = append(all, []gap.Span{{
			TraceID: gap.TraceID{Low: uint64(i + 1)}, SpanID: 1, Operation: name,
			Start: start, Duration: time.Second / 2, Process: &gap.Process{Service: name},
		}})
	}
	url, ctx := serveSite(t, all), newBrowser(t)
	const foreign = `script, img, iframe, object, link:not([href='data:,']), ` +
		`[onerror], [onfocus], [style], style ~ style`
	for name, path := range pagePaths(all) {
		do(t, ctx, chromedp.Navigate(url+path))
		if n := evaluate[int](t, ctx, `document.querySelectorAll("`+foreign+`").length`); n > 0 {
			t.Errorf("%s: %d elements came from a name", name, n)
		}
	}
	do(t, ctx, chromedp.Navigate(url))
	slices.Sort(names)
	for _, selector := range []string{
		".waterfall .name > b", ".waterfall .name > a", ".gaps th b", ".gaps th span", ".operations th b",
		".operations tbody th span",
	} {
		elements := fmt.Sprintf(`[...document.querySelectorAll(%q)]`, selector)
		got := evaluate[[]string](t, ctx, elements+`.map(e => e.textContent)`)
		slices.Sort(got)
		if !slices.Equal(got, names) {
			t.Errorf("%s: %q, want %q", selector, got, names)
		}
		// Otherwise a name from right to left would reverse the text next to it.
		isolate := `.every(e => getComputedStyle(e).unicodeBidi.startsWith("isolate"))`
		if !evaluate[bool](t, ctx, elements+isolate) {
			t.Errorf("%s: the name's direction is not isolated", selector)
		}
	}
}

func TestPagesWithTenThousandSpans(t *testing.T) {
	for _, shape := range manyspans.Shapes {
		t.Run(shape, func(t *testing.T) {
			url, ctx := serveSite(t, newTraces(t, shape, 10_000, 0)), newBrowser(t)
			do(t, ctx, chromedp.EmulateViewport(1440, 900))
			call(t, ctx, performance.Enable, performance.EnableParams{})
			var loadTimes []float64 // seconds of CPU time
			for range 3 {
				do(t, ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url))
				do(t, ctx, chromedp.Evaluate[chromedp.Void](`document.documentElement.getBoundingClientRect()`))
				loadTimes = append(loadTimes, processTime(t, ctx))
			}
			rows := evaluate[int](t, ctx, `document.querySelectorAll(".waterfall .row").length`)
			elements := evaluate[int](t, ctx, `document.querySelectorAll("*").length`)
			t.Logf("loaded and laid out in %.1f s of CPU time; %d rows, %d elements", loadTimes, rows, elements)
			const limit = 20 // s; four times what it takes on a busy machine
			if slices.Min(loadTimes) > limit || rows != 10_000 {
				t.Errorf("%v s, %d rows, want less than %d s, 10000 rows", loadTimes, rows, limit)
			}

			// The position of a late row depends on rows that have not been laid out.
			late := evaluate[string](t, ctx, `document.querySelectorAll(".waterfall .row")[8765].id`)
			do(t, ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url+"#"+late))
			top := evaluate[float64](t, ctx, `document.querySelector(":target").getBoundingClientRect().top`)
			saveScreenshot(t, ctx, "late-"+shape)
			if top < 0 || top > 850 {
				t.Errorf("row %s is at %v, want it in view", late, top)
			}
		})
	}
}

// processTime returns the CPU time, in seconds, of the process that Chromium has started for the
// page.
func processTime(t *testing.T, ctx context.Context) float64 {
	t.Helper()
	for _, m := range call(t, ctx, performance.GetMetrics, cdp.Empty{}).Metrics {
		if m.Name == "ProcessTime" {
			return m.Value
		}
	}
	t.Fatal("Chromium does not report the CPU time")
	return 0
}
