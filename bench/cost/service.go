package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/contrib/nethttp"
	gapredis "github.com/gaptrace/gaptrace/contrib/redis"
	gapmysql "github.com/gaptrace/gaptrace/contrib/sql/mysql"
	"github.com/gaptrace/gaptrace/tracer"
	"github.com/go-redis/redis/v8"
	"github.com/opentracing/opentracing-go"
)

// backends are the addresses of the servers that the service calls. The environment configures its
// tracer.
type backends struct {
	Redis, MySQL, Elasticsearch, Supplier string

	Wrapped bool // by gaptrace
}

// shop is a service with one page. For each page it calls redis, a database, Elasticsearch and
// another service, in that order.
type shop struct {
	redis    *redis.Client
	db       *sql.DB
	search   *elasticsearch.Client
	client   *http.Client
	supplier string
}

func openShop(b backends) (*shop, error) {
	s := &shop{
		redis:    redis.NewClient(&redis.Options{Addr: b.Redis}),
		client:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
		supplier: b.Supplier,
	}
	dsn := "root@tcp(" + b.MySQL + ")/"
	var err error
	if s.search, err = elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{b.Elasticsearch}, Transport: &http.Transport{MaxIdleConnsPerHost: 100},
	}); err != nil {
		return nil, err
	}
	if !b.Wrapped {
		if s.db, err = sql.Open("mysql", dsn); err != nil {
			return nil, err
		}
	} else {
		if s.db, err = gapmysql.Open(dsn); err != nil {
			return nil, err
		}
		gapredis.Wrap(s.redis)
		gapes.Wrap(s.search)
		s.client = nethttp.WrapClient(s.client)
	}
	s.db.SetMaxIdleConns(100)
	return s, nil
}

// page is the JSON of the page.
type page struct {
	Book    string
	Reviews []string
	Found   int
	Offers  []struct{ Shop, Price string }
}

func (s *shop) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	p, err := s.page(req.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(p) // an error means that the client has gone
}

func (s *shop) page(ctx context.Context) (p page, err error) {
	if p.Book, err = s.redis.Get(ctx, "book:7").Result(); err != nil {
		return p, fmt.Errorf("redis: %w", err)
	}
	rows, err := s.db.QueryContext(ctx, "SELECT 20*0")
	if err != nil {
		return p, fmt.Errorf("mysql: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var review string
		if err := rows.Scan(&review); err != nil {
			return p, err
		}
		p.Reviews = append(p.Reviews, review)
	}
	if err := rows.Err(); err != nil {
		return p, err
	}
	query := strings.NewReader(`{"query":{"match_all":{}}}`)
	res, err := s.search.Search(s.search.Search.WithContext(ctx), s.search.Search.WithBody(query))
	if err != nil {
		return p, fmt.Errorf("elasticsearch: %w", err)
	}
	defer res.Body.Close()
	var found struct {
		Hits struct{ Total struct{ Value int } }
	}
	if err := json.NewDecoder(res.Body).Decode(&found); err != nil {
		return p, err
	}
	p.Found = found.Hits.Total.Value
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, s.supplier+"/offers/7", nil)
	if err != nil {
		return p, err
	}
	offers, err := s.client.Do(ask)
	if err != nil {
		return p, fmt.Errorf("supplier: %w", err)
	}
	defer offers.Body.Close()
	return p, json.NewDecoder(offers.Body).Decode(&p.Offers)
}

// used is what the process of the service has used so far.
type used struct {
	CPU, GC time.Duration
	Bytes   uint64 // allocated
	RSS     int64  // now
}

func usedSoFar() used {
	samples := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	u := used{CPU: clock(), GC: time.Duration(samples[0].Value.Float64() * 1e9), Bytes: samples[1].Value.Uint64()}
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(statm)); len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64)
			u.RSS = pages * int64(os.Getpagesize())
		}
	}
	return u
}

// serveShop is the main function of the service. It reads its configuration, prints its address,
// and serves until stdin ends.
func serveShop(stdin io.Reader, stdout io.Writer) error {
	var b backends
	if err := json.NewDecoder(stdin).Decode(&b); err != nil {
		return err
	}
	s, err := openShop(b)
	if err != nil {
		return err
	}
	var handler http.Handler = s
	if b.Wrapped {
		t, closer, err := tracer.New("bench")
		if err != nil {
			return err
		}
		defer closer.Close()
		opentracing.SetGlobalTracer(t)
		handler = nethttp.WrapHandler(handler)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /books/{id}", handler)
	mux.HandleFunc("GET /used", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(usedSoFar())
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { check(http.Serve(listener, mux)) }()
	fmt.Fprintln(stdout, listener.Addr())
	_, err = io.Copy(io.Discard, stdin)
	return err
}
