package debug

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// found is what analysis has to tell.
type found struct {
	report  *report.Report
	stacks  report.Stacks
	page    report.HTMLOptions
	missing string  // why there is no such trace
	all     int     // traces there are
	chosen  []entry // the newest first
	matrix  []line  // of all traces, whatever is chosen
}

// The most lines of a table: it is for people.
const (
	maxLines  = 100 // operations in the matrix
	maxListed = 100 // traces
)

// maxDrawn is how many spans the traces have together that JSON and Perfetto's form tell of in full, if there is more than one.
const maxDrawn = 20_000

// entry is a trace as lists tell of it.
type entry struct {
	ID                 gap.TraceID
	Service, Operation string // of its first root
	Start              time.Time
	Duration           time.Duration // of the root
	Self, Critical     time.Duration
	Spans              int
	Failed             bool // some span of it
	Incomplete         bool // spans are missing
}

// band is a range of durations, or the traces that failed, which are in one of the ranges, too.
type band struct {
	Key, Name string // in the URL, and for people
	least     time.Duration
}

var (
	bands = []band{
		{"0", "under 1 ms", 0},
		{"1ms", "1 to 10 ms", time.Millisecond},
		{"10ms", "10 to 100 ms", 10 * time.Millisecond},
		{"100ms", "0.1 to 1 s", 100 * time.Millisecond},
		{"1s", "1 s and more", time.Second},
	}
	failed = band{Key: "error", Name: "with errors"}
)

// bandOf is the number of the band that a duration is in.
func bandOf(d time.Duration) int {
	for i, b := range slices.Backward(bands) {
		if d >= b.least {
			return i
		}
	}
	return 0
}

// choice says which traces are asked for.
type choice struct {
	query                    url.Values // those of its parameters that choose
	service, operation, band string
}

// choose reads it. The bool is false for a band that is not known.
func choose(query url.Values) (choice, bool) {
	c := choice{query: url.Values{}}
	for key, place := range map[string]*string{"service": &c.service, "operation": &c.operation, "band": &c.band} {
		if query.Has(key) {
			const most = 1000 // more than any name that is shown
			*place = printable.Text(query.Get(key), most)
			c.query.Set(key, *place)
		}
	}
	known := func(b band) bool { return b.Key == c.band }
	return c, c.band == "" || known(failed) || slices.ContainsFunc(bands, known)
}

// includes compares names as they are shown: of what is longer than that nobody should have to send all.
func (c choice) includes(e entry) bool {
	return (!c.query.Has("service") || c.service == e.Service) &&
		(!c.query.Has("operation") || c.operation == e.Operation) &&
		(c.band == "" || c.band == failed.Key && e.Failed || c.band == bands[bandOf(e.Duration)].Key)
}

// String names what was chosen for people.
func (c choice) String() string {
	var words []string
	if c.operation != "" {
		words = append(words, strings.TrimPrefix(c.service+": "+c.operation, ": "))
	} else if c.service != "" {
		words = append(words, c.service)
	}
	for _, b := range append(slices.Clone(bands), failed) {
		if c.band == b.Key {
			words = append(words, b.Name)
		}
	}
	return strings.Join(words, ", ")
}

func describe(t *gap.Trace) entry {
	e := entry{ID: t.ID(), Spans: t.Len()}
	for root := range t.Roots() {
		e.Service, e.Operation = printable.Name(root.Service()), printable.Name(root.Span().Operation)
		e.Start, e.Duration = root.Start(), root.Duration()
		break
	}
	for n := range t.Nodes() {
		e.Self = plus(e.Self, n.SelfTime())
		e.Critical = plus(e.Critical, n.CriticalTime())
		e.Incomplete = e.Incomplete || n.Incomplete()
		e.Failed = e.Failed || slices.ContainsFunc(n.Span().Tags, func(f gap.Field) bool {
			return f.Key == "error" && (f.Value == true || f.Value == "true")
		})
	}
	return e
}

