package jaegerjson_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
)

// serve returns a client of a server that calls f.
func serve(t *testing.T, f http.HandlerFunc) *jaegerjson.Client {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return &jaegerjson.Client{URL: server.URL, HTTP: server.Client()}
}

func TestContextEndsASilentServer(t *testing.T) {
	for name, beginning := range map[string]string{
		"before it answers": "", "in the middle of traces": `{"data":[` + trace + `,` + strings.Repeat(" ", 512),
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, req *http.Request) {
				if beginning != "" {
					io.WriteString(w, beginning)
					w.(http.Flusher).Flush()
				}
				<-req.Context().Done()
			})
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			traces, errs := all(c.Find(ctx, jaegerjson.Query{Service: "shop"}))
			if (traces == 1) != (beginning != "") || len(errs) != 1 || !errors.Is(errs[0], context.DeadlineExceeded) {
				t.Errorf("%d traces, %v", traces, errs)
			}
		})
	}
}

func TestTracesBeforeABrokenConnectionAreYielded(t *testing.T) {
	asked := 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.Header().Set("Content-Length", "100000")
		io.WriteString(w, `{"data":[`+trace+`,`+trace[:100])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	traces, errs := all(c.Find(t.Context(), jaegerjson.Query{Service: "shop"}))
	e, ok := errors.AsType[*read.Error](errors.Join(errs...))
	if traces != 1 || len(errs) != 1 || !ok || asked != 1 || e.Name != c.URL+"/api/traces" ||
		e.Offset != int64(10+len(trace)+100) {
		t.Errorf("%d traces, %v, asked %d times", traces, errs, asked)
	}
}

func TestAnswerIsBoundedAfterDecompression(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprintf(z, `{"data":[%s`, trace)
		for range 1 << 10 {
			if _, err := io.WriteString(z, strings.Repeat(" ", 64<<10)); err != nil {
				return
			}
		}
		z.Close()
	})
	traces, errs := all(c.Find(t.Context(), jaegerjson.Query{Service: "shop"}, read.WithMaxBytes(1<<20)))
	if traces != 1 || len(errs) != 1 || !errors.Is(errs[0], read.TooLargeError(1<<20)) {
		t.Errorf("%d traces, %v", traces, errs)
	}
}

func TestRedirectToAnotherHostHasNoPassword(t *testing.T) {
	var sent []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		sent = append(sent, req.Header.Get("Authorization"))
		io.WriteString(w, answer)
	}))
	defer other.Close()
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	c := serve(t, func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, elsewhere+req.URL.RequestURI(), http.StatusFound)
	})
	c.URL = strings.Replace(c.URL, "http://", "http://ada:hunter2@", 1)
	traces, errs := all(c.Find(t.Context(), jaegerjson.Query{Service: "shop"}))
	if traces != 1 || errs != nil || len(sent) != 1 || sent[0] != "" {
		t.Errorf("%d traces, %v; sent %q", traces, errs, sent)
	}
}
