package main

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/gap/rollup"
	"github.com/gaptrace/gaptrace/internal/suggest"
)

const aboutRollup = `rollup lists the operations with the most self time, as top does, for any number of spans. The spans of a
trace may be anywhere in the input. It sorts them within the memory that --memory sets. What does not fit
is written to TMPDIR, about 130 bytes for each span.

With -f partial, it writes a partial result instead, such as that of a day. rollup merge adds up partials.
--from and --to select the traces that begin in a window, so that the partials of all days add up to
that of the whole time.

The steps are commands of their own, for many machines and for sort(1):

  gaptrace rollup spans traces.json | LC_ALL=C sort | gaptrace rollup fold > day.partial
  gaptrace rollup merge *.partial

`

const rollupExamples = `  gaptrace rollup traces-*.json.gz
  gaptrace rollup --memory 4GiB --stats traces-*.json.gz
  gaptrace rollup --from 2026-11-29 --to 2026-11-30 -o 29.partial traces-*.json.gz
  gaptrace rollup merge *.partial`

const aboutSpans = `spans writes a row of text for each span: 32 hexadecimal digits that are the same for all spans of a trace,
a tab, and what analysis needs of the span. Sort the rows by their first column, then give them to
gaptrace rollup fold. To distribute rows, use the first 16 of the digits: a trace ID of 64 bits is the same
as one of 128 bits whose right half it is.

An empty standard input has no rows, and is no error.

` + about

const spansExamples = `  gaptrace rollup spans traces.json | LC_ALL=C sort -S 1G | gaptrace rollup fold > day.partial
  gaptrace rollup spans --by http.route *.json.gz | LC_ALL=C sort | gaptrace rollup fold --by http.route
  zcat part-17.gz | gaptrace rollup spans --from 2026-11-29 --grace 1h`

const aboutFold = `fold reads rows of gaptrace rollup spans, sorted by their first column, from a file or standard input. It
writes one line: the partial result of their traces. gaptrace rollup merge adds up such lines. All rows of
a trace must reach the same fold.

` + exitCodes

const foldExamples = `  LC_ALL=C sort rows.txt | gaptrace rollup fold > day.partial
  gaptrace rollup fold --service bookshop -o day.partial sorted.txt`

const aboutMerge = `merge adds up the partial results in files, or in standard input, and writes what gaptrace top writes for all
their traces. The order of the partials makes no difference. With -f partial, it writes one partial.

Each trace must be in one partial only: merge cannot see that a partial is named twice.

` + exitCodes

const mergeExamples = `  gaptrace rollup merge 2026-11-*.partial
  gaptrace rollup merge -f json 2026-11-*.partial | jq .operations
  gaptrace rollup merge -o november.partial 2026-11-*.partial`

var rollupFormats = []string{"text", "json", "partial"}

// defaultMemory is how much memory rollup takes, unless --memory is set.
const defaultMemory = 512 << 20

// rollupOptions are the values of the flags that only rollup has.
type rollupOptions struct {
	*options
	from, to moment
	grace    time.Duration
	memory   memorySize

	elasticsearch elasticsearchOptions
}

func newRollupOptions(format string, formats ...string) *rollupOptions {
	return &rollupOptions{
		options: &options{
			format: choice{value: format, of: formats},
			color:  choice{value: "auto", of: []string{"auto", "always", "never"}},
		},
		memory: defaultMemory,
	}
}

// rollupCommand returns the command rollup with its subcommands.
func (s streams) rollupCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "rollup FILE|URL|-...", Short: "List the operations with the most self time, of more spans than fit into memory",
		Long: aboutRollup + about, Example: rollupExamples, Args: cobra.ArbitraryArgs,
	}
	o := newRollupOptions("text", rollupFormats...)
	o.addSelectionFlags(c, "; Jaeger needs this or --trace")
	o.addWindowFlags(c)
	o.addQueryFlags(c)
	o.addElasticsearchFlags(c)
	o.addMaxBytesFlag(c)
	c.Flags().Var(&o.memory, "memory", "use about this much `MEMORY`, such as 64MiB or 4GiB, and as much as the largest trace needs")
	o.addSkewFlag(c)
	o.addTableFlags(c)
	o.addByFlag(c, "list a row of each operation for each value of the tag `KEY`, such as http.route")
	o.runs(c, s, "name a file, a URL, or - for standard input", s.rollup)
	c.AddCommand(s.rollupSpansCommand(), s.rollupFoldCommand(), s.rollupMergeCommand())
	return c
}

func (s streams) rollupSpansCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "spans FILE|URL|-...", Short: "Write spans as rows of text, to be sorted",
		Long: aboutSpans, Example: spansExamples,
	}
	o := newRollupOptions("rows")
	f := c.Flags()
	f.SortFlags = false
	o.addWindowFlags(c)
	f.StringVar(&o.service, "service", "", "query traces with a span of service `NAME`; Jaeger needs this or --trace")
	f.StringVar(&o.operation, "operation", "", "query traces with a span named `NAME`")
	f.Var(&o.traces, "trace", "query the trace with this `ID`; may be repeated")
	f.DurationVar(&o.minDuration, "min-duration", 0, "query traces that took at least this long, such as 250ms")
	o.addQueryFlags(c)
	o.addElasticsearchFlags(c)
	o.addMaxBytesFlag(c)
	o.addByFlag(c, "keep the tag `KEY`, for gaptrace rollup fold --by KEY")
	o.addFileFlags(c)
	o.runs(c, s, "name a file, a URL, or - for standard input", s.rollupSpans)
	return c
}

