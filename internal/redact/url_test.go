package redact_test

import (
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/redact"
)

func TestQuery(t *testing.T) {
	for raw, want := range map[string]string{
		"":                                   "",
		"page=2&sort=name":                   "page=2&sort=name",
		"token=x":                            "token=hidden",
		"a=1&access_token=x&b=2":             "a=1&access_token=hidden&b=2",
		"accessToken=x;client-secret=y":      "accessToken=hidden;client-secret=hidden",
		"X-Amz-Signature=x&X-Amz-Date=d":     "X-Amz-Signature=hidden&X-Amz-Date=d",
		"sig=x&api.key=y&code=z":             "sig=hidden&api.key=hidden&code=hidden",
		"p%61ssword=x":                       "p%61ssword=hidden",
		"my+token=x":                         "my+token=hidden",
		"%zztoken=x":                         "%zztoken=hidden",
		"monkey=1&keyboard=2&design=3":       "monkey=1&keyboard=2&design=3",
		"token&token=&key==":                 "token&token=&key=hidden",
		"&&;=x":                              "&&;=x",
		"authCode=x&userPwd=y&masterKey=z":   "authCode=hidden&userPwd=hidden&masterKey=hidden",
		"tokenValue=x&passwordConfirm=y":     "tokenValue=hidden&passwordConfirm=hidden",
		"password1=x&PHPSESSID=y&pw=z":       "password1=hidden&PHPSESSID=hidden&pw=hidden",
		"APIKey=x&apikey2=y":                 "APIKey=hidden&apikey2=hidden",
		"to=http://u:pw@x/?token=y&a=1":      "to=" + url.QueryEscape("http://x/?token=hidden") + "&a=1",
		"to=http%3A%2F%2Fu%3Apw%40x%2F":      "to=" + url.QueryEscape("http://x/"),
		"to=http%3A%2F%2Fx%2F%3Fa%3D1":       "to=http%3A%2F%2Fx%2F%3Fa%3D1",
		"to=http%3A//u%3Apw%40x/&a=1":        "to=" + url.QueryEscape("http://x/") + "&a=1",
		"to=http%3A//x/%3Ftoken%3Dpw":        "to=" + url.QueryEscape("http://x/?token=hidden"),
		"to=https:%2f/u:pw@x/":               "to=" + url.QueryEscape("https://x/"),
		"to=http%253A%252F%252Fu:pw%2540x":   "to=" + url.QueryEscape(url.QueryEscape("http://x")),
		"to=http%3A%2F%2Fu:pw%zz@x":          "to=hidden",
		"share=100%&at=12:30&to=a%2Fb":       "share=100%&at=12:30&to=a%2Fb",
		"tokens=x&apikeys=y&bearer=z&pin=0":  "tokens=hidden&apikeys=hidden&bearer=hidden&pin=hidden",
		"address=x&class=y&spin=z":           "address=x&class=y&spin=z",
		"next=/cb?token=x&a=1":               "next=" + url.QueryEscape("/cb?token=hidden") + "&a=1",
		"next=%2Fcb%3Ftoken%3Dx":             "next=" + url.QueryEscape("/cb?token=hidden"),
		"next=cb%3Fpassword%3Dx%26a%3D1":     "next=" + url.QueryEscape("cb?password=hidden&a=1"),
		"to=//u:pw@h/":                       "to=" + url.QueryEscape("//h/"),
		"x=y%26token%3Dpw":                   "x=" + url.QueryEscape("y&token=hidden"),
		"token%3Dpw&a":                       url.QueryEscape("token=hidden") + "&a",
		"next=/books?page=2&x=a%3Db":         "next=/books?page=2&x=a%3Db",
		"tokenid=x&secretvalue=y&creds=z":    "tokenid=hidden&secretvalue=hidden&creds=hidden",
		"userpass=x&SAMLResponse=y&cookie=z": "userpass=hidden&SAMLResponse=hidden&cookie=hidden",
		"passkeys=x&csrf=y&typed_keys=z":     "passkeys=hidden&csrf=hidden&typed_keys=z",
		"signature[]=x&user[password]=y&é=1": "signature[]=hidden&user[password]=hidden&é=1",
	} {
		if got := redact.Query(raw); got != want {
			t.Errorf("Query(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	for raw, want := range map[string]string{
		"http://user:pw@host:80/p?a=1&key=x#frag": "http://host:80/p?a=1&key=hidden",
		"/path?token=x":                               "/path?token=hidden",
		"//user@host/p":                               "//host/p",
		"http://host/p;token=x/q;a=1?b=2":             "http://host/p;token=hidden/q;a=1?b=2",
		"http://host/fetch/http://u:pw@x/p?a=1&pin=2": "http://host/fetch/http://x/p?a=1&pin=hidden",
		"http://host/fetch/http://x:80/p;sig=1":       "http://host/fetch/http://x:80/p;sig=hidden",
		"http://host/a:/b":                            "http://host/a:/b",
		"http://[::1]:80/p;key=1?a":                   "http://[::1]:80/p;key=hidden?a",
		"http://host/?" + strings.Repeat("a", 20<<10): "http://host/?" + strings.Repeat("a", 16<<10) + redact.CutMark,
		"http://host/;" + strings.Repeat("a", 20<<10): ("http://host/;" + strings.Repeat("a", 20<<10))[:16<<10] +
			redact.CutMark,
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := redact.URL(u); got != want {
			t.Errorf("URL(%s) = %s, want %s", raw, got, want)
		}
	}
	if got := redact.URL(nil); got != "" {
		t.Errorf("URL(nil) = %q", got)
	}
	if got := redact.URL(&url.URL{Scheme: "http", Host: "user:pw@h:80", Path: "/p"}); got != "http://h:80/p" {
		t.Errorf("a host with a user is recorded as %s", got)
	}
	for _, opaque := range []string{"//user:pw@host/path", "//user:pw@host", "//host/a@b", "//host/p?token=pw"} {
		got := redact.URL(&url.URL{Scheme: "http", Opaque: opaque})
		if strings.Contains(got, "pw") || !strings.HasPrefix(got, "http://host") {
			t.Errorf("opaque %s is recorded as %s", opaque, got)
		}
	}
	if got := redact.URL(&url.URL{Scheme: "http", Opaque: "user:pw@host/"}); got != "http:host/" {
		t.Errorf("recorded as %s", got)
	}
}

// TestURLTakesLinearTime counts allocated bytes. If each level of nesting were copied once, they
// would grow with the square of the URL's length.
func TestURLTakesLinearTime(t *testing.T) {
	for _, nested := range []string{"a=x://?", "a=%3A/", "a=%25", "/;a=x://h", "x://", `"x://u@`} {
		raw := strings.Repeat(nested, 30_000)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		redact.Query(raw)
		redact.URL(&url.URL{Scheme: "http", Host: "h", Path: "/;" + raw, RawQuery: raw})
		redact.URL(&url.URL{Scheme: "http", Opaque: "//h/" + raw})
		redact.Text(raw)
		runtime.ReadMemStats(&after)
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 100*uint64(len(raw)) {
			t.Errorf("%s: %d bytes allocated for %d", nested, bytes, len(raw))
		}
	}
}
