package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/query"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/suggest"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

const aboutCommands = `report, explain and top read traces. rollup does what top does for more spans than fit into memory. diff
compares two sets of traces, and check compares traces with budgets. vet finds network clients in the source of a Go program that no wrapper covers, and fix wraps them.

`

const about = `gaptrace reads traces and reports their gaps: the time inside a span that none of its child
spans covers. In a handler's gaps the program worked, or waited for something that is not traced.

Each argument is one of these:
  - a file of spans in Jaeger's JSON, Zipkin's JSON or OTLP, or as Jaeger stores them in Elasticsearch;
    compressed by gzip, zstd, bzip2 or not
  - "-" for standard input, which is also the default if it is a pipe or a file
  - the http:// or https:// URL of Jaeger, Zipkin or Tempo, or of a program's /debug/gaps/
  - the URL of a trace or a search in their UI or API, as the browser shows it

` + exitCodes

const exitCodes = `Exit codes: 0 everything was read and written; 1 something failed, and what could be read is reported;
2 wrong usage; 130 interrupted.`

const reportExamples = `  gaptrace report trace.json
  gaptrace report -o report.html --traces 20 traces.json.gz
  gaptrace report --service bookshop --lookback 1h http://localhost:16686
  gaptrace report http://localhost:16686/trace/4f1c6a3d9be20c77
  gaptrace report --tags db.statement,http.url --by http.route traces.json
  gaptrace report -o self.pb.gz traces.json && go tool pprof -http : self.pb.gz
  curl -s "$URL" | gaptrace report --format json - | jq .operations`

const topExamples = `  gaptrace top traces.json
  gaptrace top --service bookshop --limit 1000 http://localhost:16686
  zcat *.json.gz | gaptrace top --operations 10`

const aboutExplain = `explain says what the program did in each gap, with evidence: it ran on a CPU at page.go:31, waited for
a CPU, for a lock, for a client that no wrapper covers, and so on. It reads this from an execution
trace of the Go runtime. The spans must leave marks in it: create the tracer with
tracer.WithExecutionTrace().

The first argument is one of these:
  - an execution trace, from /debug/pprof/trace, a runtime/trace.FlightRecorder or trace.Start
  - a bundle: a zip of trace.out and spans.json, such as debug.SaveSlow saves of a slow request
  - "-" for standard input, which is also the default if it is a pipe or a file

Further arguments are sources of spans, as for gaptrace report: files, "-", and URLs. Without
--service, a server is asked for the traces in the execution trace. Without a further argument the
spans are those of the bundle, or those of the marks. Traces that are not in the execution trace are
left out.

` + exitCodes

const explainExamples = `  curl -o trace.out 'http://localhost:6060/debug/pprof/trace?seconds=5'
  gaptrace explain trace.out
  gaptrace explain -o report.html --traces 20 trace.out
  gaptrace explain trace.out traces.json
  gaptrace explain trace.out http://localhost:16686
  gaptrace explain -f json bundle.zip | jq .operations`

// options are the values of the flags.
type options struct {
	service, operation string
	traces             traceIDs
	minDuration        time.Duration

	tags     []string
	lookback lookback
	limit    int
	raw      bool
	timeout  time.Duration
	header   []string       // --header as it was given
	headers  []query.Header // after check

	maxBytes   size
	joinWindow int
	skew       skew

	drawsTraces                  bool // false for top, which has only --operations of the next flags
	draw, gaps, operations, rows int
	atLeast                      time.Duration

	explains bool                      // true for explain
	marked   func(n int) []gap.TraceID // traces in the execution trace; nil before it is read

	alsoNeeded    []string // keys of tags that the command needs
	by            tagKey
	show          tagKeys // --tags; only report has the flag
	time          choice  // of stacks; only report has the flag
	format, color choice
	output        string
	width         int
	jaegerUI      string
	stats         bool
}

// The range of --width. Package report draws at least the former. The latter is wider than any
// terminal; each line of a waterfall is as long as the width.
const (
	minWidth = 60
	maxWidth = 10_000
)

// queryFlags apply only to a server.
var queryFlags = []string{"tag", "lookback", "limit", "raw", "timeout", "header"}

