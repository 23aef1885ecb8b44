package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/diff"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

const aboutDiff = `diff compares the traces of two versions of a program, or of two days. For each place of gaps in the
spans of an operation, it reports how the self time changed, and what that costs on the critical path
of a trace. Places without a significant change are left out; with --all, they are marked with ~.

Times are medians with their 95 % confidence intervals. As in benchstat, p is how likely such a
difference is if nothing changed. At most 5 % (--alpha) of the places that are reported as changed
are expected to be wrong. Each trace gives one value to each place. Each side needs at least six
traces; fifty find smaller changes.

BEFORE and AFTER are files, URLs or "-", as for gaptrace report. The other flags apply to both.

Exit codes: 0 both sides were read, whatever changed (gaptrace check has an exit code for a broken
limit); 1 something failed, and what could be read is compared; 2 wrong usage; 130 interrupted.`

const diffExamples = `  gaptrace diff before.json after.json
  gaptrace diff -o diff.html before.json.gz after.json.gz
  gaptrace diff --before monday.json --before tuesday.json --after friday.json
  gaptrace diff --service bookshop old.json 'http://localhost:16686/search?service=bookshop&lookback=1h'
  gaptrace diff -f json before.json after.json | jq '.places[] | select(.kind != "same")'`

var diffFormats = []string{"text", "json", "html"}

// diffOptions are the values of the flags that only the command diff has.
type diffOptions struct {
	*options
	before, after []string
	alpha         float64
	all           bool
}

func (s streams) diffCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "diff BEFORE AFTER", Short: "Show which gaps changed between two sets of traces",
		Long: aboutDiff, Example: diffExamples,
	}
	o := &diffOptions{options: &options{
		format:     choice{value: "text", of: diffFormats},
		color:      choice{value: "auto", of: []string{"auto", "always", "never"}},
		alsoNeeded: diff.TagKeys(),
	}}
	f := c.Flags()
	f.StringArrayVar(&o.before, "before", nil, "read the traces of the first side from `INPUT`, a file or URL; may be repeated; needs --after")
	f.StringArrayVar(&o.after, "after", nil, "read the traces of the second side from `INPUT`; may be repeated; needs --before")
	o.addInputFlags(c)
	f.Float64Var(&o.alpha, "alpha", diff.DefaultAlpha, "expect at most this `PART` of the places that are reported as changed to be wrong")
	f.BoolVar(&o.all, "all", false, "also list places without a significant change, in text and html")
	f.IntVar(&o.rows, "rows", 0, "list at most `N` places, in text and html; 0 for all (default: 20 in text, 200 in html)")
	f.Var(&o.by, "by", "compare each value of the tag `KEY` separately, such as http.route")
	o.addOutputFlags(c)
	o.addTextFlags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.checkSides(args); err != nil {
			return err
		}
		if err := o.check(c.Flags().Changed, slices.Concat(o.before, o.after)); err != nil {
			return err
		}
		return s.diff(c.Context(), o)
	}
	return c
}

// checkSides sets the two sides from the arguments or the flags.
func (o *diffOptions) checkSides(args []string) error {
	flags := len(o.before) + len(o.after)
	switch {
	case len(args) > 0 && flags > 0:
		return usagef("name the traces either as arguments or with --before and --after")
	case len(args) == 2:
		o.before, o.after = args[:1], args[1:]
	case len(args) > 0:
		return usagef("want two arguments, BEFORE and AFTER, not %d; --before and --after may be repeated", len(args))
	case len(o.before) == 0 || len(o.after) == 0:
		return usagef("name the traces of both sides, as in gaptrace diff before.json after.json")
	}
	inputs := slices.Concat(o.before, o.after)
	if first := slices.Index(inputs, "-"); first >= 0 && slices.Contains(inputs[first+1:], "-") {
		return usagef("standard input can be named only once")
	}
	if !(o.alpha > 0 && o.alpha < 1) {
		return usagef("invalid value %v for --alpha: want a number between 0 and 1, such as 0.05", o.alpha)
	}
	return nil
}

// sideCollector collects the traces of one side.
type sideCollector struct{ *diff.Side }

func (c sideCollector) add(t *gap.Trace, _ []gap.Warning) { c.Add(t) }
func (c sideCollector) addSeenAgain()                     { c.AddSeenAgain() }

// diff runs the command diff.
func (s streams) diff(ctx context.Context, o *diffOptions) error {
	began := time.Now()
	var sources [2][]source
	for i, args := range [][]string{o.before, o.after} {
		var err error
		if sources[i], err = o.sources(ctx, args, s.stdin); err != nil {
			return err
		}
	}
	if err := o.openOutput(s.out); err != nil {
		return err
	}
	defer s.out.discard()
	s.progress.start()
	g := newGatherer(o.options, s.progress)
	var sides [2]*diff.Side
	var names [2]string
	for i := range sides {
		sides[i], names[i] = diff.NewSide(string(o.by)), sourcesTitle(sources[i])
		if err := g.gatherAll(ctx, sources[i], sideCollector{sides[i]}); err != nil {
			return err
		}
	}
	read := time.Now()
	if s.progress.setTask("comparing"); s.out.file == nil {
		s.progress.close() // the result may go to the same terminal
	}
	result := diff.Compare(sides[0], sides[1], o.alpha)
	if err := s.writeComparison(o, result, names); err != nil {
		return err
	}
	if err := s.out.commit(); err != nil {
		return err
	}
	s.progress.close()
	if o.stats {
		g.stats(s.stderr, read.Sub(began), time.Since(read))
	}
	return errors.Join(g.errs...)
}

func (s streams) writeComparison(o *diffOptions, d *diff.Diff, names [2]string) error {
	b := bufio.NewWriterSize(s.out, 64<<10)
	var err error
	switch o.format.value {
	case "json":
		err = d.JSON(b, names)
	case "html":
		err = d.HTML(b, diff.HTMLOptions{Names: names, All: o.all, Rows: o.mostRows(200)})
	default:
		t := diff.TextOptions{
			Names: names, Width: o.width, Color: o.colors(s.out.stream(), os.Getenv), ASCII: !terminal.Unicode(os.Getenv),
			All: o.all, Rows: o.mostRows(20),
		}
		if t.Width == 0 {
			t.Width = terminal.Width(s.out.stream())
		}
		err = d.Text(b, t)
	}
	return errors.Join(err, b.Flush())
}

// mostRows returns how many places to list. Package diff takes 0 for all.
func (o *diffOptions) mostRows(byDefault int) int {
	switch {
	case o.rows == 0:
		return byDefault
	case o.rows < 0: // check has set it for an explicit 0
		return 0
	}
	return o.rows
}
