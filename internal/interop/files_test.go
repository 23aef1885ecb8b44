package interop_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	large   = 64 << 20 // bytes of the large file
	listing = "<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n<a href=\"large.bin\">large.bin</a>\n<a href=\"small.txt\">small.txt</a>\n</pre>\n"
	etag    = `"v1"`
)

var modified = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// directory is one with a large file of noise and a small one of text, of which it returns the contents.
func directory(t *testing.T) (dir string, noise []byte) {
	dir, noise = t.TempDir(), make([]byte, large)
	rand.NewChaCha8([32]byte{}).Read(noise)
	for name, contents := range map[string][]byte{"large.bin": noise, "small.txt": []byte("contents")} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, contents, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
	}
	return dir, noise
}

func TestAFileServerSendsTheSameFiles(t *testing.T) {
	dir, noise := directory(t)
	// The file server sends no ETag of its own, and heeds one that is there.
	files := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", etag)
		http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
	})
	part := func(from, to int) []byte { return noise[from : to+1] }
	for name, c := range map[string]struct {
		method, path string
		header       http.Header
		status       int
		want         []byte   // the body; of several ranges, what is in all parts
		ranges       []string // what the parts say they are
	}{
		"the whole file":           {path: "/large.bin", status: 200, want: noise},
		"a small file":             {path: "/small.txt", status: 200, want: []byte("contents")},
		"a range":                  {path: "/large.bin", header: http.Header{"Range": {"bytes=1000-200999"}}, status: 206, want: part(1000, 200999)},
		"the last bytes":           {path: "/large.bin", header: http.Header{"Range": {"bytes=-5"}}, status: 206, want: noise[large-5:]},
		"all but the first":        {path: "/large.bin", header: http.Header{"Range": {"bytes=60000000-"}}, status: 206, want: noise[60000000:]},
		"a range, still the same":  {path: "/large.bin", header: http.Header{"Range": {"bytes=0-9"}, "If-Range": {etag}}, status: 206, want: part(0, 9)},
		"a range, no more so":      {path: "/small.txt", header: http.Header{"Range": {"bytes=0-2"}, "If-Range": {`"v0"`}}, status: 200, want: []byte("contents")},
		"a range beyond the end":   {path: "/small.txt", header: http.Header{"Range": {"bytes=9-"}}, status: 416, want: []byte("invalid range: failed to overlap\n")},
		"several ranges":           {path: "/large.bin", header: http.Header{"Range": {"bytes=0-9,2000000-2999999,-7"}}, status: 206, want: bytes.Join([][]byte{part(0, 9), part(2000000, 2999999), noise[large-7:]}, nil), ranges: []string{"bytes 0-9/67108864", "bytes 2000000-2999999/67108864", "bytes 67108857-67108863/67108864"}},
		"If-None-Match":            {path: "/large.bin", header: http.Header{"If-None-Match": {etag}}, status: 304},
		"If-None-Match, another":   {path: "/small.txt", header: http.Header{"If-None-Match": {`"v0"`}}, status: 200, want: []byte("contents")},
		"If-Modified-Since":        {path: "/large.bin", header: http.Header{"If-Modified-Since": {modified.Format(http.TimeFormat)}}, status: 304},
		"If-Match, another":        {path: "/large.bin", header: http.Header{"If-Match": {`"v0"`}}, status: 412},
		"HEAD":                     {method: "HEAD", path: "/large.bin", status: 200},
		"HEAD of a range":          {method: "HEAD", path: "/large.bin", header: http.Header{"Range": {"bytes=0-9"}}, status: 206},
		"HEAD of a missing file":   {method: "HEAD", path: "/missing", status: 404},
		"HEAD of a directory":      {method: "HEAD", path: "/", status: 200},
		"a missing file":           {path: "/missing", status: 404, want: []byte("404 page not found\n")},
		"a directory":              {path: "/", status: 200, want: []byte(listing)},
		"a redirect to the proper": {path: "/small.txt/", status: 301},
	} {
		if c.method == "" {
			c.method = "GET"
		}
		want := sha256.Sum256(c.want)
		for _, protocol := range protocols {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				var came counter
				tracer := compare(t, func(s *side) {
					server := s.serve(protocol, files)
					client := s.client(server)
					client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
					req := s.request(c.method, server.URL+c.path, nil)
					for key := range c.header {
						req.Header.Set(key, c.header.Get(key))
					}
					resp, err := client.Do(req)
					if err != nil {
						s.Fatal(err)
					}
					if resp.StatusCode != c.status || resp.Proto[:6] != protocol[:6] {
						s.Errorf("answered %s over %s", resp.Status, resp.Proto)
					}
					came = 0
					sum, body := sha256.New(), io.TeeReader(resp.Body, &came)
					if c.ranges != nil {
						s.parts(sum, resp.Header, body, c.ranges)
					}
					if _, err := io.Copy(sum, body); err != nil {
						s.Error(err)
					}
					if err := resp.Body.Close(); err != nil {
						s.Error(err)
					}
					if !bytes.Equal(sum.Sum(nil), want[:]) {
						s.Errorf("got %d bytes, which are not the %d wanted", came, len(c.want))
					}
					resp.Header.Del("Date")
					s.tell("client", "%s %v, length %d", resp.Status, resp.Header, resp.ContentLength)
				})
				client, server := fmt.Sprint(" ", c.status), fmt.Sprint(" ", c.status)
				if came > 0 {
					client += fmt.Sprint(" bytes=", came)
					server += fmt.Sprint(" response_size=", came)
				}
				wantOutline(t, tracer, "caller", "  client HTTP "+c.method+client, "    server HTTP "+c.method+server)
			})
		}
	}
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// parts writes to w what is in all parts of a multipart/byteranges body, which must say that they are those ranges. Of the
// header it takes the boundary, which is another each time.
func (s *side) parts(w io.Writer, header http.Header, body io.Reader, ranges []string) {
	_, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		s.Fatal(err)
	}
	header.Set("Content-Type", strings.ReplaceAll(header.Get("Content-Type"), params["boundary"], "BOUNDARY"))
	reader := multipart.NewReader(body, params["boundary"])
	for _, want := range ranges {
		part, err := reader.NextRawPart()
		if err != nil {
			s.Fatal(err)
		}
		if got := part.Header.Get("Content-Range"); got != want {
			s.Errorf("got %q, want %q", got, want)
		}
		if _, err := io.Copy(w, part); err != nil {
			s.Error(err)
		}
	}
	if _, err := reader.NextRawPart(); err != io.EOF {
		s.Errorf("after the last part: %v", err)
	}
}

