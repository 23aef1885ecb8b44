package debug

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/page"
)

// Source is where traces come from, such as a *tracer.Recorder. Its methods must be safe for
// concurrent use, and must not change spans that they have returned.
type Source interface {
	Traces() [][]gap.Span            // the spans of each trace; the trace with the newest span is last
	Trace(id gap.TraceID) []gap.Span // nil if there is no such trace
}

// Handler returns a handler that serves the traces of source, see the package comment. Mount it at
// a path that ends in a slash. It starts no goroutine, and asks source for traces on each request.
func Handler(source Source, opts ...Option) http.Handler {
	h := &handler{source: source, turn: make(chan struct{}, 1)}
	for _, opt := range opts {
		if opt != nil {
			opt(h)
		}
	}
	return h
}

// Option configures a [Handler]. A nil Option is ignored.
type Option func(*handler)

type handler struct {
	source    Source
	turn      chan struct{}  // holds one element while a request is worked on
	flight    FlightRecorder // nil unless explainer is set
	explainer Explainer      // nil for none
	tags      bool           // serve all tags and logs
}

func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	setHeaders(w.Header())
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, "method %.20q is not allowed; use GET or HEAD", req.Method)
		return
	}
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		fail(w, http.StatusBadRequest, "malformed query: %s", err)
		return
	}
	path := req.URL.Path
	switch last := path[strings.LastIndex(path, "/")+1:]; last {
	case "":
		if path == "" && redirect(w, req) { // StripPrefix removed a prefix without a slash
			return
		}
		h.traces(w, req, query, "html")
	case "profile":
		h.traces(w, req, query, "pprof")
	case "trace":
		h.trace(w, req, query)
	case "explain":
		h.explain(w, req, query)
	default:
		pages := "./, trace?id=…, profile"
		if h.explainer != nil {
			pages += ", explain, explain?id=…"
		}
		fail(w, http.StatusNotFound, "no page %.100q; pages are: %s", last, pages)
	}
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", page.Policy()+"; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, format string, args ...any) {
	http.Error(w, "debug: "+fmt.Sprintf(format, args...), status)
}

// redirect adds the slash at the end of the path that relative links need. It returns false if the
// path has the slash already. It uses the path that the client sent, since StripPrefix has removed
// a prefix from that of req. The last segment stays escaped: decoded, a%2Fb would be two segments.
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
	case ".", "..": // clients resolve these, escaped or not, so a redirect would lead elsewhere
		fail(w, http.StatusNotFound, "the path must end in a slash")
	default:
		location := "./" + last + "/"
		if req.URL.RawQuery != "" {
			location += "?" + req.URL.RawQuery
		}
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
	return true
}
