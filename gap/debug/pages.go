package debug

import (
	"bytes"
	_ "embed"
	"html/template"
	"maps"
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
	report *report.Report
	stacks report.Stacks
	page   report.HTMLOptions
	all    int     // traces there are
	chosen []entry // the newest first
	matrix []line  // of all traces, whatever is chosen
}

// The most lines of a table: it is for people.
const (
	maxLines  = 100 // operations in the matrix
	maxListed = 100 // traces
)

// entry is a trace as lists tell of it.
type entry struct {
	ID                 gap.TraceID
	Service, Operation string // of its first root
	Start              time.Time
	Duration           time.Duration // of the root
	Own, Critical      time.Duration
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
		e.Own += n.OwnTime()
		e.Critical += n.CriticalTime()
		e.Incomplete = e.Incomplete || n.Incomplete()
		e.Failed = e.Failed || slices.ContainsFunc(n.Span().Tags, func(f gap.Field) bool {
			return f.Key == "error" && (f.Value == true || f.Value == "true")
		})
	}
	return e
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
	var f *found
	if !h.inTurn(w, req, func() { f = h.find(c, format) }) {
		return
	}
	if format == "html" {
		f.page = tracesPage(f, c)
	}
	answer(w, req, http.StatusOK, format, f)
}

func bandKeys() string {
	var keys []string
	for _, b := range bands {
		keys = append(keys, b.Key)
	}
	return strings.Join(append(keys, failed.Key), ", ")
}

// find analyses the traces.
func (h *handler) find(c choice, format string) *found {
	drawn := 0 // the usual
	if format == "html" || format == "pprof" {
		drawn = -1
	}
	f := &found{report: report.New(report.Options{Traces: drawn})}
	var all []entry
	for _, spans := range slices.Backward(h.source.Traces()) {
		t, warnings := gap.Build(spans)
		if t.Len() == 0 {
			continue
		}
		e := describe(t)
		all = append(all, e)
		if !c.includes(e) {
			continue
		}
		f.chosen = append(f.chosen, e)
		f.report.Add(t, warnings)
		if format == "pprof" {
			f.stacks.Add(t)
		}
	}
	f.all, f.matrix = len(all), matrix(all)
	return f
}

// trace serves one.
func (h *handler) trace(w http.ResponseWriter, req *http.Request, query url.Values) {
	format, ok := formatOf(w, query, "html")
	if !ok {
		return
	}
	id, ok := traceID(query.Get("id"))
	if !ok {
		http.Error(w, "malformed id: want up to 32 hexadecimal digits", http.StatusBadRequest)
		return
	}
	f := &found{report: report.New(report.Options{})}
	var root entry
	if !h.inTurn(w, req, func() {
		t, warnings := gap.Build(h.source.Trace(id))
		f.report.Add(t, warnings)
		f.stacks.Add(t)
		root = describe(t)
	}) {
		return
	}
	back := report.Link{Text: "All traces", URL: "./"}
	if root.Spans == 0 {
		f.page = report.HTMLOptions{
			Title: "Trace " + id.String() + " is not here", Links: []report.Link{back},
			Intro: "<p>It was never recorded, or it is no longer kept: newer traces have taken its place.</p>",
		}
		answer(w, req, http.StatusNotFound, "html", f)
		return
	}
	f.page = report.HTMLOptions{
		Title: strings.TrimPrefix(root.Service+": "+root.Operation, ": "),
		Links: append([]report.Link{back}, forms("trace", url.Values{"id": {id.String()}})...),
	}
	answer(w, req, http.StatusOK, format, f)
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

// lineQuery chooses what a number in the matrix counts.
func lineQuery(l line, band string) string {
	q := url.Values{"service": {l.Service}, "operation": {l.Operation}}
	if band != "" {
		q.Set("band", band)
	}
	return "?" + q.Encode()
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
	o.Links = append(o.Links, forms("", c.query)...)
	var b bytes.Buffer
	if err := tracesTemplate().Execute(&b, data); err != nil {
		panic(err) // the template is ours, and a buffer takes everything
	}
	o.Intro = template.HTML(b.String())
	return o
}
