package query

import (
	"context"
	"iter"
	"net/http"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// Query says which traces a [Server] finds. Not every server needs a Service.
type Query = jaegerjson.Query

// Server is a server that has traces. Its methods yield as a reader does: errors come without
// spans. An answer has at most 1 GiB after decompression, unless [read.WithMaxBytes] sets another
// bound.
type Server interface {
	// Find yields the traces that q asks for.
	Find(ctx context.Context, q Query, opts ...read.Option) iter.Seq2[[]gap.Span, error]

	// Traces yields the traces with these ids. It goes on after one that the server does not have.
	Traces(ctx context.Context, ids []gap.TraceID, opts ...read.Option) iter.Seq2[[]gap.Span, error]

	// Services returns the names of the services that the server knows, sorted.
	Services(ctx context.Context) ([]string, error)
}

// Kind is the kind of a server.
type Kind int

// The kinds.
const (
	Unknown  Kind = iota // it has to be asked
	Jaeger               // by the API of its old UI
	JaegerV3             // by its API v3
	Zipkin
	Tempo
	Debug // a program's /debug/gaps/
)

// String returns a name for messages.
func (k Kind) String() string {
	switch k {
	case Jaeger:
		return "Jaeger"
	case JaegerV3:
		return "Jaeger's API v3"
	case Zipkin:
		return "Zipkin"
	case Tempo:
		return "Tempo"
	case Debug:
		return "a program's /debug/gaps/"
	}
	return "an unknown server"
}

// NeedsService reports whether Find needs Query.Service.
func (k Kind) NeedsService() bool { return k == Jaeger || k == JaegerV3 }

// HasJaegerUI reports whether the server's URL is that of Jaeger's UI.
func (k Kind) HasJaegerUI() bool { return k == Jaeger || k == JaegerV3 }

// Options say how to ask a server.
type Options struct {
	HTTP *http.Client // nil means http.DefaultClient
	Raw  bool         // ask Jaeger for traces as they were reported, see jaegerjson.Client
}

// defaultLimit is how many traces a search finds by default, as in Jaeger. Other servers' defaults
// are lower.
const defaultLimit = 100

// server returns the server of a kind at an address.
func server(kind Kind, a *Address, o Options) Server {
	c := &caller{base: a.Base, user: a.User, http: o.HTTP}
	switch kind {
	case JaegerV3:
		return &jaegerV3{c, o.Raw}
	case Zipkin:
		return &zipkin{c}
	case Tempo:
		return &tempo{c, a.TraceQL}
	case Debug:
		return &debugPage{c, a.Filter}
	}
	u := *a.Base
	u.User = a.User
	return &jaeger{jaegerjson.Client{URL: u.String(), HTTP: o.HTTP, Raw: o.Raw}}
}

// jaeger asks Jaeger by the API of its old UI.
type jaeger struct{ client jaegerjson.Client }

func (j *jaeger) Find(ctx context.Context, q Query, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	return hinted(j.client.Find(ctx, q, opts...))
}

func (j *jaeger) Traces(ctx context.Context, ids []gap.TraceID, opts ...read.Option) iter.Seq2[[]gap.Span, error] {
	return hinted(j.client.Traces(ctx, ids, opts...))
}

func (j *jaeger) Services(ctx context.Context) ([]string, error) {
	names, err := j.client.Services(ctx)
	return names, hint(err)
}
