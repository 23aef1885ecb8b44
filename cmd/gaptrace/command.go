package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

const about = `gaptrace reads traces and reports their gaps: the time inside a span that no other span covers, which is the
program's own and so perhaps CPU.

Each argument is a file of traces in Jaeger's JSON, compressed by gzip or not; - for standard input, which is also read
where there is no argument and it is no terminal; or the http:// or https:// URL of a Jaeger query service, or of the
page of a trace or a search in its UI, as the browser shows it.

Exit codes: 0 all was read and written; 1 something failed, or was broken: what was read before is reported all the
same; 2 wrong use; 130 interrupted.`

const reportExamples = `  gaptrace report trace.json
  gaptrace report -o report.html --traces 20 traces.json.gz
  gaptrace report --service bookshop --lookback 1h http://localhost:16686
  gaptrace report http://localhost:16686/trace/4f1c6a3d9be20c77
  gaptrace report -o self.pb.gz traces.json && go tool pprof -http : self.pb.gz
  curl -s "$URL" | gaptrace report --format json - | jq .operations`

const topExamples = `  gaptrace top traces.json
  gaptrace top --service bookshop --limit 1000 http://localhost:16686
  zcat *.json.gz | gaptrace top --operations 10`

// options are what the flags say.
type options struct {
	service, operation string
	traces             traceIDs
	minDuration        time.Duration

	tags     []string
	lookback lookback
	limit    int
	raw      bool
	timeout  time.Duration

	maxBytes size
	skew     skew

	draws                        bool // report does, top does not: then none of the next are flags, but operations
	draw, gaps, operations, rows int
	atLeast                      time.Duration

	format, color choice
	output        string
	width         int
	jaegerUI      string
	stats         bool
}

// maxWidth is more than any terminal has. Each line of a waterfall is so long.
const maxWidth = 10_000

// asks are the flags that only a query service understands.
var asks = []string{"tag", "lookback", "limit", "raw", "timeout"}

func newCommand(s streams) *cobra.Command {
	root := &cobra.Command{
		Use: "gaptrace", Short: "Find the time in traces that nobody waited for", Long: about, Version: version(),
		Args:         cobra.ArbitraryArgs, // told below: cobra's own error would repeat a URL, with the password in it
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return wrong("%s is no command: want report or top before it", quoted(args[0]))
		},
	}
	root.SetVersionTemplate("gaptrace {{.Version}}\n")
	root.SetIn(s.stdin)
	root.SetErr(s.stderr)
	root.AddCommand(
		subcommand(s, &cobra.Command{
			Use: "report FILE|URL|-...", Short: "Draw the worst traces, and list the worst gaps and the operations",
			Long: "report draws the worst traces with their gaps, and lists the worst gaps and the operations whose self time costs most.\n\n" +
				about, Example: reportExamples,
		}, reportFormats),
		subcommand(s, &cobra.Command{
			Use: "top FILE|URL|-...", Short: "List the operations whose self time costs most, of any number of traces",
			Long: "top lists the operations whose self time costs most. It keeps none of the traces: a stream of any length takes the memory\n" +
				"of its largest trace, and some for each operation.\n\n" + about, Example: topExamples,
		}, topFormats),
	)
	return root
}

