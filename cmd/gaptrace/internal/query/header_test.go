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

// A server may repeat a secret in the text of an error, also at the place where messages truncate.
func TestErrorsRepeatNoHeader(t *testing.T) {
	const token = "s3cret-token-of-mine"
	var headers []Header
	for _, text := range []string{"Authorization: Bearer " + token, "X-Token: " + token + "-2", "X-Tenant: a"} {
		h, err := ParseHeader(text)
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, h)
	}
	for answer, want := range map[string]string{
		"bad Bearer %":                 "bad [redacted]",
		"bad %, not %":                 "bad [redacted], not [redacted]",
		strings.Repeat("a", 190) + "%": strings.Repeat("a", 190) + "[redacted",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, strings.ReplaceAll(answer, "%", token), http.StatusUnauthorized)
		}))
		a, err := Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Open(t.Context(), a, Options{HTTP: WithHeaders(headers, a.Base)})
		server.Close()
		if err == nil || !strings.Contains(err.Error(), "401: Unauthorized: "+want) || strings.Contains(err.Error(), "s3c") {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