func newCommand(s streams) *cobra.Command {
	root := &cobra.Command{
		Use: "gaptrace", Short: "Find the time in traces that no span covers", Long: aboutCommands + about, Version: version(),
		// RunE refuses arguments. Cobra's own error would repeat a URL with its password.
		Args: cobra.ArbitraryArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return unknownCommand(c, args[0])
		},
	}
	root.SetVersionTemplate("gaptrace {{.Version}}\n")
	root.SetIn(s.stdin)
	root.SetErr(s.stderr)
	root.AddCommand(
		subcommand(s, &cobra.Command{
			Use: "report FILE|URL|-...", Short: "Draw the worst traces, and list the worst gaps and operations",
			Long: "report draws the worst traces with their gaps. It lists the worst gaps, and the operations with\n" +
				"the most self time on critical paths.\n\n" + about, Example: reportExamples,
		}, reportFormats, "name a file, a URL, or - for standard input", s.reportArguments),
		subcommand(s, &cobra.Command{
			Use: "explain TRACE.out|BUNDLE.zip|- [FILE|URL|-]...", Short: "Say what the program did in each gap, from an execution trace",
			Long: aboutExplain, Example: explainExamples,
		}, reportFormats, "name an execution trace, a bundle, or - for standard input", s.explain),
		subcommand(s, &cobra.Command{
			Use: "top FILE|URL|-...", Short: "List the operations with the most self time, of any number of traces",
			Long: "top lists the operations with the most self time on critical paths. It keeps no traces: it needs\n" +
				"memory for the largest trace or the last million spans, see --join-window, and a little for each\n" +
				"operation.\n\n" + about,
			Example: topExamples,
		}, topFormats, "name a file, a URL, or - for standard input", s.reportArguments),
	)
	root.AddCommand(s.rollupCommand(), s.diffCommand(), s.checkCommand())
	root.AddCommand(vetCommands(s)...)
	root.AddCommand(s.goCommands()...)
	refuseUnknownShells(root)
	return root
}

// refuseUnknownShells makes gaptrace completion fail for a shell that it has no script for. Cobra's
// command prints its help instead, and the exit code is 0.
func refuseUnknownShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() != "completion" {
			continue
		}
		c.Args = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			var shells []string
			for _, shell := range c.Commands() {
				shells = append(shells, shell.Name())
			}
			return usagef("no completion for %s: shells are %s", quoted(args[0]), strings.Join(shells, ", "))
		}
	}
}

// unknownCommand returns the error for a first argument that is no command.
func unknownCommand(root *cobra.Command, name string) error {
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	if best := suggest.Closest(name, names, 2, strings.ToLower); best != "" {
		return usagef("unknown command %s; did you mean %s?", quoted(name), best)
	}
	return usagef("unknown command %s: commands are report, explain, top, rollup, diff, check, vet, fix, build, run, test, install and weave, as in gaptrace report FILE", quoted(name))
}

// subcommand adds the flags to a command, and what it runs. hint says what to do if it has no
// argument.
func subcommand(
	s streams, c *cobra.Command, formats []string, hint string,
	run func(ctx context.Context, o *options, args []string) error,
) *cobra.Command {
	o := &options{
		drawsTraces: slices.Contains(formats, "perfetto"),
		explains:    c.Name() == "explain",
		format:      choice{value: "text", of: formats},
		color:       choice{value: "auto", of: []string{"auto", "always", "never"}},
		time:        choice{value: "self", of: report.Times()},
	}
	if o.explains {
		o.time.of = append(o.time.of, causes()...)
	}
	o.addFlags(c)
	if o.drawsTraces {
		complete(c, "time", o.time.of...)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(c.Flags().Changed, args); err != nil {
			return err
		}
		if len(args) == 0 {
			if !isInput(s.stdin) {
				return usagef("no input: %s", hint)
			}
			args = []string{"-"}
		}
		return run(c.Context(), o, args)
	}
	return c
}

// complete sets the values that shells offer for a flag.
func complete(c *cobra.Command, flag string, values ...string) {
	fixed := cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	if err := c.RegisterFlagCompletionFunc(flag, fixed); err != nil {
		panic(err) // only if there is no such flag
	}
}

// addFlags defines the flags in the order of the help: which traces, how to read them, what to
// report, how to write it.
func (o *options) addFlags(c *cobra.Command) {
	o.addInputFlags(c)
	o.addReportFlags(c)
}

// addInputFlags defines the flags that say which traces to read, and how.
func (o *options) addInputFlags(c *cobra.Command) {
	o.addSelectionFlags(c, "; Jaeger needs this or --trace")
	o.addQueryFlags(c)
	o.addMaxBytesFlag(c)
	c.Flags().IntVar(&o.joinWindow, "join-window", defaultJoinWindow,
		"hold the last `N` spans to join the parts of a trace; about 400 bytes of memory each")
	o.addSkewFlag(c)
}

