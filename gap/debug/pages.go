package debug

import (
	"bytes"
	_ "embed"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"sync"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/page"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// traces serves the traces that the query asks for, all of them if it has no filter.
func (h *handler) traces(w http.ResponseWriter, req *http.Request, query url.Values, defaultFormat string) {
	format, ok := formatOf(w, query, defaultFormat)
	if !ok {
		return
	}
	f, ok := parseFilter(w, query)
	if !ok {
		return
	}
	h.serve(w, req, format, func() *answer {
		a := h.analyse(req.Context(), f, format, false)
		switch {
		case format == "html":
			h.tracesPage(a, f)
		case f.all():
			a.notes = uncoveredCalls()
		}
		return a
	})
}

// trace serves one trace.
func (h *handler) trace(w http.ResponseWriter, req *http.Request, query url.Values) {
	format, ok := formatOf(w, query, "html")
	if !ok {
		return
	}
	if id, ok := parseID(w, query); ok {
		h.serve(w, req, format, func() *answer { return h.analyseTrace(req.Context(), id, false) })
	}
}

// parseID parses the id in the query. If it is malformed, parseID answers and returns false.
func parseID(w http.ResponseWriter, query url.Values) (id gap.TraceID, ok bool) {
	id, err := gap.ParseTraceID(query.Get("id"))
	if err != nil {
		fail(w, http.StatusBadRequest, "malformed id %.100q: want 1 to 32 hexadecimal digits", query.Get("id"))
	}
	return id, err == nil
}

var toAllTraces = page.Link{Text: "All traces", URL: "./"}

// formatLinks links to the other formats of a page.
func formatLinks(path string, query url.Values) []page.Link {
	var links []page.Link
	for _, f := range []struct{ text, format string }{
		{"Text", "text"}, {"JSON", "json"}, {"Jaeger", "jaeger"}, {"Perfetto", "perfetto"}, {"Profile", "pprof"},
	} {
		q := url.Values{"format": {f.format}}
		maps.Copy(q, query)
		links = append(links, page.Link{Text: f.text, URL: withQuery(path, q)})
	}
	return links
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

//go:embed traces.html
var tracesHTML string

var tracesTemplate = sync.OnceValue(func() *template.Template {
	functions := template.FuncMap{"query": lineQuery, "duration": printable.Duration}
	return template.Must(template.New("traces").Funcs(functions).Parse(tracesHTML))
})

// lineQuery returns the URL of the traces that a number in the matrix counts. It begins with ./ to
// leave the page profile?format=html, too.
func lineQuery(l line, bucket string) string {
	q := url.Values{"service": {l.Service}, "operation": {l.Operation}}
	if bucket != "" {
		q.Set("bucket", bucket)
	}
	return "./?" + q.Encode()
}

// The most rows of the tables on a page.
const (
	maxLines  = 100 // operations in the matrix
	maxListed = 100 // traces
)

// tracesPage adds the matrix to the page, or a list of the chosen traces if there is a filter.
func (h *handler) tracesPage(a *answer, f filter) {
	data := struct {
		Buckets    []bucket
		Lines      []line
		More       int
		Listed     bool
		Traces     []entry
		MoreTraces int
		All        int
		Uncovered  []string
	}{
		Buckets: allBuckets(), All: a.all, Listed: !f.all(),
		Lines: a.matrix[:min(len(a.matrix), maxLines)], More: max(len(a.matrix)-maxLines, 0),
		Traces: a.chosen[:min(len(a.chosen), maxListed)], MoreTraces: max(len(a.chosen)-maxListed, 0),
	}
	a.html.Title = "Gaps of recent traces"
	if f.all() {
		data.Uncovered = uncoveredCalls()
	} else {
		a.html.Title = "Traces: " + f.String()
		a.site.Links = []page.Link{toAllTraces}
	}
	if h.explainer != nil {
		a.site.Links = append(a.site.Links, page.Link{Text: "Explain", URL: withQuery("explain", f.query)})
	}
	a.site.Links = append(a.site.Links, formatLinks("./", f.query)...)
	a.site.TraceURL = "trace?id="
	var b bytes.Buffer
	if err := tracesTemplate().Execute(&b, data); err != nil {
		panic(err) // impossible: the template is constant, and a buffer accepts everything
	}
	a.site.Intro = template.HTML(b.String())
}