// subcommand makes report or top of c. What is only of use where traces are drawn is no flag of top.
func subcommand(s streams, c *cobra.Command, formats []string) *cobra.Command {
	draws := slices.Contains(formats, "perfetto")
	o := &options{draws: draws, format: choice{value: "text", of: formats}, color: choice{value: "auto", of: []string{"auto", "always", "never"}}}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.service, "service", "", "traces with a span of `NAME`; a query service needs it, unless --trace is given")
	f.StringVar(&o.operation, "operation", "", "traces with a span called `NAME`, of the --service if that is given")
	f.Var(&o.traces, "trace", "the trace with this `ID`; may be repeated")
	f.DurationVar(&o.minDuration, "min-duration", 0, "traces that took so long from their first span to their last, such as 250ms")
	f.StringArrayVar(&o.tags, "tag", nil, "ask for traces with a span that has this `KEY=VALUE`; may be repeated")
	f.Var(&o.lookback, "lookback", "ask for traces that are at most so old, such as 30m or 2d (Jaeger's own default: 2d)")
	f.IntVar(&o.limit, "limit", 0, "ask for `N` traces at most (Jaeger's own default: 100)")
	f.BoolVar(&o.raw, "raw", false, "ask for each --trace as it was reported, its clocks not corrected by Jaeger")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "the time that a query service has for its answer; 0 for any")
	f.Var(&o.maxBytes, "max-bytes", "read no more than this `SIZE` of each, decompressed: 512MiB, 2GB; 0 for any (default: 1GiB of an answer, any of a file)")
	f.Var(&o.skew, "skew", "correct the clocks of processes by at most `DURATION`: off, jaeger for any, or such as 5ms")
	f.VarP(&o.format, "format", "f", "`FORMAT` of the report: "+strings.Join(formats, ", ")+"; what -o ends in is taken for it")
	f.StringVarP(&o.output, "output", "o", "-", "`FILE` to write to, - for standard output; it is replaced when all is done")
	if draws {
		f.IntVar(&o.draw, "traces", 0, "draw the `N` worst traces, 0 for none (default 1 in text, 10 otherwise)")
		f.IntVar(&o.rows, "rows", 0, "draw `N` rows of each trace, 0 for all (default 100 in text, 10000 in html)")
		f.IntVar(&o.gaps, "gaps", 20, "list the `N` worst gaps, 0 for none")
		f.DurationVar(&o.atLeast, "at-least", 0, "list no gaps that are shorter, such as 100us")
	}
	f.IntVar(&o.operations, "operations", 0, "list the `N` operations that cost most, 0 for all (default 20 in text, 100 in html; formats for programs have all)")
	if draws {
		f.StringVar(&o.jaegerUI, "jaeger-ui", "", "link the page to Jaeger's UI at `URL` (default: the query service that was asked)")
	}
	f.IntVar(&o.width, "width", 0, fmt.Sprintf("`COLUMNS` of text, 60 at least and %d at most (default: those of the terminal)", maxWidth))
	f.Var(&o.color, "color", "`WHEN` to use colours: auto, on a terminal unless NO_COLOR is set; always; never")
	f.BoolVar(&o.stats, "stats", false, "tell on standard error how much was read, how long it took, and the memory it needed")
	for name, values := range map[string][]string{"format": formats, "color": o.color.of, "skew": {"off", "jaeger"}} {
		if err := c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // no flag is called that
		}
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(c.Flags().Changed, args); err != nil {
			return err
		}
		if len(args) == 0 {
			if !isInput(s.stdin) {
				return wrong("want a file, a URL, or - for standard input")
			}
			args = []string{"-"}
		}
		sources, err := o.sources(c.Context(), args, s.stdin)
		if err != nil {
			return err
		}
		return s.report(c.Context(), o, sources)
	}
	return c
}

// check completes what the flags say, and finds what they cannot mean.
func (o *options) check(given func(flag string) bool, args []string) error {
	if !given("format") {
		o.format.value = cmp.Or(formatOf(o.output, o.format.of), o.format.value)
	}
	if !slices.ContainsFunc(args, isURL) {
		for _, flag := range asks {
			if given(flag) {
				return wrong("--%s is for a query service, and there is no http:// or https:// URL", flag)
			}
		}
	}
	for flag, n := range map[string]int{"traces": o.draw, "rows": o.rows, "gaps": o.gaps, "operations": o.operations, "limit": o.limit, "width": o.width} {
		if n < 0 {
			return wrong("invalid value %d for --%s: want 0 or more", n, flag)
		}
	}
	if o.width > maxWidth {
		return wrong("invalid value %d for --width: want %d at most", o.width, maxWidth)
	}
	for flag, d := range map[string]time.Duration{"min-duration": o.minDuration, "timeout": o.timeout, "at-least": o.atLeast} {
		if d < 0 {
			return wrong("invalid value %v for --%s: want 0 or more", d, flag)
		}
	}
	for _, tag := range o.tags {
		if key, _, ok := strings.Cut(tag, "="); !ok || key == "" {
			return wrong("invalid value %q for --tag: want KEY=VALUE", tag)
		}
	}
	if given("rows") {
		o.rows = number(o.rows)
	}
	if given("operations") {
		o.operations = number(o.operations)
	}
	if o.draws && !given("traces") {
		o.draw = 10
		if o.format.value == "text" {
			o.draw = 1
		}
	}
	var err error
	o.jaegerUI, err = withoutUser(o.jaegerUI)
	if err == nil { // a page of nothing finds out what a page of all that is going to be read would refuse
		err = report.New(report.Options{}).HTML(io.Discard, report.HTMLOptions{Jaeger: o.jaegerUI})
	}
	if err != nil {
		return wrong("invalid value for --jaeger-ui: want http:// or https://, a host, perhaps a path, and nothing else")
	}
	return nil
}

// buildOptions are those for package gap.
func (o *options) buildOptions() []gap.Option {
	if o.skew.any() {
		return nil
	}
	return []gap.Option{gap.WithMaxSkew(o.skew.most)}
}

// version is what the program was built from.
func version() string {
	v, revision := "(devel)", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		v = cmp.Or(info.Main.Version, v)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && v == "(devel)" {
				revision = ", revision " + s.Value
			}
		}
	}
	return fmt.Sprintf("%s (%s %s/%s%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH, revision)
}

// colors says whether text has colours on w.
func (o *options) colors(w any, getenv func(string) string) bool {
	switch o.color.value {
	case "always":
		return true
	case "never":
		return false
	}
	return terminal.Colors(w, getenv)
}
