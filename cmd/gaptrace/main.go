// Command gaptrace reports the gaps of traces: the time inside a span that none of its child spans
// covers. It reads Jaeger's JSON, spans from Elasticsearch, Zipkin's JSON and OTLP from files and
// pipes, or asks Jaeger, Zipkin, Tempo, or a program's /debug/gaps/. It says what the program did
// in the gaps, if it also gets an execution trace of the Go runtime.
//
//	gaptrace report trace.json
//	gaptrace top --service bookshop http://localhost:16686
//	gaptrace explain trace.out
//
// It also finds the network clients of a Go program that no wrapper covers, and wraps them:
//
//	gaptrace vet ./...
//	gaptrace fix ./...
//
// The go command can run it as a vet tool: go vet -vettool=$(which gaptrace).
//
// See docs/gaptrace.md for everything it can do.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/weaver"
	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/vet/driver"
)

func main() {
	if driver.IsVetTool(os.Args[1:]) {
		driver.VetTool()
	}
	ctx, stop := signal.NotifyContext(context.Background(), weaver.Interrupts()...)
	os.Exit(run(ctx, stop, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes. The help explains them.
const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// usageError is an error in the command line. The process exits with exitUsage.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// streams are the program's standard streams, with the report and the progress line on them.
type streams struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	out      *output   // of the report, to stdout or a file
	progress *progress // on stderr
}

// run is the program. It returns the exit code.
//
// If a signal ends ctx, run returns at once, even while execute blocks on a pipe or writes a large
// page. It first removes the temporary file, and then calls release, which stops catching signals:
// a second one kills the process, even if printing "interrupted" blocks.
func run(ctx context.Context, release func(), args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := streams{stdin, stdout, stderr, newOutput(ctx, stdout), newProgress(stderr)}
	done := make(chan error, 1)
	go func() { done <- s.execute(ctx, args) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		interrupted := s.out.discard()
		if release(); interrupted {
			err = ctx.Err()
		} else {
			err = <-done // the report was complete before the signal came
		}
	}
	if ctx.Err() != nil {
		release() // in case execute noticed the signal first
	}
	s.progress.close()
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		printError(stderr, errors.New("interrupted"))
		return exitInterrupted
	}
	if e, ok := errors.AsType[exitError](err); ok {
		if e.error != nil {
			printError(stderr, e)
		}
		return e.code
	}
	if code, ok := errors.AsType[weaver.ExitError](err); ok {
		return int(code)
	}
	printError(stderr, err)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(stderr, "Run it with -h for help.")
		return exitUsage
	}
	return exitFailure
}

// execute runs the command that the arguments name.
func (s streams) execute(ctx context.Context, args []string) error {
	help := &errorKeeper{Writer: s.stdout}
	command := newCommand(s)
	command.SetOut(help)
	command.SetArgs(args)
	parsed := false
	command.PersistentPreRun = func(*cobra.Command, []string) { parsed = true }
	err := command.ExecuteContext(ctx)
	switch {
	case help.err != nil:
		return help.err
	case err != nil && !parsed: // cobra's own message, which repeats the argument
		return usageError{errors.New(mayBeSecret.ReplaceAllString(readable(err.Error()), notRepeated))}
	}
	return err
}

// wordings are the ends of errors of Go's library that name its functions, and better ones.
var wordings = []struct{ end, want string }{
	{`strconv\.ParseInt: parsing .*: invalid syntax`, "want a whole number"},
	{`strconv\.ParseInt: parsing .*: value out of range`, "the number is too large"},
	{`strconv\.ParseFloat: parsing .*`, "want a number"},
	{`strconv\.ParseBool: parsing .*: invalid syntax`, "want true or false"},
	{`time: (invalid|unknown unit|missing unit).*`, "want a duration such as 250ms or 2s"},
}

// readable returns an error about a flag without the names of Go's functions.
func readable(text string) string {
	for _, w := range wordings {
		text = regexp.MustCompile(w.end+"$").ReplaceAllString(text, w.want)
	}
	return text
}

// errorKeeper is the writer for help and version. It keeps the first error, because cobra ignores
// write errors or takes them for usage errors.
type errorKeeper struct {
	io.Writer
	err error
}

func (k *errorKeeper) Write(p []byte) (int, error) {
	n, err := k.Writer.Write(p)
	k.err = cmp.Or(k.err, err)
	return n, err
}

// notRepeated takes the place of an argument in a message.
const notRepeated = "(not repeated, it may contain a password)"

// mayBeSecret matches words that look like a URL with a user.
var mayBeSecret = regexp.MustCompile(`\S*@\S*`)

// printError writes each line of err as a message; each of several joined errors has its own line.
// Names in a message come from traces and files, so control characters are replaced.
func printError(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "gaptrace: %s\n", printable.Text(strings.TrimSuffix(line, "\n"), 2000))
	}
}
