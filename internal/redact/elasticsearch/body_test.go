package elasticsearch_test

import (
	"testing"

	"github.com/gaptrace/gaptrace/internal/redact/elasticsearch"
)

func TestBody(t *testing.T) {
	for body, want := range map[string]string{
		`{"query":{"match":{"title":"x"}},"size":10}`:                              "",
		`{"query":{"term":{"password":"hunter2"}},"size":10}`:                      `{"query":{"term":{"password":?}},"size":?}`,
		`{"query":{"terms":{"api_key":["hunter2", 12, true]}}}`:                    `{"query":{"terms":{"api_key":[?, ?, ?]}}}`,
		`{"query":{"query_string":{"query":"user.token:hunter2"}}}`:                `{"query":{"query_string":{"query":?}}}`,
		`{"query":"SELECT a FROM t WHERE secret = 'hunter2'"}`:                     `{"query":?}`,
		`{"query":{"match":{"url":"https://u:hunter2@h/"}}}`:                       `{"query":{"match":{"url":?}}}`,
		`{"query":{"match":{"message":"Authorization: Basic hunter2"}}}`:           `{"query":{"match":{"message":?}}}`,
		"{\"index\":\"a\"}\n{\"query\":{\"match\":{\"token\":\"hun\\\"ter2\"}}}\n": "{\"index\":?}\n{\"query\":{\"match\":{\"token\":?}}}\n",
		`{"a":"hunter2","password`:                                                 `{"a":?,?`,
		`{"a": "hunter2" , "token" : hunter2 hunter2`:                              `{"a": ? , "token" : ? ?`,
		`password hunter2`: `? ?`,
	} {
		if want == "" {
			want = body
		}
		if got := elasticsearch.Body(body); got != want {
			t.Errorf("%s\nis recorded as %s\nwant        %s", body, got, want)
		}
	}
}