func TestAClientThatGivesUpADownloadIsGone(t *testing.T) {
	const downloads = 10 // net/http notices the loss when the handler does, and either may be first: once proves little
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "large.bin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "large.bin"), large); err != nil {
		t.Fatal(err)
	}
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			tracer := compare(t, func(s *side) {
				ended := make(chan struct{}, downloads)
				server := s.serve(protocol, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer func() { ended <- struct{}{} }()
					http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
				}))
				client := s.client(server)
				for range downloads {
					resp, err := client.Do(s.request("GET", server.URL+"/large.bin", nil))
					if err != nil {
						s.Fatal(err)
					}
					n, err := io.ReadFull(resp.Body, make([]byte, 1<<20)) // the rest is more than all buffers on the way
					s.tell("client", "%d bytes, %s, Close %s", n, text(err), text(resp.Body.Close()))
					await(s, ended) // over HTTP/2 it is a stream that is given up, not the connection
				}
			})
			gone := 0
			for _, span := range tracer.Named("HTTP GET") {
				sent, _ := span.Tags["response_size"].(int64)
				if span.Tags["error"] != nil || kind(span) == "client" && span.Tags["bytes"] != int64(1<<20) || kind(span) == "server" && (sent == 0 || sent >= large) {
					t.Errorf("a %s's span has %v", kind(span), span.Tags)
				}
				if span.Tags["client_gone"] == true {
					gone++
				}
			}
			if gone != downloads || tracer.Problems() != nil {
				t.Errorf("%d of %d spans say that the client is gone, %v", gone, downloads, tracer.Problems())
			}
		})
	}
}
