package debug_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gaptrace/gaptrace/gap/debug"
	"github.com/gaptrace/gaptrace/tracer"
)

func Example() {
	recorder := tracer.NewRecorder(0)
	tr, closer, err := tracer.New("bookshop", tracer.WithRecorder(recorder))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer closer.Close()
	tr.StartSpan("HTTP GET /books").Finish()

	// In production, mount it where only developers have access.
	mux := http.NewServeMux()
	mux.Handle("/debug/gaps/", debug.Handler(recorder))
	server := httptest.NewServer(mux)
	defer server.Close()

	res, err := http.Get(server.URL + "/debug/gaps/?format=text")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	fmt.Println(res.Status, strings.Contains(string(text), "bookshop: HTTP GET /books"))
	// Output: 200 OK true
}
