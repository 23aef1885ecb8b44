package query

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseHeader(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	for name, content := range map[string]string{
		file: "Bearer s3cret\n", file + ".empty": "\n", file + ".two": "s3cret\ns3cret",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]string{
		"Authorization: Bearer s3cret": "Authorization=Bearer s3cret",
		"X-Scope-OrgID:s3cret":         "X-Scope-OrgID=s3cret",
		"Authorization: @" + file:      "Authorization=Bearer s3cret",
		"Accept:":                      "Accept=",

		"s3cret":                   "error want 'Name: value'",
		": s3cret":                 "error want 'Name: value'",
		"s3cret of mine: x":        "error want 'Name: value'",
		"A: s3cret\r\nB: s3cret":   "error the value of A has a control character",
		"A: @" + file + ".missing": "error the value of A: open " + file + ".missing",
		"A: @" + file + ".empty":   "error the value of A: " + file + ".empty is empty",
		"A: @" + file + ".two":     "error the value of A has a control character or more than one line",
	} {
		h, err := ParseHeader(text)
		got := h.name + "=" + h.value
		if err != nil {
			if got = "error " + err.Error(); strings.Contains(got, "s3cret") {
				t.Errorf("%s: %s", text, got)
			}
		}
		if !strings.HasPrefix(got, want) || err == nil && got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// Headers are for the host of the URL only. Redirects lead to another host, and back.
func TestHeadersStayWithTheirHost(t *testing.T) {
	seen := map[string]string{}
	mux := http.NewServeMux()
	given, other := httptest.NewServer(mux), httptest.NewServer(mux)
	defer given.Close()
	defer other.Close()
	for path, next := range map[string]string{
		"/1": given.URL + "/2", "/2": other.URL + "/3", "/3": given.URL + "/4", "/4": "",
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, req *http.Request) {
			seen[path] = req.Header.Get("Authorization") + req.Header.Get("X-Token")
			if next != "" {
				http.Redirect(w, req, next, http.StatusFound)
			}
		})
	}
	var headers []Header
	for _, text := range []string{"Authorization: a", "X-Token: b", "Host: tenant.example"} {
		h, err := ParseHeader(text)
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, h)
	}
	mux.HandleFunc("tenant.example/host", func(http.ResponseWriter, *http.Request) { seen["host"] = "yes" })
	u, err := url.Parse(given.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := WithHeaders(headers, u)
	for _, path := range []string{"/1", "/host"} {
		res, err := client.Get(given.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	for path, want := range map[string]string{"/1": "ab", "/2": "ab", "/3": "", "/4": "ab", "host": "yes"} {
		if got, ok := seen[path]; !ok || got != want {
			t.Errorf("%s: %q, asked %v, want %q", path, got, ok, want)
		}
	}
}