func (s streams) rollupFoldCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "fold [FILE|-]", Short: "Make a partial result of sorted rows",
		Long: aboutFold, Example: foldExamples,
	}
	o := newRollupOptions("partial")
	o.addSelectionFlags(c, "")
	o.addWindowFlags(c)
	o.addSkewFlag(c)
	o.addByFlag(c, "split each operation by the value of the tag `KEY`, which gaptrace rollup spans --by KEY has kept")
	o.addFileFlags(c)
	o.runs(c, s, "name a file of rows, or - for standard input", s.rollupFold)
	return c
}

func (s streams) rollupMergeCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "merge [FILE|-]...", Short: "Add up partial results, and list the operations with the most self time",
		Long: aboutMerge, Example: mergeExamples,
	}
	o := newRollupOptions("text", rollupFormats...)
	c.Flags().SortFlags = false
	o.addTableFlags(c)
	o.runs(c, s, "name a file of partials, or - for standard input", s.rollupMerge)
	return c
}

func (o *rollupOptions) addWindowFlags(c *cobra.Command) {
	f := c.Flags()
	f.Var(&o.from, "from", "select traces that begin at or after this `TIME`, such as 2026-11-29 or 2026-11-29T13:00Z (UTC by default)")
	f.Var(&o.to, "to", "select traces that begin before this `TIME`")
	f.DurationVar(&o.grace, "grace", 0, "ignore spans that start more than this `DURATION` before --from or after --to; "+
		"longer than any trace, such as 1h (default: ignore none)")
}

// addTableFlags defines the flags of commands that list operations.
func (o *rollupOptions) addTableFlags(c *cobra.Command) {
	o.addOutputFlags(c)
	c.Flags().IntVar(&o.operations, "operations", 0,
		"list the `N` operations with the most self time on critical paths; 0 for all (default: 20 in text, else all)")
	o.addTextFlags(c)
}

func (o *rollupOptions) addByFlag(c *cobra.Command, help string) { c.Flags().Var(&o.by, "by", help) }

// addFileFlags defines the flags of commands whose output has one format.
func (o *rollupOptions) addFileFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "-",
		"`FILE` to write, replaced only when the output is complete; - for standard output")
	f.BoolVar(&o.stats, "stats", false, "print to standard error how much was read, and peak memory")
}

// runs sets what the command runs, after its flags have been checked.
func (o *rollupOptions) runs(
	c *cobra.Command, s streams, hint string, run func(ctx context.Context, o *rollupOptions, args []string) error,
) {
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.checkRollup(c, args); err != nil {
			return err
		}
		if len(args) == 0 && o.elasticsearch.url == "" {
			if !isInput(s.stdin) {
				return usagef("no input: %s", hint)
			}
			args = []string{"-"}
		}
		return run(c.Context(), o, args)
	}
}

// checkRollup refuses invalid values and combinations.
func (o *rollupOptions) checkRollup(c *cobra.Command, args []string) error {
	if slices.Contains(args, "") {
		return errEmptyArgument
	}
	given := c.Flags().Changed
	if err := o.checkElasticsearch(given); err != nil {
		return err
	}
	ofServer := func(flag string) bool {
		both := given("elasticsearch") && (flag == "timeout" || flag == "header") // they apply to it, too
		return given(flag) && !both
	}
	if err := o.check(ofServer, args); err != nil {
		return err
	}
	switch bounded := given("from") || given("to"); {
	case given("grace") && !bounded:
		return usagef("--grace applies to --from and --to")
	case given("grace") && o.grace <= 0:
		return usagef("invalid value %v for --grace: want more than 0, and more than any trace takes", o.grace)
	case given("from") && given("to") && !time.Time(o.from).Before(time.Time(o.to)):
		return usagef("--to must be later than --from")
	}
	switch c.Name() {
	case "spans":
		for _, flag := range []string{"service", "operation", "trace", "min-duration"} {
			if given(flag) && !slices.ContainsFunc(args, isURL) {
				return usagef("--%s selects whole traces: use it with gaptrace rollup fold", flag)
			}
		}
	case "fold":
		if len(args) > 1 {
			return usagef("fold reads one input, not %d: merge sorted files with LC_ALL=C sort -m", len(args))
		}
	case "rollup":
		if len(args) > 0 {
			return suggestStep(c, args[0])
		}
	}
	return nil
}

// suggestStep returns an error if an argument is no file, and probably the misspelt name of a
// subcommand.
func suggestStep(c *cobra.Command, arg string) error {
	if _, err := os.Stat(arg); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var names []string
	for _, step := range c.Commands() {
		names = append(names, step.Name())
	}
	if best := suggest.Closest(arg, names, 2, strings.ToLower); best != "" {
		return usagef("no file %s; did you mean gaptrace rollup %s?", quoted(arg), best)
	}
	return nil
}

func (o *rollupOptions) window() rollup.Window {
	return rollup.Window{From: time.Time(o.from), To: time.Time(o.to), Grace: o.grace}
}

// moment is a flag with a point in time.
type moment time.Time

var momentLayouts = []string{
	time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02",
}

func (m *moment) String() string { return "" }
func (m *moment) Type() string   { return "time" }

func (m *moment) Set(s string) error {
	for _, layout := range momentLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			*m = moment(t)
			return nil
		}
	}
	return errors.New("want a time such as 2026-11-29, 2026-11-29T13:00 (UTC) or 2026-11-29T13:00:00+01:00")
}

// memorySize is a flag with the size of the memory to use.
type memorySize int64

const leastMemory = 16 << 20

func (m *memorySize) String() string { return humanize.IBytes(uint64(*m)) }
func (m *memorySize) Type() string   { return "size" }

func (m *memorySize) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n < leastMemory || n > math.MaxInt64 {
		return errors.New("want at least 16MiB, such as 64MiB or 4GiB")
	}
	*m = memorySize(n)
	return nil
}
