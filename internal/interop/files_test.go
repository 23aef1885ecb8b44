package interop_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/internal/spantest"
)

const (
	largeSize = 64 << 20
	etag      = `"v1"`

	listing = `<!doctype html>
<meta name="viewport" content="width=device-width">
<pre>
<a href="large.bin">large.bin</a>
<a href="small.txt">small.txt</a>
</pre>
`
)

var modified = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// newDirectory returns a directory with a large random file and a small text, and the large file's
// contents.
func newDirectory(t *testing.T) (dir string, large []byte) {
	dir, large = t.TempDir(), make([]byte, largeSize)
	rand.NewChaCha8([32]byte{}).Read(large)
	for name, contents := range map[string][]byte{"large.bin": large, "small.txt": []byte("contents")} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, contents, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	return dir, large
}

// fileRequest is a request to a file server, and the response that it must get.
type fileRequest struct {
	method string // default: GET
	path   string
	header http.Header

	status int
	body   []byte   // of several ranges: what is in all parts
	ranges []string // the Content-Range of each part
}

func fileRequests(large []byte) map[string]fileRequest {
	small, several := []byte("contents"), slices.Concat(large[:10], large[2000000:3000000], large[largeSize-7:])
	severalRanges := []string{
		"bytes 0-9/67108864", "bytes 2000000-2999999/67108864", "bytes 67108857-67108863/67108864",
	}
	bytesRange := func(value string) http.Header { return http.Header{"Range": {value}} }
	ifRange := func(value, tag string) http.Header { return http.Header{"Range": {value}, "If-Range": {tag}} }
	ifNoneMatch := func(tag string) http.Header { return http.Header{"If-None-Match": {tag}} }
	return map[string]fileRequest{
		"whole file":         {path: "/large.bin", status: 200, body: large},
		"small file":         {path: "/small.txt", status: 200, body: small},
		"missing file":       {path: "/missing", status: 404, body: []byte("404 page not found\n")},
		"directory":          {path: "/", status: 200, body: []byte(listing)},
		"file with slash":    {path: "/small.txt/", status: 301},
		"HEAD":               {method: "HEAD", path: "/large.bin", status: 200},
		"HEAD, range":        {method: "HEAD", path: "/large.bin", header: bytesRange("bytes=0-9"), status: 206},
		"HEAD, missing file": {method: "HEAD", path: "/missing", status: 404},
		"HEAD, directory":    {method: "HEAD", path: "/", status: 200},
		"range": {
			path: "/large.bin", header: bytesRange("bytes=1000-200999"),
			status: 206, body: large[1000:201000],
		},
		"range of last bytes": {
			path: "/large.bin", header: bytesRange("bytes=-5"),
			status: 206, body: large[largeSize-5:],
		},
		"range without end": {
			path: "/large.bin", header: bytesRange("bytes=60000000-"),
			status: 206, body: large[60000000:],
		},
		"range past the end": {
			path: "/small.txt", header: bytesRange("bytes=9-"),
			status: 416, body: []byte("invalid range: failed to overlap\n"),
		},
		"several ranges": {
			path: "/large.bin", header: bytesRange("bytes=0-9,2000000-2999999,-7"),
			status: 206, body: several, ranges: severalRanges,
		},
		"If-Range matches": {
			path: "/large.bin", header: ifRange("bytes=0-9", etag),
			status: 206, body: large[:10],
		},
		"If-Range does not match": {
			path: "/small.txt", header: ifRange("bytes=0-2", `"v0"`),
			status: 200, body: small,
		},
		"If-None-Match matches":        {path: "/large.bin", header: ifNoneMatch(etag), status: 304},
		"If-None-Match does not match": {path: "/small.txt", header: ifNoneMatch(`"v0"`), status: 200, body: small},
		"If-Modified-Since": {
			path: "/large.bin", header: http.Header{"If-Modified-Since": {modified.Format(http.TimeFormat)}},
			status: 304,
		},
		"If-Match does not match": {
			path: "/large.bin", header: http.Header{"If-Match": {`"v0"`}},
			status: 412,
		},
	}
}