// plus adds what is not negative, and stops at the longest duration: spans may claim any.
func plus(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// traces serves those that are chosen, or all.
func (h *handler) traces(w http.ResponseWriter, req *http.Request, query url.Values, usual string) {
	format, ok := formatOf(w, query, usual)
	if !ok {
		return
	}
	c, ok := choose(query)
	if !ok {
		http.Error(w, "unknown band: want one of "+bandKeys(), http.StatusBadRequest)
		return
	}
	h.serve(w, req, format, func() *found {
		f := h.find(req.Context(), c, format)
		if format == "html" {
			f.page = tracesPage(f, c)
		}
		return f
	})
}

func bandKeys() string {
	var keys []string
	for _, b := range bands {
		keys = append(keys, b.Key)
	}
	return strings.Join(append(keys, failed.Key), ", ")
}

// find analyses the traces, until the client has gone.
func (h *handler) find(ctx context.Context, c choice, format string) *found {
	type built struct {
		trace    *gap.Trace
		warnings []gap.Warning
	}
	f := &found{}
	var all []entry
	var chosen []built
	for _, spans := range slices.Backward(h.source.Traces()) {
		if ctx.Err() != nil {
			break
		}
		t, warnings := gap.Build(spans)
		if t.Len() == 0 {
			continue
		}
		e := describe(t)
		all = append(all, e)
		if c.includes(e) {
			f.chosen = append(f.chosen, e)
			chosen = append(chosen, built{t, warnings})
		}
	}
	f.all, f.matrix = len(all), matrix(all)
	f.report = report.New(report.Options{Traces: drawn(f.chosen, format)})
	for _, b := range chosen {
		f.report.Add(b.trace, b.warnings)
		if format == "pprof" {
			f.stacks.Add(b.trace)
		}
	}
	return f
}

// drawn is how many of the chosen traces, the worst of them, a form tells of in full, as report.Options.Traces says it. Text cuts each to
// what fits on a screen. In other forms every span has its place: there are as many traces as are sure to fit, whichever are the worst.
func drawn(chosen []entry, format string) int {
	const usual, none = 10, -1
	switch format {
	case "html", "pprof": // pages link to the traces, and profiles have all of them
		return none
	case "text":
		return usual
	}
	var sizes []int
	for _, e := range chosen {
		sizes = append(sizes, e.Spans)
	}
	slices.Sort(sizes)
	n, spans := 0, 0
	for _, size := range slices.Backward(sizes) {
		if spans += size; n == usual || spans > maxDrawn {
			break
		}
		n++
	}
	return max(n, 1) // one is what trace?id=… would draw, too
}

// trace serves one.
func (h *handler) trace(w http.ResponseWriter, req *http.Request, query url.Values) {
	format, ok := formatOf(w, query, "html")
	if !ok {
		return
	}
	id, err := gap.ParseTraceID(query.Get("id"))
	if err != nil {
		http.Error(w, "malformed id: want up to 32 hexadecimal digits", http.StatusBadRequest)
		return
	}
	h.serve(w, req, format, func() *found {
		f := &found{report: report.New(report.Options{})}
		t, warnings := gap.Build(h.source.Trace(id))
		back := report.Link{Text: "All traces", URL: "./"}
		if t.Len() == 0 {
			const why = "It was never recorded, or it is no longer kept: newer traces have taken its place."
			title := "Trace " + id.String() + " is not here"
			f.missing = title + ". " + why
			f.page = report.HTMLOptions{Title: title, Links: []report.Link{back}, Intro: "<p>" + why + "</p>"}
			return f
		}
		f.report.Add(t, warnings)
		f.stacks.Add(t)
		root := describe(t)
		f.page = report.HTMLOptions{
			Title: strings.TrimPrefix(root.Service+": "+root.Operation, ": "),
			Links: append([]report.Link{back}, forms("trace", url.Values{"id": {id.String()}})...),
		}
		return f
	})
}

// forms links to what a page shows in other forms.
func forms(place string, query url.Values) []report.Link {
	var links []report.Link
	for _, form := range []report.Link{{Text: "Text", URL: "text"}, {Text: "JSON", URL: "json"}, {Text: "Perfetto", URL: "perfetto"}, {Text: "Profile", URL: "pprof"}} {
		q := url.Values{"format": {form.URL}}
		maps.Copy(q, query)
		links = append(links, report.Link{Text: form.Text, URL: place + "?" + q.Encode()})
	}
	return links
}

// line is one of the matrix: an operation, and how many of its traces are in each band.
type line struct {
	Service, Operation string
	Counts             []int // by band, then those that failed
	All                int
}

// matrix counts traces, operations with many of them first.
func matrix(all []entry) []line {
	type key struct{ service, operation string }
	places := map[key]int{}
	var lines []line
	for _, e := range all {
		k := key{e.Service, e.Operation}
		i, ok := places[k]
		if !ok {
			i = len(lines)
			places[k] = i
			lines = append(lines, line{Service: e.Service, Operation: e.Operation, Counts: make([]int, len(bands)+1)})
		}
		l := &lines[i]
		l.All++
		l.Counts[bandOf(e.Duration)]++
		if e.Failed {
			l.Counts[len(bands)]++
		}
	}
	slices.SortFunc(lines, compareLines)
	return lines
}

func compareLines(a, b line) int {
	if a.All != b.All {
		return b.All - a.All
	}
	if c := strings.Compare(a.Service, b.Service); c != 0 {
		return c
	}
	return strings.Compare(a.Operation, b.Operation)
}

//go:embed traces.html
var tracesHTML string

var tracesTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("traces").Funcs(template.FuncMap{"query": lineQuery, "duration": printable.Duration}).Parse(tracesHTML))
})

// lineQuery chooses what a number in the matrix counts. The page may have been asked for as profile?format=html, of which a mere query
// would ask a profile.
func lineQuery(l line, band string) string {
	q := url.Values{"service": {l.Service}, "operation": {l.Operation}}
	if band != "" {
		q.Set("band", band)
	}
	return "./?" + q.Encode()
}

// tracesPage puts the matrix, or a list of the traces that were chosen, before what the report says of them.
func tracesPage(f *found, c choice) report.HTMLOptions {
	listed := c.query.Has("service") || c.query.Has("operation") || c.band != ""
	data := struct {
		Bands      []band
		Lines      []line
		More       int
		Listed     bool
		Traces     []entry
		MoreTraces int
		All        int
	}{
		Bands: append(slices.Clone(bands), failed), All: f.all, Listed: listed,
		Lines: f.matrix[:min(len(f.matrix), maxLines)], More: max(len(f.matrix)-maxLines, 0),
		Traces: f.chosen[:min(len(f.chosen), maxListed)], MoreTraces: max(len(f.chosen)-maxListed, 0),
	}
	o := report.HTMLOptions{Title: "Gaps of recent traces", Trace: "trace?id="}
	if listed {
		o.Title = "Traces: " + c.String()
		o.Links = []report.Link{{Text: "All traces", URL: "./"}}
	}
	o.Links = append(o.Links, forms("./", c.query)...)
	var b bytes.Buffer
	if err := tracesTemplate().Execute(&b, data); err != nil {
		panic(err) // the template is ours, and a buffer takes everything
	}
	o.Intro = template.HTML(b.String())
	return o
}
