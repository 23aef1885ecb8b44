package debug

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/page"
)

// format is a format in which traces are served.
type format struct {
	contentType string
	file        string // name of the download; "" if browsers show it
	write       func(w io.Writer, a *answer) error
}

var formats = map[string]format{
	"html": {"text/html; charset=utf-8", "", func(w io.Writer, a *answer) error {
		return a.report.HTML(page.Writer{Writer: w, Site: a.site}, a.html)
	}},
	"json": {"application/json", "", func(w io.Writer, a *answer) error {
		return a.report.JSON(w)
	}},
	"text": {"text/plain; charset=utf-8", "", func(w io.Writer, a *answer) error {
		for _, note := range a.notes {
			if _, err := fmt.Fprintf(w, "Note: %s\n", note); err != nil {
				return err
			}
		}
		if len(a.notes) > 0 {
			if _, err := fmt.Fprintln(w); err != nil {
				return err
			}
		}
		return a.report.Text(w, report.TextOptions{})
	}},
	"perfetto": {"application/json", "gaps.perfetto.json", func(w io.Writer, a *answer) error {
		return a.report.Perfetto(w)
	}},
	"jaeger": {"application/json", "traces.jaeger.json", func(w io.Writer, a *answer) error {
		return jaegerjson.Write(w, a.spans...)
	}},
	"pprof": {"application/octet-stream", "gaps.pb.gz", func(w io.Writer, a *answer) error {
		return a.stacks.Profile(w, report.ProfileOptions{})
	}},
}

// formatOf returns the name of the requested format. If it is unknown, formatOf answers and returns
// false.
func formatOf(w http.ResponseWriter, query url.Values, defaultFormat string) (name string, ok bool) {
	name = defaultFormat
	if query.Has("format") {
		name = query.Get("format")
	}
	if _, ok = formats[name]; !ok {
		names := slices.Sorted(maps.Keys(formats))
		fail(w, http.StatusBadRequest, "unknown format %.100q; formats are: %s", name, strings.Join(names, ", "))
	}
	return name, ok
}

// serve analyses and renders one request at a time, since both may take much CPU. It writes the
// answer only when the next request may start, so that no request waits for a slow client.
func (h *handler) serve(w http.ResponseWriter, req *http.Request, name string, analyse func() *answer) {
	format := formats[name]
	a := &answer{}
	out := output{limit: maxOutput}
	err := h.inTurn(req.Context(), func(ctx context.Context) error {
		a = analyse()
		if a.problem != nil && name == "html" {
			a.problem.show(a)
		}
		if err := ctx.Err(); err != nil || req.Method == http.MethodHead || a.problem != nil && name != "html" {
			return err
		}
		out.ctx = ctx
		return format.write(&out, a)
	})
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		fail(w, http.StatusServiceUnavailable, "the client did not wait")
		return
	case errors.Is(err, errTooLarge):
		fail(w, http.StatusInternalServerError, "the answer has %s; ask for fewer traces, or for text or html", err)
		return
	case err != nil:
		fail(w, http.StatusInternalServerError, "the traces cannot be written as %s", name)
		return
	}
	if a.problem != nil && a.problem.retryAfter != "" {
		w.Header().Set("Retry-After", a.problem.retryAfter)
	}
	if a.problem != nil && name != "html" {
		fail(w, a.problem.status, "%s", a.problem.plain())
		return
	}
	w.Header().Set("Content-Type", format.contentType)
	if format.file != "" {
		w.Header().Set("Content-Disposition", `attachment; filename="`+format.file+`"`)
	}
	if a.problem != nil {
		w.WriteHeader(a.problem.status)
	}
	_, _ = w.Write(out.buffer.Bytes()) // fails only if the client is gone
}

// inTurn waits until no other request is worked on, then calls work. It does not call work if the
// client is gone by then.
func (h *handler) inTurn(ctx context.Context, work func(context.Context) error) error {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }() // even if the source panics
		if err := ctx.Err(); err != nil {
			return err // select chooses at random if both were ready
		}
		return work(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxOutput bounds an answer, in bytes. Only very long names or very many operations exceed it.
const maxOutput = 64 << 20

var errTooLarge = fmt.Errorf("more than %d MiB", maxOutput>>20)

// output buffers an answer or a snapshot. Its Write fails after the client is gone, which ends
// rendering.
type output struct {
	ctx    context.Context
	limit  int // bytes
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, err
	}
	if o.buffer.Len()+len(p) > o.limit {
		return 0, errTooLarge
	}
	return o.buffer.Write(p)
}
