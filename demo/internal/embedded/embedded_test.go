package embedded_test

import (
	"database/sql"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/go-redis/redis/v8"
	_ "github.com/go-sql-driver/mysql"
	"go.uber.org/goleak"

	"github.com/gaptrace/gaptrace/demo/internal/embedded"
)

// bleve's workers live as long as the process.
var ofBleve = goleak.IgnoreTopFunction("github.com/blevesearch/bleve_index_api.AnalysisWorker")

// serverAddr starts a server. At the end of the test it checks that the server has left no
// goroutines.
func serverAddr(t *testing.T, start func() (*embedded.Server, error)) string {
	t.Helper()
	before := goleak.IgnoreCurrent()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if conn, err := net.DialTimeout("tcp", s.Addr, time.Second); err == nil {
			conn.Close()
			t.Errorf("%s still accepts connections", s.Addr)
		}
		goleak.VerifyNone(t, before, ofBleve)
	})
	return s.Addr
}

func TestRedis(t *testing.T) {
	client := redis.NewClient(&redis.Options{Addr: serverAddr(t, embedded.Redis)})
	defer client.Close()
	if err := client.Set(t.Context(), "title", "Emma", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(t.Context(), "title").Result(); got != "Emma" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

func TestMySQL(t *testing.T) {
	stderr := os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	os.Stderr = w
	defer func() { os.Stderr = stderr }()

	db, err := sql.Open("mysql", "root@tcp("+serverAddr(t, embedded.MySQL)+")/")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		"CREATE DATABASE shop",
		"CREATE TABLE shop.numbers (n INT PRIMARY KEY)",
		"INSERT INTO shop.numbers VALUES (0), (1)",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if _, err := db.ExecContext(t.Context(), "SELECT no_such_column FROM shop.numbers"); err == nil {
		t.Error("no error for an invalid query")
	}
	rows, err := db.QueryContext(t.Context(), "SELECT n, SLEEP(0.01) FROM shop.numbers ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		n++
	}
	if n != 2 || rows.Err() != nil {
		t.Errorf("%d rows, %v", n, rows.Err())
	}
	w.Close()
	if output, _ := io.ReadAll(r); len(output) > 0 {
		t.Errorf("stderr: %s", output)
	}
}

func TestElasticsearch(t *testing.T) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client, err := elasticsearch.NewClient(elasticsearch.Config{
		Addresses: []string{"http://" + serverAddr(t, embedded.Elasticsearch)}, Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Indices.Create("books")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	res.Body.Close()
}

func TestHTTP(t *testing.T) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	addr := serverAddr(t, func() (*embedded.Server, error) { return embedded.HTTP(http.NotFoundHandler()) })
	res, err := (&http.Client{Transport: transport}).Get("http://" + addr)
	if err != nil || res.StatusCode != http.StatusNotFound {
		t.Fatal(res, err)
	}
	res.Body.Close()
}

func TestHTTPCloseIgnoresIdleConnections(t *testing.T) {
	addr := serverAddr(t, func() (*embedded.Server, error) { return embedded.HTTP(http.NotFoundHandler()) })
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
}

func TestHTTPCloseWaitsForAnswers(t *testing.T) {
	asked, answered := make(chan bool), false
	s, err := embedded.HTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(asked)
		time.Sleep(50 * time.Millisecond)
		answered = true
	}))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	done := make(chan error)
	go func() {
		res, err := (&http.Client{Transport: transport}).Get("http://" + s.Addr)
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	<-asked
	if err := s.Close(); err != nil || !answered {
		t.Errorf("answered: %v, %v", answered, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
