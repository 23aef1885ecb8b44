package elasticsearch_test

import (
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/redact/elasticsearch"
)

func FuzzBody(f *testing.F) {
	f.Add(`{"a":`, `}`)
	f.Add(`{"token":1,"a":[`, `]}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		isName := strings.HasPrefix(strings.TrimLeft(after, " \t\r\n"), ":")
		if strings.ContainsAny(before, `"\`) || strings.Contains(before+after, "PLANTED") || isName {
			return
		}
		for _, body := range []string{
			`{"password":1}` + before + `"PLANTED"` + after,
			before + `"PLANTED"` + after + `"secret"`,
			before + `"PLANTED token`,
		} {
			if got := elasticsearch.Body(body); strings.Contains(got, "PLANTED") {
				t.Errorf("%q is recorded as %q", body, got)
			}
		}
	})
}
