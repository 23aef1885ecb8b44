package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

var (
	reportFormats = []string{"text", "json", "html", "perfetto", "pprof", "folded", "jaeger", "otlp"}
	topFormats    = []string{"text", "json"}
)

// endings are the endings of file names that select a format; the first one counts.
var endings = []struct{ ending, format string }{
	{".jaeger.json", "jaeger"},
	{".otlp.json", "otlp"},
	{".otlp.jsonl", "otlp"},
	{".perfetto.json", "perfetto"},
	{".txt", "text"},
	{".json", "json"},
	{".html", "html"},
	{".pb.gz", "pprof"},
	{".folded", "folded"},
	{".xml", "junit"},
	{".partial", "partial"},
}

// compressed is the ending that any other one may have after it.
const compressed = ".gz"

// formatOf returns which of formats the ending of a file name selects, or "" if the name has no
// ending.
func formatOf(name string, formats []string) (string, error) {
	base := strings.ToLower(filepath.Base(name))
	for _, e := range endings {
		if strings.HasSuffix(base, e.ending) || strings.HasSuffix(base, e.ending+compressed) {
			if slices.Contains(formats, e.format) {
				return e.format, nil
			}
			break
		}
	}
	if ext := filepath.Ext(strings.TrimSuffix(base, compressed)); len(ext) < 2 { // "" or the "." of a folder
		return "", nil
	}
	return "", usagef("no format for the file name %s: endings are %s; --format selects a format for any name",
		quoted(filepath.Base(name)), strings.Join(endingsOf(formats), ", "))
}

// endingsOf returns the endings that select one of formats.
func endingsOf(formats []string) (list []string) {
	for _, e := range endings {
		if slices.Contains(formats, e.format) {
			list = append(list, e.ending)
		}
	}
	return list
}

// checkOutput refuses a file name whose ending would be wrong for what is written, and sets the
// format if no flag has.
func (o *options) checkOutput(formatGiven bool) error {
	if !formatGiven && len(o.format.of) > 0 { // else there is one format
		format, err := formatOf(o.output, o.format.of)
		if err != nil {
			return err
		}
		o.format.value = cmp.Or(format, o.format.value)
	}
	switch ext := strings.ToLower(filepath.Ext(o.output)); ext {
	case ".zst", ".bz2", ".xz", ".zip":
		return usagef("no output is compressed as %s; the ending %s compresses it with gzip", ext, compressed)
	}
	return nil
}

// openOutput opens the file of -o. pprof compresses itself.
func (o *options) openOutput(out *output) error {
	if err := out.open(o.output); err != nil {
		return err
	}
	if out.file != nil && o.format.value != "pprof" && strings.HasSuffix(strings.ToLower(o.output), compressed) {
		out.zip = gzip.NewWriter(out.file)
	}
	return nil
}

// collector collects traces.
type collector interface {
	add(t *gap.Trace, warnings []gap.Warning)
	addSeenAgain() // counts a trace of which another part was added before
}

// renderer collects traces and writes them in one format.
type renderer interface {
	collector
	addNotes(notes []string) (unwritten []string) // returns the notes that the format has no place for
	write(out *output, o *options) error
}

// writesSpans reports whether the format is one of spans, which are written while they are read.
func (o *options) writesSpans() bool { return o.format.value == "jaeger" || o.format.value == "otlp" }

// renderer returns the renderer for the format that was chosen.
func (o *options) renderer(out *output, executionTrace string, sources []source) renderer {
	switch o.format.value {
	case "pprof", "folded":
		return &stackRenderer{}
	case "jaeger", "otlp":
		return newSpansRenderer(o.format.value, out)
	}
	settings := report.Options{
		Traces: explicitZero(o.draw), Gaps: explicitZero(o.gaps), AtLeast: o.atLeast, By: string(o.by),
	}
	title := sourcesTitle(sources)
	if o.explains {
		title = filepath.Base(inputName(executionTrace))
	}
	return &reportRenderer{report.New(settings), o.format.value, title, sources}
}

// reportRenderer writes a report in text, JSON, HTML or Perfetto's format.
type reportRenderer struct {
	*report.Report
	format, title string
	sources       []source
}

func (r *reportRenderer) add(t *gap.Trace, warnings []gap.Warning) { r.Add(t, warnings) }
func (r *reportRenderer) addSeenAgain()                            { r.AddSeenAgain(1) }

func (r *reportRenderer) addNotes(notes []string) (unwritten []string) {
	if r.format == "perfetto" {
		return notes
	}
	r.AddNotes(notes)
	return nil
}

func (r *reportRenderer) write(out *output, o *options) error {
	b := bufio.NewWriterSize(out, 64<<10)
	var err error
	switch o.format.value {
	case "json":
		err = r.JSON(b)
	case "html":
		err = r.HTML(b, report.HTMLOptions{
			Title: "Gaps of " + r.title, Jaeger: cmp.Or(o.jaegerUI, r.jaegerUI()),
			Rows: o.rows, Operations: o.operations, Tags: o.show,
		})
	case "perfetto":
		err = r.Perfetto(b)
	default:
		t := report.TextOptions{
			Width: o.width, Color: o.colors(out.stream(), os.Getenv), ASCII: !terminal.Unicode(os.Getenv),
			Rows: o.rows, Operations: o.operations, Tags: o.show,
		}
		if t.Width == 0 {
			t.Width = terminal.Width(out.stream())
		}
		err = r.Text(b, t)
	}
	if err != nil {
		return err
	}
	return b.Flush()
}

// causes returns the names that causes have in profiles and folded stacks.
func causes() (names []string) {
	for c := range gap.Cause(gap.NumCauses) {
		names = append(names, strings.ReplaceAll(c.String(), " ", "-"))
	}
	return names
}

// sourcesTitle names the sources of a report.
func sourcesTitle(sources []source) string {
	title := sources[0].name
	if sources[0].remote == nil {
		title = filepath.Base(title)
	}
	if more := len(sources) - 1; more > 0 {
		title += fmt.Sprintf(" and %d more", more)
	}
	return title
}

// jaegerUI returns the URL of Jaeger if it is the only source, or "".
func (r *reportRenderer) jaegerUI() string {
	for _, s := range r.sources {
		if s.remote == nil || !s.remote.kind.HasJaegerUI() || s.name != r.sources[0].name {
			return ""
		}
	}
	return r.sources[0].name
}

// stackRenderer writes times by stack.
type stackRenderer struct{ report.Stacks }

func (s *stackRenderer) add(t *gap.Trace, _ []gap.Warning) { s.Add(t) }
func (s *stackRenderer) addSeenAgain()                     { s.AddSeenAgain(1) }

func (s *stackRenderer) addNotes(notes []string) []string { return notes }

func (s *stackRenderer) write(out *output, o *options) error {
	if o.format.value == "pprof" {
		return s.Profile(out, report.ProfileOptions{Time: o.time.value})
	}
	b := bufio.NewWriterSize(out, 64<<10)
	if err := s.Folded(b, report.FoldedOptions{Time: o.time.value}); err != nil {
		return err
	}
	return b.Flush()
}

// explicitZero translates the value of a flag for packages report and jaegerjson. Their options
// take 0 for the default, and a negative number for what 0 means in a flag: none, all or no limit.
func explicitZero[Int int | int64](n Int) Int {
	if n == 0 {
		return -1
	}
	return n
}
