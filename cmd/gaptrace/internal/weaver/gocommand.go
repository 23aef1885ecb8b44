package weaver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

// goCommand runs the go command with the prepared overlay, tags and environment.
func (b *weaving) goCommand(ctx context.Context) error {
	overlay, tags := b.args.overlay, b.args.tags
	if len(b.woven) > 0 {
		overlay, tags = b.overlayFile(), strings.TrimPrefix(tags+","+wovenTag, ",")
	}
	cmd := b.newGo(context.WithoutCancel(ctx), b.args.command(b.verb, overlay, tags, b.extra)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = b.Stdin, b.Stdout, b.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	// An interrupt at the terminal also reaches the go command. One from elsewhere may not, so it
	// is passed on.
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
	defer stop()
	ended := make(chan struct{})
	defer close(ended)
	go b.passOn(cmd.Process, ended)
	err := cmd.Wait()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return ExitError(cmp.Or(max(failed.ExitCode(), 0), 1))
	}
	return err
}

// hangup is syscall.SIGHUP, which GOOS=js lacks.
const hangup = syscall.Signal(1)

// Interrupts returns the signals that interrupt a command.
func Interrupts() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(hangup) { // nohup ignores it
		signals = append(signals, hangup)
	}
	return signals
}

// passOn passes further signals after the one that interrupts the command on to the go command,
// until that has ended. The go command ignores all but the first os.Interrupt, which may concern
// only the program that it runs.
func (b *weaving) passOn(to *os.Process, ended <-chan struct{}) {
	for n := 0; ; n++ {
		select {
		case sig := <-b.signals:
			if n > 0 && sig != os.Interrupt {
				_ = to.Signal(sig)
			}
		case <-ended:
			return
		}
	}
}

// goOutput runs the go command, and returns what it prints. The error has what it prints to stderr.
func (b *weaving) goOutput(ctx context.Context, args ...string) ([]byte, error) {
	cmd := b.newGo(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			return nil, err
		}
		return nil, goError{args[0], cmp.Or(strings.TrimSpace(stderr.String()), err.Error())}
	}
	return stdout.Bytes(), nil
}

// goError is what a go command has printed.
type goError struct{ verb, output string }

func (e goError) Error() string { return "go " + e.verb + ": " + e.output }

func (b *weaving) newGo(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.goProgram, args...)
	cmd.Dir = b.args.dir
	cmd.Env = append(os.Environ(), b.goEnv...)
	return cmd
}

// programsEnv is the prefix of variables for package weave/environment, which takes them out of the
// environment of a program that the go command starts. The value is "=" and the value that the
// variable without the prefix has in the program, or "" if it is not set there.
const programsEnv = "GAPTRACE_PROGRAMS_"

// setenv sets a variable for later go commands. Programs that they start get the user's value.
func (b *weaving) setenv(name, value string) {
	users, ok := os.LookupEnv(name)
	if ok {
		users = "=" + users
	}
	b.goEnv = append(b.goEnv, name+"="+value, programsEnv+name+"="+users)
}