// addSelectionFlags defines the flags that select whole traces. hint is the end of the help for
// --service.
func (o *options) addSelectionFlags(c *cobra.Command, hint string) {
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.service, "service", "", "select traces with a span of service `NAME`"+hint)
	f.StringVar(&o.operation, "operation", "", "select traces with a span named `NAME`, of --service if that is set")
	f.Var(&o.traces, "trace", "select the trace with this `ID`; may be repeated")
	f.DurationVar(&o.minDuration, "min-duration", 0, "select traces that took at least this long, such as 250ms")
}

// addQueryFlags defines the flags that say how to ask a server.
func (o *options) addQueryFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&o.tags, "tag", nil, "query traces with a span that has the tag `KEY=VALUE`; may be repeated")
	f.Var(&o.lookback, "lookback", "query traces of the last `DURATION`, such as 30m or 2d (default: 2d)")
	f.IntVar(&o.limit, "limit", 0, "query at most `N` traces (default: 100)")
	f.BoolVar(&o.raw, "raw", false, "query each --trace as it was reported, even if Jaeger is configured to correct clocks")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "give up a query after this time; 0 for never")
	f.StringArrayVarP(&o.header, "header", "H", nil, "send the header `'NAME: VALUE'` to the host of a URL, "+
		"such as 'Authorization: Bearer …'; NAME: @FILE reads the value from a file; may be repeated")
}

func (o *options) addMaxBytesFlag(c *cobra.Command) {
	c.Flags().Var(&o.maxBytes, "max-bytes", "read at most `SIZE` of each input, decompressed, such as 512MiB or 2GB; "+
		"0 for no limit (default: 1GiB of a query, all of a file)")
}

func (o *options) addSkewFlag(c *cobra.Command) {
	o.skew = skew(gap.DefaultMaxSkew)
	c.Flags().Var(&o.skew, "skew", "correct the clocks of processes by at most `DURATION`, such as 5ms, or not at all (off)")
	complete(c, "skew", "off")
}

// addReportFlags defines the flags that say what to report, and how to write it.
func (o *options) addReportFlags(c *cobra.Command) {
	f := c.Flags()
	o.addOutputFlags(c)
	if o.drawsTraces {
		f.IntVar(&o.draw, "traces", 0, "draw the `N` worst traces; 0 for none (default: 1 in text, else 10)")
		f.IntVar(&o.rows, "rows", 0, "draw `N` rows of each trace; 0 for all (default: 100 in text, 10000 in html)")
		f.IntVar(&o.gaps, "gaps", 20, "list gaps at the `N` worst places; 0 for none")
		f.DurationVar(&o.atLeast, "at-least", 0, "list only places with a gap of at least this length, such as 100us")
	}
	f.IntVar(&o.operations, "operations", 0,
		"list the `N` operations with the most self time on critical paths; 0 for all (default: 20 in text, 100 in html, else all)")
	f.Var(&o.by, "by", "list a row of each operation for each value of the tag `KEY`, such as http.route")
	if o.drawsTraces {
		f.Var(&o.show, "tags", "show the tags with these `KEYS` in waterfalls, such as db.statement,http.url")
		f.Var(&o.time, "time", "`TIME` that folded writes and pprof shows first: "+strings.Join(o.time.of, ", "))
		f.StringVar(&o.jaegerUI, "jaeger-ui", "",
			"link the html page to Jaeger's UI at `URL` (default: the Jaeger that was asked)")
	}
	o.addTextFlags(c)
}

// addOutputFlags defines the flags for the format and the file.
func (o *options) addOutputFlags(c *cobra.Command) {
	f := c.Flags()
	f.VarP(&o.format, "format", "f", "`FORMAT` of the output: "+strings.Join(o.format.of, ", ")+
		"; without it, the ending of -o selects one: "+strings.Join(endingsOf(o.format.of), ", "))
	f.StringVarP(&o.output, "output", "o", "-", "`FILE` to write, replaced only when the output is complete, "+
		"and compressed if its name ends in "+compressed+"; - for standard output")
	complete(c, "format", o.format.of...)
}

// addTextFlags defines the flags for text on a terminal, and --stats.
func (o *options) addTextFlags(c *cobra.Command) {
	f := c.Flags()
	f.IntVar(&o.width, "width", 0,
		fmt.Sprintf("width of text in `COLUMNS`, from %d to %d (default: the terminal's)", minWidth, maxWidth))
	f.Var(&o.color, "color", "`WHEN` to use colors: auto (on a terminal, unless NO_COLOR is set), always or never")
	f.BoolVar(&o.stats, "stats", false, "print to standard error how much was read, how long it took, and peak memory")
	complete(c, "color", o.color.of...)
}

