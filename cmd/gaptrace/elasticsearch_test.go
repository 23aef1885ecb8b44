package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// elasticsearch answers as Elasticsearch does, to those with the right credentials. It returns what
// it was asked to search for.
func elasticsearch(t *testing.T, authorization string) (url string, searches *[]string) {
	t.Helper()
	searches = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		switch {
		case req.Header.Get("Authorization") != authorization:
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error":{"type":"security_exception","reason":"no `+req.Header.Get("Authorization")+`"}}`)
		case strings.HasSuffix(req.URL.Path, "/_field_caps"):
			io.WriteString(w, `{"indices":["jaeger-span-1"],"fields":{"startTime":{"long":{}}}}`)
		case strings.HasSuffix(req.URL.Path, "/_search"):
			*searches = append(*searches, string(body))
			io.WriteString(w, `{"hits":{"hits":[{"_source":{"traceID":"a1","spanID":"1","operationName":"op","startTime":1795910400000000,`+
				`"duration":50,"process":{"serviceName":"shop","tags":[]}},"sort":[1]}]}}`)
		default:
			io.WriteString(w, `{"id":"p"}`)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, searches
}

func TestElasticsearchIsAsked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret-in-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		authorization string
		environ       []string
		args          []string
		search        string // its range and slice
		stderr        string // its beginning
	}{
		"no credentials":       {},
		"an API key":           {"ApiKey s3cret-key", []string{"ES_API_KEY=s3cret-key"}, nil, "", ""},
		"an API key in a file": {"ApiKey s3cret-in-a-file", []string{"ES_API_KEY_FILE=" + file}, nil, "", ""},
		"a user":               {"Basic YWRhOnB3", []string{"ES_USERNAME=ada", "ES_PASSWORD=pw"}, nil, "", ""},
		"a password in a file": {
			"Basic YWRhOnMzY3JldC1pbi1hLWZpbGU=", []string{"ES_USERNAME=ada", "ES_PASSWORD_FILE=" + file}, nil, "", "",
		},
		"a header takes priority": {
			"Bearer token", []string{"ES_API_KEY=s3cret-key"}, []string{"-H", "Authorization: Bearer token"}, "", "",
		},
		"a key that is refused": {
			"ApiKey other",
			[]string{"ES_API_KEY=s3cret-key"},
			nil, "",
			"/jaeger-span-*/_field_caps: Elasticsearch answers 401: security_exception: no [redacted]; set ES_API_KEY, or ",
		},
		"a password without a user": {
			"",
			[]string{"ES_PASSWORD=pw"},
			nil, "",
			"ES_USERNAME and ES_PASSWORD are credentials only together; ES_USERNAME is not set",
		},
		"a user without a password": {
			"",
			[]string{"ES_USERNAME=ada"},
			nil, "",
			"ES_USERNAME and ES_PASSWORD are credentials only together; ES_PASSWORD is not set",
		},
		"a key and a file": {
			"",
			[]string{"ES_API_KEY=k", "ES_API_KEY_FILE=" + file},
			nil, "",
			"ES_API_KEY and ES_API_KEY_FILE are both set",
		},
		"an empty file": {"", []string{"ES_API_KEY_FILE=" + empty}, nil, "", "ES_API_KEY_FILE: " + empty + " is empty"},
		"a slice":       {"", nil, []string{"--slice", "1/3"}, `"slice":{"field":"startTime","id":1,"max":3}`, ""},
		"a window with a grace": {
			"", nil,
			[]string{"--from", "2026-11-29", "--to", "2026-11-30", "--grace", "1h"},
			`"query":{"range":{"startTime":{"gte":1795906800000000,"lt":1796000400000000}}}`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, searches := elasticsearch(t, test.authorization)
			for _, variable := range test.environ {
				key, value, _ := strings.Cut(variable, "=")
				t.Setenv(key, value)
			}
			var stdout, stderr strings.Builder
			args := append([]string{"rollup", "spans", "--elasticsearch", url}, test.args...)
			code := run(t.Context(), func() {}, args, nil, &stdout, &stderr)
			message := strings.TrimPrefix(strings.TrimPrefix(stderr.String(), "gaptrace: "), url)
			if (code == 0) != (test.stderr == "") || !strings.HasPrefix(message, test.stderr) ||
				test.stderr == "" && message != "" {
				t.Errorf("exit code %d, %s", code, message)
			}
			if code == 0 && (strings.Count(stdout.String(), "\n") != 1 || !strings.Contains(strings.Join(*searches, ""), test.search)) {
				t.Errorf("%q, %q", stdout.String(), *searches)
			}
		})
	}
	url, _ := elasticsearch(t, "")
	got := printed(t, "", "rollup", "--elasticsearch", url, "--timeout", "1m")
	if !strings.HasPrefix(got, "Operations of 1 trace, 1 span,") {
		t.Error(got)
	}
}
