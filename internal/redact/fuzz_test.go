package redact_test

import (
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/redact"
)

func FuzzText(f *testing.F) {
	f.Add("a ", " b")
	f.Add(`{\"token\":\"`, `\"}`)
	f.Add("http://", "@h")
	f.Fuzz(func(t *testing.T, before, after string) {
		text := before + after
		if got, want := redact.HoldsSecret(text), redact.Marked(text) || redact.Text(text) != text; got != want {
			t.Errorf("HoldsSecret(%q) = %t", text, got)
		}
		const planted = "PLANTED2"
		if strings.Contains(before+after, "PLANTED") || len(before) > 16000 || strings.ContainsAny(before, "=:") {
			return
		}
		for _, setting := range []string{" password=", " \"api_key\":\"", "&client_secret:", " http://u:"} {
			text := before + setting + planted + "@h" + after
			if got := redact.Text(text); strings.Contains(got, planted) {
				t.Errorf("%q is recorded as %q", text, got)
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("a", "b")
	f.Fuzz(func(t *testing.T, before, after string) {
		const planted = "PLANTED"
		if strings.Contains(before+after, planted) {
			return
		}
		// The value of that parameter is redacted, whatever comes before and after it.
		if got := redact.Query(before + "&token=" + planted + "&" + after); strings.Contains(got, planted) {
			t.Errorf("%q, %q: recorded as %q", before, after, got)
		}
	})
}
