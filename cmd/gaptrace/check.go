package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/budget"
	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/printable"
)

const aboutCheck = `check compares the times of operations in traces with a file of budgets:

  budgets:
    - operation: HTTP GET /books/{id}
      service: bookshop             # optional
      limits:
        - self p95 < 30ms
        - critical p50 < 5ms
        - share < 20%
    - operation: sql *              # * stands for any text, \* for a *; each match is checked
      optional: true                # not an error if the traces have no such operation
      limits: [duration max < 1s]

A limit is about a percentile, the mean, min or max of one of these: the self time of the operation's
spans (self), the part of it on the critical path (critical), or their duration. share is the operation's
part of the self time of all operations. Percentiles of more than 10,000 spans are those of a sample of
10,000. --write-budget writes a file from traces: what operations take in them, plus 20 %.

Each argument is a file, a URL or "-", as for gaptrace report.

Exit codes: 0 all limits are kept; 1 something failed; 2 wrong usage; 3 a limit is broken, or an operation
is missing; 130 interrupted.`

const checkExamples = `  gaptrace check --write-budget budget.yaml traces.json
  gaptrace check --budget budget.yaml traces.json
  gaptrace check --budget budget.yaml --format github traces.json
  gaptrace check --budget budget.yaml --format junit -o budget.xml traces.json.gz
  gaptrace check --budget budget.yaml --service bookshop --lookback 1h http://localhost:16686`

var checkFormats = []string{"text", "json", "junit", "github"}

// exitBroken is the exit code of check if a budget is broken.
const exitBroken = 3

// checkOptions are the values of the flags that only the command check has.
type checkOptions struct {
	*options
	budget, write string
	force         bool
}

func (s streams) checkCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "check --budget FILE FILE|URL|-...", Short: "Check the times of operations against a file of budgets",
		Long: aboutCheck, Example: checkExamples,
	}
	o := &checkOptions{options: &options{format: choice{value: "text", of: checkFormats}}}
	f := c.Flags()
	f.StringVar(&o.budget, "budget", "", "check the budgets of `FILE`")
	f.StringVar(&o.write, "write-budget", "", "write budgets to `FILE` that the traces keep, instead of checking budgets; - for standard output")
	f.BoolVar(&o.force, "force", false, "let --write-budget replace an existing file")
	o.addInputFlags(c)
	o.addOutputFlags(c)
	f.BoolVar(&o.stats, "stats", false, "print to standard error how much was read, how long it took, and peak memory")
	c.RunE = func(c *cobra.Command, args []string) error {
		given := c.Flags().Changed
		switch {
		case o.budget == "" && o.write == "":
			return usagef("name a file of budgets with --budget, or write one with --write-budget budget.yaml")
		case o.budget != "" && o.write != "":
			return usagef("--budget checks a file and --write-budget writes one: use one of them")
		case o.write != "" && (given("format") || given("output")):
			return usagef("--write-budget writes no report, so --format and --output do not apply")
		case o.force && o.write == "":
			return usagef("--force applies to --write-budget")
		}
		if err := o.check(given, args); err != nil {
			return err
		}
		if len(args) == 0 {
			if !isInput(s.stdin) {
				return usagef("no input: name a file, a URL, or - for standard input")
			}
			args = []string{"-"}
		}
		return s.check(c.Context(), o, args)
	}
	return c
}

// measuresCollector measures traces.
type measuresCollector struct{ *budget.Measures }

func (c measuresCollector) add(t *gap.Trace, _ []gap.Warning) { c.Add(t) }
func (c measuresCollector) addSeenAgain()                     {}

// check runs the command check.
func (s streams) check(ctx context.Context, o *checkOptions, args []string) error {
	began := time.Now()
	sources, err := o.sources(ctx, args, s.stdin)
	if err != nil {
		return err
	}
	var file *budget.File
	if o.write == "" {
		if file, err = readBudget(o.budget); err == nil {
			err = o.openOutput(s.out)
		}
	} else if err = o.checkOverwrite(); err == nil {
		err = s.out.open(o.write)
	}
	if err != nil {
		return err
	}
	defer s.out.discard()
	s.progress.start()
	g := newGatherer(o.options, s.progress)
	measures := budget.NewMeasures(file)
	if err := g.gatherAll(ctx, sources, measuresCollector{measures}); err != nil {
		return err
	}
	read := time.Now()
	if s.out.file == nil {
		s.progress.close() // the result may go to the same terminal
	}
	failed := false
	if file == nil {
		err = s.writeBudget(o, measures)
	} else {
		failed, err = s.writeCheck(o, file, measures, sourcesTitle(sources))
	}
	if err := errors.Join(err, s.out.commit()); err != nil {
		return err
	}
	s.progress.close()
	if o.stats {
		g.stats(s.stderr, read.Sub(began), time.Since(read))
	}
	err = errors.Join(g.errs...)
	if failed {
		return exitError{err, exitBroken}
	}
	return err
}

// checkOverwrite refuses to write over a file, except with --force.
func (o *checkOptions) checkOverwrite() error {
	switch info, err := os.Lstat(o.write); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory; --write-budget needs the name of a file", o.write)
	case !o.force:
		return fmt.Errorf("%s already exists; --force replaces it", o.write)
	}
	return nil
}

func readBudget(name string) (*budget.File, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a directory; --budget needs the name of a file", name)
	}
	f, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, budget.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	return budget.Parse(name, text)
}

func (s streams) writeBudget(o *checkOptions, m *budget.Measures) error {
	proposed := budget.Propose(m)
	n := len(proposed.Budgets)
	if n == 0 {
		return errors.New("no operation with a name has self time in the traces, so there is nothing to limit")
	}
	text, err := proposed.Format()
	if err != nil {
		return err
	}
	traces, _ := m.Count()
	head := fmt.Sprintf("# Written by gaptrace check --write-budget from %d %s: what operations took, plus 20 %%.\n",
		traces, printable.Plural(traces, "trace"))
	if _, err := io.WriteString(s.out, head+string(text)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stderr, "%s: budgets of %d %s\n", o.write, n, printable.Plural(n, "operation"))
	return err
}

// writeCheck writes the results. It reports whether a budget is broken.
func (s streams) writeCheck(
	o *checkOptions, f *budget.File, m *budget.Measures, input string,
) (failed bool, err error) {
	r := budget.Report{File: f.Name, Input: input, Results: budget.Check(f, m)}
	r.Traces, r.Spans = m.Count()
	b := bufio.NewWriterSize(s.out, 64<<10)
	switch o.format.value {
	case "json":
		err = r.JSON(b)
	case "junit":
		err = r.JUnit(b)
	case "github":
		err = r.GitHub(b)
	default:
		err = r.Text(b)
	}
	return r.Failed(), errors.Join(err, b.Flush())
}
