package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/cmd/gaptrace/internal/weaver"
)

const aboutGo = `%[1]s does what "go %[1]s" does, with the same arguments. But it puts wrappers into the libraries of the
program, so the program's source need not wrap its clients. The source and go.mod do not change.

These libraries are wrapped, if the program uses them: net/http, database/sql, go-redis v8, grpc and
go-elasticsearch v8. If a client is also wrapped by hand, only that wrapper records its calls, with its
own options. A client's call is recorded only if its context carries a span. If the program sets no
global tracer, the first span opens one from the JAEGER_* variables.

docs/weave.md describes how it works, and what it does not record.`

const aboutWeaveInit = `init writes the file ` + weaver.PinFile + ` to the current folder. It imports the wrappers that gaptrace
build weaves into the program. After "go get" and "go mod tidy", go.mod requires them. Then each build
uses the same versions, and "go mod vendor" copies them. The file has a build tag, so that only woven
programs contain it.`

// goCommands returns the commands build, run, test, install and weave.
func (s streams) goCommands() (commands []*cobra.Command) {
	for _, verb := range []string{"build", "run", "test", "install"} {
		commands = append(commands, &cobra.Command{
			Use: verb + " [arguments of go " + verb + "]", Short: "Do what go " + verb + " does, with wrappers in the libraries",
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

// weave calls do, which runs the go command.
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
