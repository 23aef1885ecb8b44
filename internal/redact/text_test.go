package redact_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/internal/redact"
)

func TestSegmentsAfterACredentialWordAreHidden(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"
	for raw, want := range map[string]string{
		"https://h/token/hunter2":                                "https://h/token/hidden",
		"https://h/token/hunter2/":                               "https://h/token/hidden/",
		"https://h/reset-password/uid/hunter2":                   "https://h/reset-password/hidden/hidden",
		"https://h/password/reset/hunter2?a=1":                   "https://h/password/reset/hidden?a=1",
		"https://h/api/keys/3f8a/usage":                          "https://h/api/keys/hidden/usage",
		"https://h/api/v1/apikey/hunter2":                        "https://h/api/v1/apikey/hidden",
		"https://h/API-KEY/hunter2":                              "https://h/API-KEY/hidden",
		"https://h/t%6Fken/hunter2":                              "https://h/t%6Fken/hidden",
		"https://h/token/hunter%2F2":                             "https://h/token/hidden",
		"https://h/token/hunter2;v=1":                            "https://h/token/hidden;v=1",
		"https://h/a;jsessionid=hunter2/b":                       "https://h/a;jsessionid=hidden/b",
		"https://h/secrets/hunter2":                              "https://h/secrets/hidden",
		"https://maker.ifttt.com/trigger/e/with/key/hunter2":     "https://maker.ifttt.com/trigger/e/with/key/hidden",
		"https://hooks.slack.com/services/T0/B0/hunter2":         "https://hooks.slack.com/services/hidden/hidden/hidden",
		"https://HOOKS.zapier.com/hooks/catch/1/hunter2":         "https://HOOKS.zapier.com/hooks/hidden/hidden/hidden",
		"https://x.webhook.office.com/webhookb2/a@b/In/hunter2":  "https://x.webhook.office.com/webhookb2/hidden/hidden/hidden",
		"https://discord.com/api/webhooks/123/hunter2":           "https://discord.com/api/webhooks/hidden/hidden",
		"https://api.telegram.org/bot123:hunter2/sendMessage":    "https://api.telegram.org/hidden/sendMessage",
		"https://api.telegram.org/file/bot123:hunter2/a":         "https://api.telegram.org/file/hidden/a",
		"https://h/verify/" + jwt:                                "https://h/verify/hidden",
		"https://h/x?state=" + jwt:                               "https://h/x?state=hidden",
		"https://h/a?appid=hunter2&app_key=hunter2&hdnea=st~exp": "https://h/a?appid=hidden&app_key=hidden&hdnea=hidden",
		"https://b.s3.amazonaws.com/k?X-Amz-Credential=a&X-Amz-Date=d&X-Amz-Security-Token=b&X-Amz-Signature=c": "https://b.s3.amazonaws.com/k?X-Amz-Credential=hidden&X-Amz-Date=d&X-Amz-Security-Token=hidden&X-Amz-Signature=hidden",
		"https://a.blob.core.windows.net/c/b?sv=1&se=2&sr=b&sig=hunter2":                                        "https://a.blob.core.windows.net/c/b?sv=1&se=2&sr=b&sig=hidden",

		"https://h/_search?q=password:hunter2":                                        "https://h/_search?q=hidden",
		"https://h/_search?a=1&source=%7B%22password%22%3A%22hunter2%22%7D":           "https://h/_search?a=1&source=hidden",
		"https://h/a?p%2561ssword=hunter2":                                            "https://h/a?p%2561ssword=hidden",
		"https://h/a?type=token&sort=password:&scope=secrets%20keys&grant=credential": "",
		"https://h/api/keys/list":                                                     "",
		"https://h/tokens/count":                                                      "",
		"https://h/oauth2/token":                                                      "",
		"https://h/tokens":                                                            "",
		"https://h/password/reset":                                                    "",
		"https://h/.well-known/jwks.json":                                             "",
		"https://h/keyboards/7/monkey/robots/8":                                       "",
		"https://h/botany/bot/bottle":                                                 "",
		"https://h/books/a%20b/100%25":                                                "",
		"https://h/_security/api_key":                                                 "",
		"https://h/tokens/_search":                                                    "",
		"https://h/users/{id}/tokens/{token}":                                         "https://h/users/%7Bid%7D/tokens/%7Btoken%7D",
	} {
		if want == "" {
			want = raw
		}
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := redact.URL(u); got != want {
			t.Errorf("%s is shown as\n%s, want\n%s", raw, got, want)
		}
		if shown := strings.TrimPrefix(want, u.Scheme+"://"+u.Host); !strings.Contains(raw, "?") && !strings.Contains(raw, "{") {
			if got := redact.Path(u.EscapedPath()); !strings.Contains(u.Host, "hook") && !strings.Contains(u.Host, "HOOK") && got != shown {
				t.Errorf("the path of %s is shown as %s", raw, got)
			}
			if got := redact.Text("Get \"" + raw + "\": EOF"); got != "Get \""+want+"\": EOF" {
				t.Errorf("an error with %s is shown as %s", raw, got)
			}
		}
	}
}

