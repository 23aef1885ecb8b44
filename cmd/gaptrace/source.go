package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/internal/terminal"
)

// source is where traces come from.
type source struct {
	name   string // for people
	read   func(ctx context.Context, opts ...jaegerjson.Option) iter.Seq2[[]gap.Span, error]
	client *jaegerjson.Client // nil for a file
	query  jaegerjson.Query
}

// sources are those that the arguments name.
func (o *options) sources(ctx context.Context, args []string, stdin io.Reader) ([]source, error) {
	var all []source
	for _, arg := range args {
		switch scheme, _, ok := strings.Cut(arg, "://"); {
		case isURL(arg):
			s, err := o.asked(ctx, arg)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		case ok:
			return nil, wrong("%s:// is not asked: %w", scheme, errNoURL)
		case arg == "-":
			all = append(all, file("standard input", func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }))
		default:
			all = append(all, file(arg, func() (io.ReadCloser, error) { return openFile(arg) }))
		}
	}
	return all, nil
}

// isInput says whether standard input, of which nothing was said, has anything to read.
func isInput(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	if !ok {
		return stdin != nil
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice == 0 && !terminal.Is(f)
}

func openFile(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil && strings.Contains(name, "@") && strings.Contains(name, ":") {
		return nil, fmt.Errorf("an argument that is not repeated, as it might have a password: %w", err.(*fs.PathError).Err)
	}
	return f, err
}

// file is a source that is read from its beginning to its end, or until the context ends.
func file(name string, open func() (io.ReadCloser, error)) source {
	return source{name: name, read: func(ctx context.Context, opts ...jaegerjson.Option) iter.Seq2[[]gap.Span, error] {
		return func(yield func([]gap.Span, error) bool) {
			// What is read and opened by a goroutine of its own need not end for the program to end: a pipe may stay silent.
			out, in := io.Pipe()
			stop := context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
			defer stop()
			defer out.Close()
			unopened := make(chan error, 1)
			go func() {
				r, err := open()
				if unopened <- err; err != nil {
					in.Close()
					return
				}
				defer r.Close()
				_, err = io.CopyBuffer(struct{ io.Writer }{in}, struct{ io.Reader }{r}, make([]byte, 256<<10))
				in.CloseWithError(err)
			}()
			select {
			case err := <-unopened:
				if err != nil {
					yield(nil, err)
					return
				}
			case <-ctx.Done():
				return
			}
			for spans, err := range jaegerjson.Read(out, slices.Concat(opts, []jaegerjson.Option{jaegerjson.WithName(name)})...) {
				if !yield(spans, err) {
					return
				}
			}
		}
	}}
}

// asked is the source that a query service is.
func (o *options) asked(ctx context.Context, arg string) (source, error) {
	p, err := parsePlace(arg)
	if err != nil {
		return source{}, wrongUse{err}
	}
	client := &jaegerjson.Client{URL: p.base, Raw: o.raw}
	q, ids, err := o.ask(p)
	if errors.Is(err, errNoService) {
		return source{}, wrong("%s: %w%s", p.shown, err, known(ctx, client))
	}
	if err != nil {
		return source{}, err
	}
	s := source{name: p.shown, client: client, query: q}
	s.read = func(ctx context.Context, opts ...jaegerjson.Option) iter.Seq2[[]gap.Span, error] {
		return func(yield func([]gap.Span, error) bool) {
			if o.timeout > 0 {
				var cancel func()
				ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not done in the %v of --timeout", o.timeout))
				defer cancel()
			}
			traces := client.Find(ctx, q, opts...)
			if len(ids) > 0 {
				traces = client.Traces(ctx, ids, opts...)
			}
			for spans, err := range traces {
				if err != nil && errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil {
					err = fmt.Errorf("%w: %w", err, context.Cause(ctx))
				}
				if !yield(spans, err) {
					return
				}
			}
		}
	}
	return s, nil
}

// known lists the services that a query service knows, for an error: "" if it does not answer at once.
func known(ctx context.Context, c *jaegerjson.Client) string {
	ctx, cancel := context.WithTimeout(ctx, patienceForHints)
	defer cancel()
	names, err := c.Services(ctx)
	if err != nil || len(names) == 0 {
		return ""
	}
	return "; it knows " + list(names)
}

// patienceForHints bounds what is asked only to say something helpful.
const patienceForHints = 3 * time.Second
