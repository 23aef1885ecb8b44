package redact_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/redact"
)

func TestURLPath(t *testing.T) {
	wantURLs(t, map[string]string{
		"https://h/token/hunter2":              "https://h/token/hidden",
		"https://h/token/hunter2/":             "https://h/token/hidden/",
		"https://h/reset-password/uid/hunter2": "https://h/reset-password/hidden/hidden",
		"https://h/password/reset/hunter2?a=1": "https://h/password/reset/hidden?a=1",
		"https://h/api/keys/3f8a/usage":        "https://h/api/keys/hidden/usage",
		"https://h/api/v1/apikey/hunter2":      "https://h/api/v1/apikey/hidden",
		"https://h/API-KEY/hunter2":            "https://h/API-KEY/hidden",
		"https://h/t%6Fken/hunter2":            "https://h/t%6Fken/hidden",
		"https://h/token/hunter%2F2":           "https://h/token/hidden",
		"https://h/token/hunter2;v=1":          "https://h/token/hidden;v=1",
		"https://h/a;jsessionid=hunter2/b":     "https://h/a;jsessionid=hidden/b",
		"https://h/secrets/hunter2":            "https://h/secrets/hidden",
		"https://h/verify/" + jwt:              "https://h/verify/hidden",
		"https://h/users/{id}/tokens/{token}":  "https://h/users/%7Bid%7D/tokens/%7Btoken%7D",
	})
}

func TestURLPathOfKnownHosts(t *testing.T) {
	wantURLs(t, map[string]string{
		"https://maker.ifttt.com/trigger/e/with/key/hunter2":    "https://maker.ifttt.com/trigger/e/with/key/hidden",
		"https://hooks.slack.com/services/T0/B0/hunter2":        "https://hooks.slack.com/services/hidden/hidden/hidden",
		"https://HOOKS.zapier.com/hooks/catch/1/hunter2":        "https://HOOKS.zapier.com/hooks/hidden/hidden/hidden",
		"https://x.webhook.office.com/webhookb2/a@b/In/hunter2": "https://x.webhook.office.com/webhookb2/hidden/hidden/hidden",
		"https://discord.com/api/webhooks/123/hunter2":          "https://discord.com/api/webhooks/hidden/hidden",
		"https://api.telegram.org/bot123:hunter2/sendMessage":   "https://api.telegram.org/hidden/sendMessage",
		"https://api.telegram.org/file/bot123:hunter2/a":        "https://api.telegram.org/file/hidden/a",
	})
}

func TestURLQuery(t *testing.T) {
	wantURLs(t, map[string]string{
		"https://h/x?state=" + jwt:                                          "https://h/x?state=hidden",
		"https://h/a?appid=hunter2&app_key=hunter2&hdnea=st~exp":            "https://h/a?appid=hidden&app_key=hidden&hdnea=hidden",
		"https://h/_search?q=password:hunter2":                              "https://h/_search?q=hidden",
		"https://h/_search?a=1&source=%7B%22password%22%3A%22hunter2%22%7D": "https://h/_search?a=1&source=hidden",
		"https://h/a?p%2561ssword=hunter2":                                  "https://h/a?p%2561ssword=hidden",

		"https://b.s3.amazonaws.com/k?X-Amz-Credential=a&X-Amz-Date=d&X-Amz-Security-Token=b&X-Amz-Signature=c": "https://b.s3.amazonaws.com/k?X-Amz-Credential=hidden&X-Amz-Date=d&X-Amz-Security-Token=hidden&X-Amz-Signature=hidden",
		"https://a.blob.core.windows.net/c/b?sv=1&se=2&sr=b&sig=hunter2":                                        "https://a.blob.core.windows.net/c/b?sv=1&se=2&sr=b&sig=hidden",
	})
}

func TestURLWithoutSecrets(t *testing.T) {
	for _, raw := range []string{
		"https://h/a?type=token&sort=password:&scope=secrets%20keys&grant=credential",
		"https://h/api/keys/list",
		"https://h/tokens/count",
		"https://h/oauth2/token",
		"https://h/tokens",
		"https://h/password/reset",
		"https://h/.well-known/jwks.json",
		"https://h/keyboards/7/monkey/robots/8",
		"https://h/botany/bot/bottle",
		"https://h/books/a%20b/100%25",
		"https://h/_security/api_key",
		"https://h/tokens/_search",
	} {
		wantURLs(t, map[string]string{raw: raw})
	}
}

const jwt = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"

// wantURLs compares what is recorded of each URL, of its path, and of an error that quotes it.
func wantURLs(t *testing.T, recorded map[string]string) {
	t.Helper()
	for raw, want := range recorded {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := redact.URL(u); got != want {
			t.Errorf("%s is recorded as\n%s, want\n%s", raw, got, want)
		}
		if !strings.ContainsAny(raw, "?{") {
			path := strings.TrimPrefix(want, u.Scheme+"://"+u.Host)
			if got := redact.Path(u.EscapedPath()); got != path && !strings.Contains(strings.ToLower(u.Host), "hook") {
				t.Errorf("the path of %s is recorded as %s", raw, got)
			}
			if got := redact.Text("Get \"" + raw + "\": EOF"); got != "Get \""+want+"\": EOF" {
				t.Errorf("an error with %s is recorded as %s", raw, got)
			}
		}
	}
}
