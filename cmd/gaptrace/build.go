package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/weaver"
)

const aboutGo = `%[1]s does what "go %[1]s" does, for a program whose clients are wrapped although its source does not
wrap them. It takes the arguments of "go %[1]s". Source and go.mod stay as they are.

These libraries are wrapped, if the program uses them: net/http, database/sql, go-redis v8, grpc and
go-elasticsearch v8. A client that is also wrapped by hand is recorded by that wrapper, with its
options. Calls without a span in their context are not recorded. If the program sets no global tracer,
one is opened from the JAEGER_* variables.

docs/weave.md says how it works, and what it cannot do.`

const aboutWeaveInit = `init writes the file ` + weaver.PinFile + ` to the current folder. It imports the wrappers that gaptrace
build weaves into the program, so that go.mod requires them. Then each build uses the same versions,
and go mod vendor includes them. The file has a build tag: programs that are not woven do not contain
it.`

// goCommands returns the commands build, run, test, install and weave.
func (s streams) goCommands() (commands []*cobra.Command) {
	for _, verb := range []string{"build", "run", "test", "install"} {
		commands = append(commands, &cobra.Command{
			Use: verb + " [arguments of go " + verb + "]", Short: "Do what go " + verb + " does, with wrappers woven in",
			Long: fmt.Sprintf(aboutGo, verb), DisableFlagParsing: true,
			RunE: func(c *cobra.Command, args []string) error {
				if len(args) > 0 && slices.Contains([]string{"-h", "-help", "--help"}, args[0]) {
					return c.Help()
				}
				return s.weave(c.Context(), func(ctx context.Context, to weaver.Streams) error {
					return weaver.Run(ctx, verb, args, to)
				})
			},
		})
	}
	weave := &cobra.Command{Use: "weave", Short: "Prepare a module for gaptrace build", Args: cobra.NoArgs}
	weave.AddCommand(&cobra.Command{
		Use: "init", Short: "Write " + weaver.PinFile + ", for builds with the same versions of the wrappers", Args: cobra.NoArgs,
		Long: aboutWeaveInit,
		RunE: func(c *cobra.Command, _ []string) error { return s.weave(c.Context(), weaver.Init) },
	})
	return append(commands, weave)
}

// weave calls do, which weaves.
func (s streams) weave(ctx context.Context, do func(ctx context.Context, to weaver.Streams) error) error {
	if err := s.out.commit(); err != nil { // an interrupt waits until do has removed its files
		return err
	}
	err := do(ctx, weaver.Streams{Stdin: s.stdin, Stdout: s.stdout, Stderr: s.stderr})
	if usage, ok := errors.AsType[weaver.UsageError](err); ok {
		return usageError{usage}
	}
	return err
}
