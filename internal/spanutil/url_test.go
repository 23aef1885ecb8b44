package spanutil_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

func TestValuesOfSecretsInAQueryAreHiddenAndOthersStay(t *testing.T) {
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
		"signature[]=x&user[password]=y&é=1": "signature[]=hidden&user[password]=hidden&é=1",
	} {
		if got := spanutil.Query(raw); got != want {
			t.Errorf("Query(%q) = %q, want %q", raw, got, want)
		}
	}
}

func TestAURLIsShownWithoutUserinfoAndFragment(t *testing.T) {
	for raw, want := range map[string]string{
		"http://user:pw@host:80/p?a=1&key=x#frag": "http://host:80/p?a=1&key=hidden",
		"/path?token=x": "/path?token=hidden",
		"//user@host/p": "//host/p",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := spanutil.URL(u); got != want {
			t.Errorf("URL(%s) = %s, want %s", raw, got, want)
		}
	}
	if got := spanutil.URL(nil); got != "" {
		t.Errorf("URL(nil) = %q", got)
	}
	for _, opaque := range []string{"//user:pw@host/path", "//user:pw@host", "//host/a@b", "//host/p?token=pw"} {
		if got := spanutil.URL(&url.URL{Scheme: "http", Opaque: opaque}); strings.Contains(got, "pw") || !strings.HasPrefix(got, "http://host") {
			t.Errorf("opaque %s is shown as %s", opaque, got)
		}
	}
	if got := spanutil.URL(&url.URL{Scheme: "http", Opaque: "user:pw@host/"}); got != "http:host/" {
		t.Errorf("shown as %s", got)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("a", "b")
	f.Fuzz(func(t *testing.T, before, after string) {
		const planted = "PLANTED"
		if strings.Contains(before+after, planted) {
			return
		}
		// Whatever stands around it, a parameter of its own with that name is hidden.
		if got := spanutil.Query(before + "&token=" + planted + "&" + after); strings.Contains(got, planted) {
			t.Errorf("%q: %q", before, got)
		}
	})
}
