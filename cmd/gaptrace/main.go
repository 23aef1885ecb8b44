// Command gaptrace reports where the time of traces goes that nobody waited for: it reads Jaeger's JSON, or asks a Jaeger query service.
//
//	gaptrace report trace.json
//	gaptrace top --service bookshop http://localhost:16686
//
// docs/gaptrace.md has all of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/internal/printable"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes, which the help explains.
const (
	exitFailure     = 1
	exitWrongUse    = 2
	exitInterrupted = 130
)

// wrongUse is an error of who typed the command.
type wrongUse struct{ error }

func wrong(format string, args ...any) error { return wrongUse{fmt.Errorf(format, args...)} }

// streams are what the program is connected to.
type streams struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

// run is the program: it returns the exit code of the process.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	command := newCommand(streams{stdin, stdout, stderr})
	command.SetArgs(args)
	understood := false
	command.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	err := command.ExecuteContext(ctx)
	if err != nil && !understood { // cobra's own words, which repeat what was typed
		err = wrongUse{errors.New(mightBeSecret.ReplaceAllString(err.Error(), "(not repeated, as it might have a password)"))}
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		complain(stderr, errors.New("interrupted"))
		return exitInterrupted
	}
	complain(stderr, err)
	if _, misused := errors.AsType[wrongUse](err); misused {
		fmt.Fprintln(stderr, "Run it with -h for help.")
		return exitWrongUse
	}
	return exitFailure
}

// mightBeSecret finds what looks like a URL with a user.
var mightBeSecret = regexp.MustCompile(`\S*@\S*`)

// complain writes an error, and of joined ones each, as a line that can do no harm to the terminal.
func complain(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "gaptrace: %s\n", printable.Text(strings.TrimSuffix(line, "\n"), 2000))
	}
}
