package gapes_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// Of 64 MiB, only the beginning is kept.
func TestBulkResponseIsNotHeld(t *testing.T) {
	for _, errors := range []string{"true", "false"} {
		rest := io.LimitReader(readerFunc(func(p []byte) (int, error) { clear(p); return len(p), nil }), 64<<20)
		c, ctx, tracer := recorded(t, network(func(*http.Request) (*http.Response, error) {
			return answer(200, io.MultiReader(strings.NewReader(`{"errors":`+errors+`,"items":["`), rest)), nil
		}))
		res, err := c.Bulk(strings.NewReader("{}\n"), c.Bulk.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		buf := make([]byte, 64<<10)
		runtime.ReadMemStats(&before)
		for err == nil {
			_, err = res.Body.Read(buf)
		}
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 || only(t, tracer).Tags["bytes"].(int64) < 64<<20 {
			t.Errorf("errors %s: it took %d bytes", errors, took)
		}
	}
}

func TestBulkFailedItems(t *testing.T) {
	const failed, done = `{"index":{"_id":"1","status":400,"error":{"type":"t","reason":"hunter2"}}}`, `{"delete":{"_id":"2","status":404,"result":"not_found"}}`
	items := func(n int, item string) string { return strings.Repeat(item+",", n) + done }
	for name, tt := range map[string]struct {
		body string
		want string // es.errors, es.failed_items
	}{
		"none":                             {`{"errors":false,"took":3,"items":[` + items(9, done) + `]}`, "<nil> <nil>"},
		"some":                             {`{"errors":true,"took":3,"items":[` + items(2, failed) + `]}`, "true 2"},
		"in the old order":                 {`{"took":3,"ingest_took":1,"errors":true,"items":[` + items(3, failed) + `]}`, "true 3"},
		"pretty":                           {"{\n  \"took\" : 3,\n  \"errors\" : true,\n  \"items\" : [\n" + items(1, failed) + "\n] }\n", "true 1"},
		"more than is looked at":           {`{"errors":true,"took":3,"items":[` + items(2000, failed) + `]}`, "true <nil>"},
		"many, none of them":               {`{"errors":false,"took":3,"items":[` + items(2000, done) + `]}`, "<nil> <nil>"},
		"broken off":                       {`{"errors":true,"took":3,"items":[` + failed + `,{"index":`, "true <nil>"},
		"no items":                         {`{"errors":true,"took":3}`, "true <nil>"},
		"items of another kind":            {`{"errors":true,"items":[1]}`, "true <nil>"},
		"not in an array":                  {`{"errors":true,"items":{}}`, "true <nil>"},
		"a document's own":                 {`{"took":3,"items":[{"index":{"errors":true}}]}`, "<nil> <nil>"},
		"null":                             {`{"errors":true,"items":[{"index":{"error":null}},` + failed + `]}`, "true 1"},
		"no errors, but of something else": {`{"errors":false,"x":{"errors":true},"items":[]}`, "<nil> <nil>"},
		"no JSON":                          {`<html>"errors":true</html>`, "<nil> <nil>"},
		"nothing":                          {``, "<nil> <nil>"},
	} {
		for how, reader := range map[string]func(string) io.Reader{
			"at once":      func(s string) io.Reader { return strings.NewReader(s) },
			"byte by byte": func(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				c, ctx, tracer := recorded(t,
					network(func(*http.Request) (*http.Response, error) { return answer(200, reader(tt.body)), nil }))
				res, err := c.Bulk(strings.NewReader("{}\n"), c.Bulk.WithIndex("books"), c.Bulk.WithContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				if got := consume(t, res.Body); got != tt.body {
					t.Errorf("the caller read %.200q", got)
				}
				tags := only(t, tracer).Tags
				if got := fmt.Sprint(tags["es.errors"], " ", tags["es.failed_items"]); got != tt.want || tags["error"] != nil ||
					strings.Contains(tracer.Tree(), "hunter2") {
					t.Errorf("got %s, want %s:\n%s", got, tt.want, tracer.Tree())
				}
			})
		}
	}
}
