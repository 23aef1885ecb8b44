package main

import (
	"bufio"
	"cmp"
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
	reportFormats = []string{"text", "json", "html", "perfetto", "pprof", "folded"}
	topFormats    = []string{"text", "json"}
)

// endings of file names tell a format.
var endings = []struct{ ending, format string }{
	{".txt", "text"}, {".json", "json"}, {".html", "html"}, {".pb.gz", "pprof"}, {".folded", "folded"},
}

// formatOf is the format that the name of a file asks for, of those that there are; "" if it asks for none.
func formatOf(name string, formats []string) string {
	for _, e := range endings {
		if strings.HasSuffix(strings.ToLower(filepath.Base(name)), e.ending) && slices.Contains(formats, e.format) {
			return e.format
		}
	}
	return ""
}

// face is what becomes of traces.
type face interface {
	add(t *gap.Trace, warnings []gap.Warning)
	write(out *output, o *options) error
}

// face makes the one that the format needs.
func (o *options) face(sources []source) face {
	switch o.format.value {
	case "pprof", "folded":
		return &stacks{}
	}
	return &whole{report.New(report.Options{Traces: number(o.draw), Gaps: number(o.gaps), AtLeast: o.atLeast}), sources}
}

// whole is a report.
type whole struct {
	*report.Report
	sources []source
}

func (r *whole) add(t *gap.Trace, warnings []gap.Warning) { r.Add(t, warnings) }

func (r *whole) write(out *output, o *options) error {
	b := bufio.NewWriterSize(out, 64<<10)
	var err error
	switch o.format.value {
	case "json":
		err = r.JSON(b)
	case "html":
		err = r.HTML(b, report.HTMLOptions{
			Title: "Gaps of " + r.title(), Jaeger: cmp.Or(o.jaegerUI, r.ui()), Rows: o.rows, Operations: o.operations,
		})
	case "perfetto":
		err = r.Perfetto(b)
	default:
		t := report.TextOptions{
			Width: o.width, Color: o.colors(out.stream(), os.Getenv), ASCII: !terminal.Unicode(os.Getenv),
			Rows: o.rows, Operations: o.operations,
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

// title says what the report is of.
func (r *whole) title() string {
	title := r.sources[0].name
	if r.sources[0].client == nil {
		title = filepath.Base(title)
	}
	if more := len(r.sources) - 1; more > 0 {
		title += fmt.Sprintf(" and %d more", more)
	}
	return title
}

// ui is where all that was read can be looked at, if that is one Jaeger.
func (r *whole) ui() string {
	for _, s := range r.sources {
		if s.client == nil || s.name != r.sources[0].name {
			return ""
		}
	}
	return r.sources[0].name
}

// stacks is a profile.
type stacks struct{ report.Stacks }

func (s *stacks) add(t *gap.Trace, _ []gap.Warning) { s.Add(t) }

func (s *stacks) write(out *output, o *options) error {
	if o.format.value == "pprof" {
		return s.Profile().Write(out)
	}
	b := bufio.NewWriterSize(out, 64<<10)
	if err := s.Folded(b); err != nil {
		return err
	}
	return b.Flush()
}

// number is n as package report takes it: 0, which there means the default, becomes less than 0. That is none or all, as it is for the flag.
func number(n int) int {
	if n == 0 {
		return -1
	}
	return n
}