func TestSettingsInATextAreHidden(t *testing.T) {
	for text, want := range map[string]string{
		"cannot parse host=h password=hunter2 port=5":                "cannot parse host=h password=hidden port=5",
		"password = 'hunter2 x', port=5":                             "password = 'hidden', port=5",
		"Server=h;User Id=u;Password=hunter2;Encrypt=true":           "Server=h;User Id=u;Password=hidden;Encrypt=true",
		"UID=u;PWD={hunter2;x};A=b":                                  "UID=u;PWD=hidden};A=b",
		"AccountName=a;AccountKey=hunter2==;Suffix=s":                "AccountName=a;AccountKey=hidden;Suffix=s",
		`{"user":"u","api_key":"hunter2","n":1}`:                     `{"user":"u","api_key":"hidden","n":1}`,
		`{"password": "hun\"ter2", "n": 1}`:                          `{"password": "hidden", "n": 1}`,
		`body {\"password\":\"hun\\\"ter2\",\"n\":1}`:                `body {\"password\":\"hidden",\"n\":1}`,
		"client_secret:hunter2":                                      "client_secret:hidden",
		"password: hunter2":                                          "password: hidden",
		"Authorization: Basic dXNlcjpodW50ZXIy":                      "Authorization: hidden",
		"sent Bearer hunter2.x to h":                                 "sent Bearer hidden to h",
		"header \"bearer eyJ0.x.y\"":                                 "header \"bearer hidden\"",
		"dial u:hunter2@tcp(h:1)/d":                                  "dial hidden@tcp(h:1)/d",
		"dial u:hunter2@(h:1)/d":                                     "dial hidden@(h:1)/d",
		"dial u:hun@ter2@h: no such host":                            "dial hidden@h: no such host",
		`body {"url":"amqp:\/\/u:hunter2@h"}`:                        `body {"url":"hidden@h"}`,
		"login scott/hunter2@h failed":                               "login hidden@h failed",
		"cannot use pass=hunter2":                                    "cannot use pass=hidden",
		"db_pass: 'hunter2', DB_PWD=hunter2":                         "db_pass: 'hidden', DB_PWD=hidden",
		"bypass=1, mail a@b.c, see http://h/@a, @b: c@d":             "",
		"Bearer\thunter2.x, bearer  hunter2.x, Basic: hunter2x":      "Bearer\thidden, bearer  hidden, Basic: hidden",
		`passwords: ["a", "hunter2"], n: [1]`:                        `passwords: hidden], n: [1]`,
		"eyJhbGciOiJIUzI1NiJ9.hunter2 is no ghp_hunter2hunter2":      "hidden is no hidden",
		"a bearer, the basics: x":                                    "",
		"secret => 'hunter2'":                                        "secret => 'hidden'",
		"password=?":                                                 "",
		"invalid token: unexpected end":                              "",
		"rpc error: code = Unavailable desc = x":                     "",
		"Access denied for user 'u'@'h' (using password: YES)":       "",
		"Bearer authentication required":                             "",
		"Basic Authentication failed.":                               "",
		"missing credentials":                                        "",
		"password":                                                   "",
		"password=":                                                  "",
		"duplicate key value violates unique constraint \"u_email\"": "",
		"Duplicate entry 'a@b.c' for key 'users.email'":              "",
		"dial tcp 10.0.0.1:80: connect: connection refused":          "",
	} {
		if want == "" {
			want = text
		}
		if got := redact.Text(text); got != want {
			t.Errorf("%s\nis shown as %s\nwant        %s", text, got, want)
		}
	}
}

// A peer's text may be made for the purpose.
func TestATextIsReadInLinearTime(t *testing.T) {
	for _, part := range []string{"@", "a", "a ", "a:b@", "a:b@ ", "/@", "://@", "=@"} {
		long := strings.Repeat(part, 1<<20/len(part)) + "@"
		began := time.Now()
		redact.Text(long)
		redact.MarkedSQL(long)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q, often: %v", part, took)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a ", " b")
	f.Add(`{\"token\":\"`, `\"}`)
	f.Add("http://", "@h")
	f.Fuzz(func(t *testing.T, before, after string) {
		const planted = "PLANTED2"
		if strings.Contains(before+after, "PLANTED") || len(before) > 16000 || strings.ContainsAny(before, "=:") {
			return
		}
		for _, setting := range []string{" password=", " \"api_key\":\"", "&client_secret:", " http://u:"} {
			text := before + setting + planted + "@h" + after
			if got := redact.Text(text); strings.Contains(got, planted) {
				t.Errorf("%q is shown as %q", text, got)
			}
		}
	})
}
