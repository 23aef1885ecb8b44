// Command shop uses every library that gaptrace build weaves. It prints the spans of its requests.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/go-redis/redis/v8"
	"github.com/go-sql-driver/mysql"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/mocktracer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

var tracer = mocktracer.New()

func main() {
	if len(os.Args) > 1 && os.Args[1] == "stacks" {
		printStacks()
		return
	}
	opentracing.SetGlobalTracer(tracer)
	backend := httptest.NewServer(newHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "{}")
	})))
	redisServer := serveRedis()
	s := &shop{
		client: newClient(), backend: backend.URL, db: newDB(), redis: newRedis(&redis.Options{Addr: redisServer}),
		ring: newRing(&redis.RingOptions{Addrs: map[string]string{"shard": redisServer}}),
		grpc: newGRPC(serveGRPC()), es: newES(elasticsearch.Config{Addresses: []string{backend.URL}, DiscoverNodesOnStart: false}),
	}
	if len(os.Args) > 1 && os.Args[1] == "allocations" {
		s.printAllocations()
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/all", newHandler(http.HandlerFunc(s.all)))
	mux.Handle("/checked", check401(newHandler(http.HandlerFunc(s.all))))
	front := httptest.NewServer(mux)
	for _, path := range []string{"/all", "/checked"} {
		resp, err := http.Get(front.URL + path)
		check(err)
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	front.Close()
	backend.Close()
	printTree(front.Listener.Addr().String(), backend.Listener.Addr().String(), s.redis.Options().Addr)
}

// shop has a client of each library.
type shop struct {
	client  *http.Client
	backend string
	db      *sql.DB
	redis   *redis.Client
	ring    *redis.Ring
	grpc    *grpc.ClientConn
	es      *elasticsearch.Client
}

func (s *shop) all(w http.ResponseWriter, req *http.Request) {
	ctx := req.Context()
	s.get(ctx)
	var n int
	check(s.db.QueryRowContext(ctx, "SELECT 1 FROM books").Scan(&n))
	check(s.redis.Set(ctx, "key", "value", 0).Err())
	conn := newConn(ctx, s.redis)
	check(conn.Ping(ctx).Err())
	check(conn.Close())
	check(s.ring.Set(ctx, "key", "value", 0).Err())
	check(s.ring.ForEachShard(ctx, func(ctx context.Context, shard *redis.Client) error { return shard.Ping(ctx).Err() }))
	_, err := grpc_health_v1.NewHealthClient(s.grpc).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	check(err)
	res, err := s.es.Search(s.es.Search.WithContext(ctx), s.es.Search.WithIndex("books"))
	check(err)
	io.Copy(io.Discard, res.Body)
	res.Body.Close()
	// Without a parent, nothing is recorded.
	check(s.redis.Get(context.Background(), "key").Err())
	io.WriteString(w, "done")
}

// check401 is a middleware between the server and a handler.
func check401(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Forbidden") != "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, req)
	})
}

// printAllocations prints how many allocations each call makes, with the servers' own.
func (s *shop) printAllocations() {
	health := grpc_health_v1.NewHealthClient(s.grpc)
	for _, call := range []struct {
		name string
		do   func(ctx context.Context)
	}{
		{"net/http", s.get},
		{"database/sql", func(ctx context.Context) {
			var n int
			check(s.db.QueryRowContext(ctx, "SELECT 1 FROM books").Scan(&n))
		}},
		{"go-redis", func(ctx context.Context) { check(s.redis.Set(ctx, "key", "value", 0).Err()) }},
		{"grpc", func(ctx context.Context) {
			_, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{})
			check(err)
		}},
		{"go-elasticsearch", func(ctx context.Context) {
			res, err := s.es.Search(s.es.Search.WithContext(ctx), s.es.Search.WithIndex("books"))
			check(err)
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}},
	} {
		unrecorded := testing.AllocsPerRun(500, func() { call.do(context.Background()) })
		recorded := testing.AllocsPerRun(500, func() {
			span, ctx := opentracing.StartSpanFromContext(context.Background(), "parent")
			call.do(ctx)
			span.Finish()
			tracer.Reset()
		})
		fmt.Printf("%-17s %4.0f %4.0f\n", call.name, unrecorded, recorded)
	}
}

