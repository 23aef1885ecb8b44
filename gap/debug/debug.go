package debug

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
)

// Source is where traces come from. A *tracer.Recorder is one. It is asked by several goroutines at once, and what it returns is read
// after it has returned.
type Source interface {
	Traces() [][]gap.Span            // by when they got their newest span, the last one last
	Trace(id gap.TraceID) []gap.Span // none when it is not there
}

// Handler serves the traces of source; the package comment says what, and who should be let in. It may be mounted anywhere, and
// is to be mounted with a slash at the end. It starts no goroutine.
func Handler(source Source) http.Handler {
	return &handler{source: source, turn: make(chan struct{}, 1)}
}

type handler struct {
	source Source
	turn   chan struct{} // holds one while a request is worked on
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	for key, value := range map[string]string{
		"Content-Security-Policy":      report.HTMLPolicy() + "; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "no-referrer",
		"Cache-Control":                "no-store",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
	} {
		w.Header().Set(key, value)
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		http.Error(w, "malformed query", http.StatusBadRequest)
		return
	}
	switch place := req.URL.Path; place[strings.LastIndex(place, "/")+1:] {
	case "":
		if place == "" && redirect(w, req) { // StripPrefix has taken it all
			return
		}
		h.traces(w, req, query, "html")
	case "profile":
		h.traces(w, req, query, "pprof")
	case "trace":
		h.trace(w, req, query)
	default:
		http.Error(w, "no such page: there are the place itself, trace?id=… and profile", http.StatusNotFound)
	}
}

// redirect adds a slash, which relative links need, to the path that the client sent, whatever a prefix of it was called on the way here.
// It returns false if there is one. The last segment stays as it was sent: decoded, a%2Fb would be two.
func redirect(w http.ResponseWriter, req *http.Request) bool {
	sent, err := url.ParseRequestURI(req.RequestURI)
	if err != nil {
		sent = &url.URL{Path: ".."}
	}
	escaped := sent.EscapedPath()
	last := escaped[strings.LastIndex(escaped, "/")+1:]
	switch name, _ := url.PathUnescape(last); name {
	case "":
		return false
	case ".", "..": // of which clients make something else, encoded or not
		http.Error(w, "the path needs a slash at its end", http.StatusNotFound)
	default:
		w.Header().Set("Location", "./"+last+"/"+question(req.URL.RawQuery))
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
	return true
}

func question(query string) string {
	if query != "" {
		query = "?" + query
	}
	return query
}

// format is a form in which traces are served.
type format struct {
	contentType string
	file        string // the name for who saves it, or "" for what a browser shows
	write       func(w io.Writer, f *found) error
}

var formats = map[string]format{
	"html": {"text/html; charset=utf-8", "", func(w io.Writer, f *found) error { return f.report.HTML(w, f.page) }},
	"json": {"application/json", "", func(w io.Writer, f *found) error { return f.report.JSON(w) }},
	"text": {"text/plain; charset=utf-8", "", func(w io.Writer, f *found) error { return f.report.Text(w, report.TextOptions{}) }},
	"perfetto": {"application/json", "gaps.perfetto.json", func(w io.Writer, f *found) error {
		return f.report.Perfetto(w)
	}},
	"pprof": {"application/octet-stream", "gaps.pb.gz", func(w io.Writer, f *found) error { return f.stacks.Profile().Write(w) }},
}

// formatOf is the format that is asked for. If there is none of that name it has answered, and returns false.
func formatOf(w http.ResponseWriter, query url.Values, usual string) (name string, ok bool) {
	name = usual
	if query.Has("format") {
		name = query.Get("format")
	}
	if _, ok = formats[name]; !ok {
		var names []string
		for name := range formats {
			names = append(names, name)
		}
		slices.Sort(names)
		http.Error(w, fmt.Sprintf("unknown format: want one of %s", strings.Join(names, ", ")), http.StatusBadRequest)
	}
	return name, ok
}

// serve answers with what find finds. Both finding and rendering are done when it is the request's turn, since each may be most of the
// work. What comes of them is written afterwards, so that nobody waits for a slow client.
func (h *handler) serve(w http.ResponseWriter, req *http.Request, name string, find func() *found) {
	format := formats[name]
	f := &found{}
	var made rendered
	err := h.inTurn(req.Context(), func(ctx context.Context) error {
		f = find()
		if err := ctx.Err(); err != nil || req.Method == http.MethodHead || f.missing != "" && name != "html" {
			return err
		}
		made.ctx = ctx
		return format.write(&made, f)
	})
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // mostly there is nobody to be told
		http.Error(w, "the client did not wait", http.StatusServiceUnavailable)
		return
	case errors.Is(err, errTooLarge):
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	case err != nil:
		http.Error(w, "this cannot be written as "+name, http.StatusInternalServerError)
		return
	case f.missing != "" && name != "html": // programs that ask for another form have no use for a page
		http.Error(w, f.missing, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", format.contentType)
	if format.file != "" {
		w.Header().Set("Content-Disposition", `attachment; filename="`+format.file+`"`)
	}
	if f.missing != "" {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write(made.buffer.Bytes()) // that a client has gone is nothing to tell anyone
}

// inTurn works when it is the request's turn, unless the client has gone before.
func (h *handler) inTurn(ctx context.Context, work func(context.Context) error) error {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }() // even if the source panics
		if err := ctx.Err(); err != nil {
			return err // both had come
		}
		return work(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxRendered is more than what is drawn usually needs. It takes many spans with very long names, or very many operations, to reach it.
const maxRendered = 64 << 20

var errTooLarge = fmt.Errorf("more than %d MiB: ask for fewer traces, or as text or html", maxRendered>>20)

// rendered is an answer that waits for its client. It takes no more when the client has gone, which ends the work.
type rendered struct {
	ctx    context.Context
	buffer bytes.Buffer
}

func (r *rendered) Write(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	if r.buffer.Len()+len(p) > maxRendered {
		return 0, errTooLarge
	}
	return r.buffer.Write(p)
}
