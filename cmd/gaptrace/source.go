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

// source is a file, a pipe or a query service that traces are read from.
type source struct {
	name   string // for messages; without a password
	read   func(ctx context.Context, opts ...jaegerjson.Option) iter.Seq2[[]gap.Span, error]
	client *jaegerjson.Client // nil for a file or a pipe
	query  jaegerjson.Query
}

// sources returns a source for each argument.
func (o *options) sources(ctx context.Context, args []string, stdin io.Reader) ([]source, error) {
	var all []source
	for _, arg := range args {
		switch scheme, _, ok := strings.Cut(arg, "://"); {
		case isURL(arg):
			s, err := o.querySource(ctx, arg)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		case ok:
			return nil, usagef("%s:// is not supported: %w", scheme, errNotJaegerURL)
		case arg == "-":
			open := func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }
			all = append(all, fileSource("standard input", open))
		default:
			all = append(all, fileSource(arg, func() (io.ReadCloser, error) { return openFile(arg) }))
		}
	}
	return all, nil
}

// isInput reports whether stdin is worth reading without "-": not a terminal, and not a device such
// as /dev/null.
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
		// Perhaps a URL without http://, whose password must not be printed.
		return nil, fmt.Errorf("open an argument %s: %w", notRepeated, err.(*fs.PathError).Err)
	}
	return f, err
}

// fileSource returns a source that reads to the end of a file or pipe, or until the context ends.
func fileSource(name string, open func() (io.ReadCloser, error)) source {
	s := source{name: name}
	s.read = func(ctx context.Context, opts ...jaegerjson.Option) iter.Seq2[[]gap.Span, error] {
		return func(yield func([]gap.Span, error) bool) {
			// A goroutine opens and reads, because both may block on a pipe even after ctx ends.
			out, in := io.Pipe()
			stop := context.AfterFunc(ctx, func() { in.CloseWithError(context.Cause(ctx)) })
			defer stop()
			defer out.Close()
			opened := make(chan error, 1)
			go func() {
				r, err := open()
				if opened <- err; err != nil {
					in.Close()
					return
				}
				defer r.Close()
				// Without ReadFrom and WriteTo, io.CopyBuffer uses the large buffer.
				_, err = io.CopyBuffer(struct{ io.Writer }{in}, struct{ io.Reader }{r}, make([]byte, 256<<10))
				in.CloseWithError(err)
			}()
			select {
			case err := <-opened:
				if err != nil {
					yield(nil, err)
					return
				}
			case <-ctx.Done():
				return
			}
			for spans, err := range jaegerjson.Read(out, append(opts, jaegerjson.WithName(name))...) {
				if !yield(spans, err) {
					return
				}
			}
		}
	}
	return s
}

// querySource returns the source for a URL of a query service.
func (o *options) querySource(ctx context.Context, arg string) (source, error) {
	u, err := parseJaegerURL(arg)
	if err != nil {
		return source{}, usageError{err}
	}
	client := &jaegerjson.Client{URL: u.base, Raw: o.raw}
	q, ids, err := o.query(u)
	if errors.Is(err, errNoService) {
		return source{}, usagef("%s: %w%s", u.shown, err, knownServices(ctx, client))
	}
	if err != nil {
		return source{}, err
	}
	s := source{name: u.shown, client: client, query: q}
	s.read = func(ctx context.Context, opts ...jaegerjson.Option) iter.Seq2[[]gap.Span, error] {
		return func(yield func([]gap.Span, error) bool) {
			if o.timeout > 0 {
				var cancel func()
				cause := fmt.Errorf("not finished within --timeout %v", o.timeout)
				ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, cause)
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

// hintTimeout limits requests whose answer only improves an error message.
const hintTimeout = 3 * time.Second

// knownServices returns the end of an error message: the services that a query service knows. It
// returns "" without an answer in time.
func knownServices(ctx context.Context, c *jaegerjson.Client) string {
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	names, err := c.Services(ctx)
	if err != nil || len(names) == 0 {
		return ""
	}
	return "; services are: " + quoteAll(names)
}

// noTracesHint returns the end of an error message: what else to ask a query service for.
func (s source) noTracesHint(ctx context.Context) string {
	if s.client == nil || s.query.Service == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	names, err := s.client.Services(ctx)
	switch {
	case err != nil:
		return ""
	case !slices.Contains(names, s.query.Service):
		return fmt.Sprintf(": unknown service %q%s", s.query.Service, suggestService(s.query.Service, names))
	}
	return fmt.Sprintf(" of service %q; try another --operation or --tag, or a longer --lookback", s.query.Service)
}
