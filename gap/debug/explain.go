package debug

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/page"
	"github.com/gaptrace/gaptrace/internal/printable"
)

// FlightRecorder records the last seconds of the program's execution trace, as a
// *[runtime/trace.FlightRecorder] does. Start it before it is used here.
type FlightRecorder interface {
	Enabled() bool
	WriteTo(w io.Writer) (n int64, err error)
}

// Explainer says what the program did in the gaps of traces, from its execution trace. Package
// github.com/gaptrace/gaptrace/explain has one. It is called by one goroutine at a time.
type Explainer interface {
	// Explain returns the traces in the same order, with explanations. The notes are sentences
	// about what could not be known. An error means that the execution trace could not be read.
	Explain(executionTrace io.Reader, traces []*gap.Trace) (explained []*gap.Trace, notes []string, err error)
}

// WithExplainer adds the page explain. It takes a snapshot of recorder, and e explains the gaps of
// traces from it. The page shows functions, files and lines of the program. WithExplainer panics if
// an argument is nil.
func WithExplainer(recorder FlightRecorder, e Explainer) Option {
	if recorder == nil || e == nil {
		panic("debug: WithExplainer: the recorder or the explainer is nil")
	}
	return func(h *handler) { h.flight, h.explainer = recorder, e }
}

// defaultWindow is how long a flight recorder keeps events by default.
const defaultWindow = 10 * time.Second

// explain serves one trace or those of a window of time, with explanations.
func (h *handler) explain(w http.ResponseWriter, req *http.Request, query url.Values) {
	format, ok := formatOf(w, query, "html")
	if !ok {
		return
	}
	if query.Has("id") {
		if id, ok := parseID(w, query); ok {
			h.serve(w, req, format, func() *answer { return h.analyseTrace(req.Context(), id, true) })
		}
		return
	}
	f, ok := parseFilter(w, query)
	if !ok {
		return
	}
	window := defaultWindow
	if query.Has("window") {
		var err error
		if window, err = time.ParseDuration(query.Get("window")); err != nil || window <= 0 {
			fail(w, http.StatusBadRequest, "malformed window %.100q: want a duration such as 5s", query.Get("window"))
			return
		}
		f.query.Set("window", window.String())
	}
	f.since = time.Now().Add(-window)
	h.serve(w, req, format, func() *answer {
		a := h.analyse(req.Context(), f, format, true)
		if a.problem == nil {
			explainedPage(a, f, window)
		}
		return a
	})
}

// explainAll replaces traces by explained ones, and sets the notes of a, or its problem.
func (h *handler) explainAll(ctx context.Context, a *answer, traces []*gap.Trace) {
	if h.explainer == nil {
		a.problem = &notConfigured
		return
	}
	if !h.flight.Enabled() {
		a.problem = &notRunning
		return
	}
	if len(traces) == 0 {
		return
	}
	snapshot := output{ctx: ctx, limit: maxSnapshot}
	n, err := h.flight.WriteTo(&snapshot)
	switch {
	case ctx.Err() != nil:
		return // serve looks for that, too
	case errors.Is(err, errTooLarge):
		a.problem = &snapshotTooLarge
		return
	case err != nil && !h.flight.Enabled():
		a.problem = &notRunning
		return
	case err != nil && n == 0:
		a.problem = &inUse
		return
	case err != nil:
		a.problem = &problem{
			status: http.StatusInternalServerError, title: "The flight recorder failed", text: printable.Text(err.Error(), 1000),
		}
		return
	}
	explained, notes, err := h.explainer.Explain(reader{ctx, bytes.NewReader(snapshot.buffer.Bytes())}, traces)
	if err == nil && len(explained) != len(traces) {
		err = fmt.Errorf("the explainer returned %d traces for %d", len(explained), len(traces))
	}
	if err != nil {
		a.problem = &problem{
			status: http.StatusInternalServerError, title: "The gaps cannot be explained",
			text: printable.Text(err.Error(), 1000),
		}
		return
	}
	copy(traces, explained)
	for _, note := range notes {
		a.notes = append(a.notes, printable.Text(note, 1000))
	}
}

// reader reads a snapshot. Its Read fails after the client is gone, which ends the explanation.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// maxSnapshot bounds a snapshot, in bytes. A flight recorder keeps 10 MiB unless the program asks
// for more.
const maxSnapshot = 128 << 20

var (
	notConfigured = problem{
		status: http.StatusNotFound, title: "Gaps are not explained here",
		text: "The program must give the handler a flight recorder and an explainer. " +
			"The explainer is in the module github.com/gaptrace/gaptrace/explain.",
		code: []string{
			"flight := trace.NewFlightRecorder(trace.FlightRecorderConfig{}) // package runtime/trace",
			"err := flight.Start()",
			"handler := debug.Handler(recorder, debug.WithExplainer(flight, explain.Explainer{}))",
		},
	}
	notRunning = problem{
		status: http.StatusServiceUnavailable, title: "The flight recorder is not running",
		text: "The program must start the recorder that it gave to debug.WithExplainer.",
		code: []string{"if err := flight.Start(); err != nil {", "\tlog.Print(err)", "}"},
	}
	inUse = problem{
		status: http.StatusServiceUnavailable, title: "The flight recorder is in use",
		text: "Something else takes a snapshot of it at the moment. Try again in a second.", retryAfter: "1",
	}
	snapshotTooLarge = problem{
		status: http.StatusInternalServerError, title: "The snapshot is too large",
		text: fmt.Sprintf("The flight recorder has more than %d MiB. Lower its MaxBytes.", maxSnapshot>>20),
	}
)

//go:embed intro.html
var introHTML string

var introTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("intro").Parse(introHTML))
})

// explainedPage describes the traces of a window.
func explainedPage(a *answer, f filter, window time.Duration) {
	a.html.Title = "Explained gaps of the last " + window.String()
	if !f.all() {
		a.html.Title += ": " + f.String()
	}
	a.site.Links = append([]page.Link{toAllTraces}, formatLinks("explain", f.query)...)
	a.site.TraceURL = "explain?id="
	i := intro{Notes: a.notes}
	if len(a.chosen) == 0 {
		i.Text = "No trace ended in this time. The parameter window=1m asks for a longer one."
	}
	a.site.Intro = i.html()
}

// intro is what comes before the gaps on a page.
type intro struct {
	Text  string
	Code  []string // lines of Go
	Notes []string
}

func (i intro) html() template.HTML {
	var b strings.Builder
	if err := introTemplate().Execute(&b, i); err != nil {
		panic(err) // impossible: the template is constant, and a Builder accepts everything
	}
	return template.HTML(b.String())
}

// problem is an answer without traces.
type problem struct {
	status      int
	title, text string
	code        []string // lines of Go for the program
	retryAfter  string   // the header Retry-After, "" for none
}

// plain returns the problem for programs, which have no use for a page.
func (p *problem) plain() string {
	text := p.title + ". " + p.text
	if len(p.code) > 0 {
		text += "\n\n" + strings.Join(p.code, "\n")
	}
	return text
}

// show puts the problem on the page of a.
func (p *problem) show(a *answer) {
	a.report = report.New(report.Options{})
	a.html.Title = p.title
	a.site = page.Site{Links: []page.Link{toAllTraces}, Intro: intro{Text: p.text, Code: p.code}.html()}
}
