// Command gaptrace reports where the time of traces goes that nobody waited for: it reads Jaeger's JSON, or asks a Jaeger query service.
//
//	gaptrace report trace.json
//	gaptrace top --service bookshop http://localhost:16686
//
// docs/gaptrace.md has all of it.
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
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/internal/printable"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	os.Exit(run(ctx, stop, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
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

	out      *output   // of a report, which nothing has been opened for yet
	progress *progress // on stderr, not started yet
}

// run is the program: it returns the exit code of the process. When ctx ends it does so at once, whatever is still going on: a pipe may
// block for ever, and a large page takes long. When an interrupted run has left nothing behind, it calls release: from then on a signal may
// end the process, which may hang yet, as nobody might read what it has to say.
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
			err = <-done // the report was there before the signal was
		}
	}
	if ctx.Err() != nil {
		release() // by now at the latest, if the command itself found out first
	}
	s.progress.close()
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

// execute is the command that the arguments ask for.
func (s streams) execute(ctx context.Context, args []string) error {
	printed := &remembering{Writer: s.stdout}
	command := newCommand(s)
	command.SetOut(printed)
	command.SetArgs(args)
	understood := false
	command.PersistentPreRun = func(*cobra.Command, []string) { understood = true }
	err := command.ExecuteContext(ctx)
	switch {
	case printed.err != nil:
		return printed.err
	case err != nil && !understood: // cobra's own words, which repeat what was typed
		return wrongUse{errors.New(mightBeSecret.ReplaceAllString(err.Error(), "(not repeated, as it might have a password)"))}
	}
	return err
}

// remembering is where cobra prints help and the version to: it ignores errors, or takes them for wrong use.
type remembering struct {
	io.Writer
	err error
}

func (r *remembering) Write(p []byte) (int, error) {
	n, err := r.Writer.Write(p)
	r.err = cmp.Or(r.err, err)
	return n, err
}

// mightBeSecret finds what looks like a URL with a user.
var mightBeSecret = regexp.MustCompile(`\S*@\S*`)

// complain writes an error, and of joined ones each, as a line that can do no harm to the terminal.
func complain(w io.Writer, err error) {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "gaptrace: %s\n", printable.Text(strings.TrimSuffix(line, "\n"), 2000))
	}
}
