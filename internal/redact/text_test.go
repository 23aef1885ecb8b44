package redact_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/internal/redact"
)

func TestText(t *testing.T) {
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
			t.Errorf("%s\nis recorded as %s\nwant        %s", text, got, want)
		}
	}
}

func TestTextFindsTokens(t *testing.T) {
	const rest = "0123456789abcd"
	for prefix := range strings.FieldsSeq(`AKIA ASIA eyJ ghp_ gho_ ghs_ ghu_ github_pat_ glpat- hf_ hvs. npm_ pypi- rk_live_ sk-
		sk_live_ sk_test_ whsec_ xapp- xoxa- xoxb- xoxp- xoxs- ya29.`) {
		for text, want := range map[string]string{
			prefix + rest:                       "hidden",
			`{"a":"` + prefix + rest + `","b":`: `{"a":"hidden","b":`,
			"a-sk-a " + prefix + rest + "/x":    "a-sk-a hidden/x",
			prefix + " " + rest:                 prefix + " " + rest,
			"x" + prefix + rest:                 "x" + prefix + rest,
			"." + prefix + rest:                 "." + prefix + rest,
			"at " + prefix[:2] + rest[:13]:      "at " + prefix[:2] + rest[:13],
		} {
			if got := redact.Text(text); got != want {
				t.Errorf("%s is recorded as %s, want %s", text, got, want)
			}
			if got := redact.HoldsSecret(text); got != (text != want) {
				t.Errorf("HoldsSecret(%s) = %t", text, got)
			}
		}
	}
}

// A peer may write a text that takes long.
func TestTextTakesLinearTime(t *testing.T) {
	for _, part := range []string{"@", "a", "a ", "a:b@", "a:b@ ", "/@", "://@", "=@", "sk-", "sk- "} {
		long := strings.Repeat(part, 1<<20/len(part)) + "@"
		began := time.Now()
		redact.Text(long)
		redact.MarkedSQL(long)
		redact.HoldsSecret(long)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q, often: %v", part, took)
		}
	}
}