func TestFileServer(t *testing.T) {
	dir, large := newDirectory(t)
	files := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", etag) // the file server sets none itself, but compares with this one
		http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
	})
	for name, c := range fileRequests(large) {
		t.Run(name, func(t *testing.T) {
			c.method = cmp.Or(c.method, "GET")
			eachProtocol(t, func(t *testing.T, protocol string) {
				var size int64
				tracer := compare(t, func(s *side) {
					size = c.send(s, s.serve(protocol, files))
				})
				client, server := fmt.Sprint(" ", c.status), fmt.Sprint(" ", c.status)
				if size > 0 {
					client += fmt.Sprint(" bytes=", size)
					server += fmt.Sprint(" response_size=", size)
				}
				wantChain(t, tracer, true, "client HTTP "+c.method+client, "server HTTP "+c.method+server)
			})
		})
	}
}

// send sends the request, checks the response, and returns the size of its body.
func (c fileRequest) send(s *side, server *server) int64 {
	s.Helper()
	client := s.client(server)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	req := s.request(c.method, server.URL+c.path, nil)
	maps.Copy(req.Header, c.header)
	resp := spantest.Must(client.Do(req))(s)
	if resp.StatusCode != c.status || resp.Proto[:6] != server.protocol[:6] {
		s.Errorf("status %s over %s, want %d", resp.Status, resp.Proto, c.status)
	}
	var size counter
	sum, body := sha256.New(), io.TeeReader(resp.Body, &size)
	if c.ranges != nil {
		copyParts(s, sum, resp.Header, body, c.ranges)
	}
	if _, err := io.Copy(sum, body); err != nil {
		s.Error(err)
	}
	if err := resp.Body.Close(); err != nil {
		s.Error(err)
	}
	if want := sha256.Sum256(c.body); !bytes.Equal(sum.Sum(nil), want[:]) {
		s.Errorf("the body of %d bytes is not the wanted one, which has %d", size, len(c.body))
	}
	resp.Header.Del("Date")
	s.note("client", "%s %v, length %d", resp.Status, resp.Header, resp.ContentLength)
	return int64(size)
}

// counter counts the bytes written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// copyParts copies the parts of a multipart/byteranges body to w, and checks their ranges. In
// header it replaces the boundary, which is random.
func copyParts(s *side, w io.Writer, header http.Header, body io.Reader, ranges []string) {
	s.Helper()
	_, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		s.Fatal(err)
	}
	header.Set("Content-Type", strings.ReplaceAll(header.Get("Content-Type"), params["boundary"], "BOUNDARY"))
	reader := multipart.NewReader(body, params["boundary"])
	for _, want := range ranges {
		part := spantest.Must(reader.NextRawPart())(s)
		if got := part.Header.Get("Content-Range"); got != want {
			s.Errorf("the part has range %q, want %q", got, want)
		}
		if _, err := io.Copy(w, part); err != nil {
			s.Error(err)
		}
	}
	if _, err := reader.NextRawPart(); err != io.EOF {
		s.Errorf("after the last part: %v, want io.EOF", err)
	}
}

func TestFileServerNoticesThatClientIsGone(t *testing.T) {
	// Several downloads, since either net/http or the handler may be the first to notice.
	const downloads = 10
	const size = 1 << 20 // read of each; the rest is larger than all buffers on the way
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "large.bin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "large.bin"), largeSize); err != nil {
		t.Fatal(err)
	}
	eachProtocol(t, func(t *testing.T, protocol string) {
		tracer := compare(t, func(s *side) {
			ended := make(chan struct{}, downloads)
			server := s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { ended <- struct{}{} }()
				http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
			}))
			client := s.client(server)
			for range downloads {
				resp := spantest.Must(client.Do(s.request("GET", server.URL+"/large.bin", nil)))(s)
				n, err := io.ReadFull(resp.Body, make([]byte, size))
				s.note("client", "%d bytes, %s, Close %s", n, errorText(err), errorText(resp.Body.Close()))
				await(s, ended) // over HTTP/2 the connection stays, so closing the server ends no handler
			}
		})
		gone := 0
		for _, span := range tracer.Named("HTTP GET") {
			sent, _ := span.Tags["response_size"].(int64)
			wrongClient := kind(span) == "client" && span.Tags["bytes"] != int64(size)
			wrongServer := kind(span) == "server" && (sent == 0 || sent >= largeSize)
			if span.Tags["error"] != nil || wrongClient || wrongServer {
				t.Errorf("the %s's span has %v", kind(span), span.Tags)
			}
			if span.Tags["client_gone"] == true {
				gone++
			}
		}
		if gone != downloads || tracer.Problems() != nil {
			t.Errorf("%d of %d spans have client_gone; problems: %v", gone, downloads, tracer.Problems())
		}
	})
}