// check refuses invalid values and combinations, and sets the defaults that depend on other flags.
func (o *options) check(given func(flag string) bool, args []string) error {
	if err := o.checkOutput(given("format")); err != nil {
		return err
	}
	if !slices.ContainsFunc(args, isURL) {
		for _, flag := range queryFlags {
			if given(flag) {
				return usagef("--%s applies to a server, and no argument is an http:// or https:// URL", flag)
			}
		}
	}
	if given("time") && o.format.value != "pprof" && o.format.value != "folded" {
		return usagef("--time applies to the formats pprof and folded, not to %s", o.format.value)
	}
	if given("tags") && o.format.value != "text" && o.format.value != "html" {
		return usagef("--tags applies to the formats text and html, not to %s", o.format.value)
	}
	if given("by") && !slices.Contains([]string{"text", "html", "json", "rows", "partial"}, o.format.value) {
		return usagef("--by applies to the formats text, html and json, not to %s", o.format.value)
	}
	if err := o.checkRanges(); err != nil {
		return err
	}
	for _, text := range o.header {
		h, err := query.ParseHeader(text)
		if err != nil {
			return usagef("invalid value for --header: %w", err)
		}
		o.headers = append(o.headers, h)
	}
	for _, tag := range o.tags {
		if key, _, ok := strings.Cut(tag, "="); !ok || key == "" {
			return usagef("invalid value %q for --tag: want KEY=VALUE", tag)
		}
	}
	if given("rows") {
		o.rows = explicitZero(o.rows)
	}
	if given("operations") {
		o.operations = explicitZero(o.operations)
	}
	if o.drawsTraces && !given("traces") {
		o.draw = 10
		if o.format.value == "text" {
			o.draw = 1
		}
	}
	var err error
	o.jaegerUI, err = withoutUser(o.jaegerUI)
	if err == nil { // HTML validates the URL: an empty page fails now, the page of the input only at the end
		err = report.New(report.Options{}).HTML(io.Discard, report.HTMLOptions{Jaeger: o.jaegerUI})
	}
	if err != nil {
		return usagef("invalid value for --jaeger-ui: " +
			"want http:// or https:// with a host and perhaps a path, and nothing else")
	}
	return nil
}

// checkRanges refuses numbers out of range, in the order of the help.
func (o *options) checkRanges() error {
	for _, flag := range []struct {
		name     string
		negative bool
		value    any
	}{
		{"min-duration", o.minDuration < 0, o.minDuration},
		{"limit", o.limit < 0, o.limit},
		{"timeout", o.timeout < 0, o.timeout},
		{"join-window", o.joinWindow < 0, o.joinWindow},
		{"traces", o.draw < 0, o.draw},
		{"rows", o.rows < 0, o.rows},
		{"gaps", o.gaps < 0, o.gaps},
		{"at-least", o.atLeast < 0, o.atLeast},
		{"operations", o.operations < 0, o.operations},
		{"width", o.width < 0, o.width},
	} {
		if flag.negative {
			return usagef("invalid value %v for --%s: want 0 or more", flag.value, flag.name)
		}
	}
	if o.width != 0 && (o.width < minWidth || o.width > maxWidth) {
		return usagef("invalid value %d for --width: want %d to %d, or 0 for the terminal's", o.width, minWidth, maxWidth)
	}
	return nil
}

// buildOptions returns the options for package gap.
func (o *options) buildOptions() []gap.Option {
	return []gap.Option{gap.WithMaxSkew(o.maxSkew())}
}

// maxSkew returns the argument for gap.WithMaxSkew.
func (o *options) maxSkew() time.Duration {
	if o.skew == 0 {
		return -1 // off
	}
	return time.Duration(o.skew)
}

// tagKeys returns the keys of the tags that the report needs.
func (o *options) tagKeys() []string {
	keys := slices.Concat(o.show, o.alsoNeeded)
	if o.by != "" {
		keys = append(keys, string(o.by))
	}
	return keys
}

// version describes the build: version, Go release, platform, and the revision of a development
// build.
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

// colors reports whether text on w has colors.
func (o *options) colors(w any, getenv func(string) string) bool {
	switch o.color.value {
	case "always":
		return true
	case "never":
		return false
	}
	return terminal.Colors(w, getenv)
}
