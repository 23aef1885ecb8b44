package web_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	restful "github.com/emicklei/go-restful/v3"
	"github.com/felixge/httpsnoop"
	"github.com/gin-gonic/gin"
	chiware "github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"
)

// writerInterfaces are the optional interfaces to which a handler may assert its writer.
var writerInterfaces = map[string]func(any) bool{
	"http.Flusher":       is[http.Flusher],
	"http.Hijacker":      is[http.Hijacker],
	"http.Pusher":        is[http.Pusher],
	"http.CloseNotifier": is[closeNotifier],
	"io.ReaderFrom":      is[io.ReaderFrom],
	"io.StringWriter":    is[io.StringWriter],
	"FlushError":         is[interface{ FlushError() error }],
	"SetReadDeadline":    is[interface{ SetReadDeadline(time.Time) error }],
	"SetWriteDeadline":   is[interface{ SetWriteDeadline(time.Time) error }],
	"EnableFullDuplex":   is[interface{ EnableFullDuplex() error }],
	"Unwrap":             is[interface{ Unwrap() http.ResponseWriter }],
}

// closeNotifier is http.CloseNotifier, which is deprecated.
type closeNotifier interface{ CloseNotify() <-chan bool }

func is[T any](w any) bool {
	_, ok := w.(T)
	return ok
}

// assertable returns the optional interfaces that w has.
func assertable(w any) string {
	found := map[string]bool{}
	for name, is := range writerInterfaces {
		if is(w) {
			found[name] = true
		}
	}
	return fmt.Sprint(found)
}

// writerUses are what handlers do with their writer. A request chooses one by its header Use.
var writerUses = map[string]func(w http.ResponseWriter, r *http.Request){
	"assertable":           func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, assertable(w)) },
	"text":                 writeText,
	"nothing":              func(http.ResponseWriter, *http.Request) {},
	"no content":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"error":                func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) },
	"superfluous":          writeHeaderTwice,
	"early hints":          writeEarlyHints,
	"panic":                func(http.ResponseWriter, *http.Request) { panic("oops") },
	"aborted":              func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"copy":                 copyText,
	"stream":               stream,
	"stream by controller": streamByController,
	"controller":           setDeadlines,
	"push":                 push,
	"close notify":         notifyClose,
	"hijack":               hijack,
	"gin":                  writeInGin,
	"echo":                 writeInEcho,
	"chi":                  writeInChi,
	"go-restful":           writeInGoRestful,
	"httpsnoop":            writeInHTTPSnoop,
}

func writeText(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, strings.Repeat("text ", 1000))
}

func writeHeaderTwice(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusAccepted)
	w.WriteHeader(http.StatusBadGateway)
}

func writeEarlyHints(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusEarlyHints)
	io.WriteString(w, "hinted")
}

func copyText(w http.ResponseWriter, _ *http.Request) {
	n, err := io.Copy(w, struct{ io.Reader }{strings.NewReader(strings.Repeat("<html>", 1000))})
	fmt.Fprint(w, n, err)
}

func stream(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range 3 {
		fmt.Fprintf(w, "data: %d\n\n", i)
		w.(http.Flusher).Flush()
	}
}

func streamByController(w http.ResponseWriter, _ *http.Request) {
	c := http.NewResponseController(w)
	for i := range 3 {
		fmt.Fprintf(w, "data: %d %v\n\n", i, c.Flush())
	}
}

func setDeadlines(w http.ResponseWriter, _ *http.Request) {
	c := http.NewResponseController(w)
	fmt.Fprint(w, c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{}), c.EnableFullDuplex())
}

func push(w http.ResponseWriter, _ *http.Request) {
	if pusher, ok := w.(http.Pusher); ok {
		fmt.Fprint(w, pusher.Push("/pushed", nil))
	}
}

func notifyClose(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-w.(closeNotifier).CloseNotify():
		io.WriteString(w, "gone")
	default:
		io.WriteString(w, "there")
	}
}

func hijack(w http.ResponseWriter, _ *http.Request) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		fmt.Fprint(w, err)
		return
	}
	defer conn.Close()
	io.WriteString(buf, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nhijacked")
	buf.Flush()
}

func writeInGin(w http.ResponseWriter, r *http.Request) {
	engine := gin.New()
	engine.GET("/", func(c *gin.Context) {
		fmt.Fprint(c.Writer, assertable(c.Writer), c.Writer.Pusher() != nil)
		events := 0
		c.Stream(func(w io.Writer) bool {
			events++
			fmt.Fprintf(w, "data: %d\n\n", events)
			return events < 3
		})
	})
	engine.ServeHTTP(w, r)
}

func writeInEcho(w http.ResponseWriter, r *http.Request) {
	e := echo.New()
	e.GET("/", func(c echo.Context) error {
		c.Response().Flush()
		return c.String(http.StatusOK, assertable(c.Response().Writer))
	})
	e.ServeHTTP(w, r)
}

func writeInChi(w http.ResponseWriter, r *http.Request) {
	wrapped := chiware.NewWrapResponseWriter(w, r.ProtoMajor)
	fmt.Fprint(wrapped, assertable(wrapped))
}

func writeInGoRestful(w http.ResponseWriter, _ *http.Request) {
	resp := restful.NewResponse(w)
	select {
	case <-resp.CloseNotify():
	default:
		fmt.Fprint(resp, "there")
	}
}

func writeInHTTPSnoop(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, assertable(httpsnoop.Wrap(w, httpsnoop.Hooks{})))
}
