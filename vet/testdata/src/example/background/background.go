package background

import (
	"context"
	"database/sql"
	"net/http"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
	"google.golang.org/grpc"
)

// A client as protoc-gen-go-grpc writes it.
type cartClient interface {
	GetCart(ctx context.Context, in *int, opts ...grpc.CallOption) (*int, error)
}

func sinks(ctx context.Context, db *sql.DB, rdb *redis.Client, cart cartClient, es *elasticsearch.Client, typed *elasticsearch.TypedClient) {
	db.QueryContext(context.Background(), "select 1")                        // want `GT302: context.Background\(\) loses the trace of the context in scope; use ctx`
	rdb.Get(context.TODO(), "key")                                           // want `GT302: context.TODO\(\) .*; use ctx`
	http.NewRequestWithContext(context.Background(), "GET", "http://a", nil) // want `GT302: .*; use ctx`
	nethttp.Get(context.Background(), http.DefaultClient, "http://a")        // want `GT302: .*; use ctx`
	cart.GetCart(context.Background(), nil)                                  // want `GT302: .*; use ctx`
	es.Search(es.Search.WithContext(context.Background()))                   // want `GT302: .*; use ctx`
	esapi.IndexRequest{Index: "a"}.Do(context.Background(), es)              // want `GT302: .*; use ctx`
	typed.Search().Index("a").Do(context.Background())                       // want `GT302: .*; use ctx`
}

func notACall(ctx context.Context) {
	use(context.Background())
}

func use(context.Context) {}

func throughVariable(ctx context.Context, db *sql.DB) {
	bg := context.Background() // want `GT302: .*; use ctx`
	db.ExecContext(bg, "delete")
}

func throughDerived(ctx context.Context, db *sql.DB) {
	short, cancel := context.WithTimeout(context.Background(), time.Second) // want `GT302: .*; use ctx`
	defer cancel()
	db.ExecContext(short, "delete")
}

func exec(ctx context.Context, db *sql.DB) { db.ExecContext(ctx, "delete") }

func throughFunction(ctx context.Context, db *sql.DB) {
	exec(context.Background(), db) // want `GT302: .*; use ctx`
}

func noContext(db *sql.DB) { exec(context.Background(), db) }

func ofRequest(r *http.Request, db *sql.DB) {
	exec(context.TODO(), db) // want `GT302: .*; use r.Context\(\)`
}

func fallback(ctx context.Context, db *sql.DB) {
	if ctx == nil {
		ctx = context.Background()
	}
	exec(ctx, db)
}

// merge may return both contexts.
func merge(values, end context.Context) context.Context {
	if values.Err() != nil {
		return end
	}
	return values
}

func two(ctx context.Context, db *sql.DB) {
	exec(merge(ctx, context.Background()), db)
}

func inDefer(ctx context.Context, db *sql.DB) {
	defer exec(context.Background(), db)
	defer func() { exec(context.Background(), db) }()
}

func inClosure(ctx context.Context, db *sql.DB) {
	func() {
		exec(context.Background(), db) // want `GT302: .*; use ctx`
	}()
}

func detached(db *sql.DB) {
	ctx := context.Background()
	exec(ctx, db)
}

func shadowedContext(ctx context.Context, db *sql.DB) {
	if db != nil {
		ctx := context.Background() // want `GT302: .*; use ctx`
		exec(ctx, db)
	}
}

func sameContext(ctx context.Context, db *sql.DB) {
	bg := context.Background() // want `GT302: .*; use ctx`
	exec(merge(bg, bg), db)
}

func same(ctx context.Context) context.Context { return ctx }

// What one call passes to a function does not come out of another call.
func notThroughTheSameFunction(ctx context.Context, db *sql.DB) {
	exec(same(context.Background()), db) // want `GT302: .*; use ctx`
	exec(merge(ctx, same(ctx)), db)
	db.Exec("delete") // want `GT301: .*; use ExecContext`
}

func carriesSpan(ctx context.Context, span opentracing.Span, db *sql.DB) {
	exec(opentracing.ContextWithSpan(context.Background(), span), db)
}

func startsSpan(ctx context.Context, db *sql.DB) {
	_, started := opentracing.StartSpanFromContext(context.Background(), "delete") // want `GT302: .*; use ctx`
	exec(started, db)
}

func ContextWithUser(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, "user", name)
}

func carriesUser(ctx context.Context, db *sql.DB) {
	exec(ContextWithUser(context.Background(), "root"), db) // want `GT302: .*; use ctx`
}

// The result of a function may be a context without a parent.
func rootlessResult(ctx context.Context, db *sql.DB) {
	bg := same(context.Background()) // want `GT302: .*; use ctx`
	db.ExecContext(bg, "delete")
	db.Exec("delete") // want `GT301: .*; use ExecContext`
}

func notFallback(ctx context.Context, db *sql.DB) {
	if ctx != nil {
		exec(context.Background(), db) // want `GT302: .*; use ctx`
	}
}

func goInGo(ctx context.Context, db *sql.DB) {
	go func() { exec(context.Background(), db) }() // want `GT302: .*; use context.WithoutCancel\(ctx\)$`
	go func() { go exec(context.Background(), db) }()
	go func() { defer exec(context.Background(), db) }()
	go func(ctx int) { exec(context.Background(), db) }(1)
}

func goInLiteral(ctx context.Context, db *sql.DB) {
	time.AfterFunc(time.Minute, func() {
		go exec(context.Background(), db) // want `GT302: .*; use context.WithoutCancel\(ctx\)$`
	})
}