func (s *shop) get(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.backend+"/books", nil)
	check(err)
	resp, err := s.client.Do(req)
	check(err)
	if resp.Request != req {
		log.Print("the response has another request")
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

func init() {
	sql.Register("fake", fakeDriver{})
	mysql.RegisterDialContext("nowhere", func(context.Context, string) (net.Conn, error) { return nil, io.ErrUnexpectedEOF })
}

// fakeDriver answers each query with one row. Its connections are used by database/sql alone.
type fakeDriver struct{}

func (fakeDriver) Open(string) (driver.Conn, error) { return fakeConn{}, nil }

type fakeConn struct{ driver.Conn }

func (fakeConn) Close() error { return nil }

func (fakeConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &fakeRows{}, nil
}

type fakeRows struct{ done bool }

func (r *fakeRows) Columns() []string { return []string{"n"} }

func (r *fakeRows) Close() error { return nil }

func (r *fakeRows) Next(dest []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done, dest[0] = true, int64(1)
	return nil
}

// serveRedis returns the address of a server that answers every command with OK.
func serveRedis() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				for r := bufio.NewReader(conn); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					var n, size int
					fmt.Sscanf(line, "*%d", &n)
					for range n {
						line, _ = r.ReadString('\n')
						fmt.Sscanf(line, "$%d", &size)
						r.Discard(size + 2)
					}
					io.WriteString(conn, "+OK\r\n")
				}
			}()
		}
	}()
	return l.Addr().String()
}

// serveGRPC returns the address of a server with grpc's health service.
func serveGRPC() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := newGRPCServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(l)
	return l.Addr().String()
}

var dialOptions = []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}

// printTree prints the spans under their parents, in the order they started, without waits.
func printTree(addresses ...string) {
	spans := tracer.FinishedSpans()
	slices.SortStableFunc(spans, func(a, b *mocktracer.MockSpan) int { return a.StartTime.Compare(b.StartTime) })
	var replace []string
	for i, address := range addresses {
		_, port, _ := net.SplitHostPort(address)
		replace = append(replace, port, fmt.Sprintf("PORT%d", i))
	}
	var draw func(parent int, indent string)
	draw = func(parent int, indent string) {
		for _, s := range spans {
			if s.ParentID != parent || strings.HasSuffix(s.OperationName, " wait") || strings.HasSuffix(s.OperationName, " write") {
				continue
			}
			var tags []string
			for key, value := range s.Tags() {
				if !strings.HasPrefix(key, "wait.") && !(key == "peer.port" && s.Tag("span.kind") != "client") {
					tags = append(tags, fmt.Sprintf("%s=%v", key, value))
				}
			}
			slices.Sort(tags)
			line := strings.NewReplacer(replace...).Replace(strings.Join(tags, " "))
			fmt.Printf("%s%s %s\n", indent, s.OperationName, clientPort(line))
			draw(s.SpanContext.SpanID, indent+"  ")
		}
	}
	draw(0, "")
}

// clientPort hides the port of a grpc client.
func clientPort(tags string) string {
	if _, address, ok := strings.Cut(tags, "peer.address=127.0.0.1:"); ok && strings.Contains(tags, "grpc") {
		port, _, _ := strings.Cut(address, " ")
		return strings.Replace(tags, port, "PORT", 1)
	}
	return tags
}

// printStacks prints where functions of woven libraries are, as stack traces show it.
func printStacks() {
	db, err := sql.Open("fake", "")
	check(err)
	db.Close()
	print := func() {
		pcs := make([]uintptr, 50)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
		for {
			frame, more := frames.Next()
			fmt.Println(frame.Function, frame.File, frame.Line)
			if !more {
				return
			}
		}
	}
	client := redis.NewClient(&redis.Options{Dialer: func(context.Context, string, string) (net.Conn, error) {
		print()
		return nil, io.EOF
	}, MaxRetries: -1})
	client.Ping(context.Background())
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }}
	transport.Proxy = func(*http.Request) (*url.URL, error) {
		print()
		return nil, io.EOF
	}
	(&http.Client{Transport: transport}).Get("http://nowhere/")
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
