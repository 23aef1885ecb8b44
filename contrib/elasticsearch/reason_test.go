package gapes_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/elastic/go-elasticsearch/v8"
	"github.com/gaptrace/gaptrace"
	gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
	"github.com/gaptrace/gaptrace/internal/spantest"
)

// unchanged is a hook that changes no statement, which the wrapper cannot know.
func unchanged(_ gaptrace.Call, statement string) string { return statement }

// reasonTest is a request that fails, and what is recorded of the reason.
type reasonTest struct {
	request string
	body    string
	kind    string // empty: the error is a string
	reason  string
	want    string
	opts    []gaptrace.Option
}

func (tt reasonTest) run(t *testing.T) {
	var reported any = tt.reason
	if tt.kind != "" {
		reported = map[string]string{"type": tt.kind, "reason": tt.reason}
	}
	body, err := json.Marshal(map[string]any{"error": reported})
	if err != nil {
		t.Fatal(err)
	}
	var asked error
	c, ctx, tracer := recorded(t, always(400, string(body)), append(tt.opts,
		gaptrace.WithExpected(func(_ gaptrace.Call, err error) bool { asked = err; return false }))...)
	method, path, _ := strings.Cut(tt.request, " ")
	res, err := perform(t, c, ctx, method, path, strings.NewReader(tt.body))
	if err != nil {
		t.Fatal(err)
	}
	consume(t, res.Body)
	if tree := tracer.Tree(); strings.Contains(tree, "hunter2") {
		t.Errorf("recorded:\n%s", tree)
	}
	if got := message(only(t, tracer)); got != tt.want {
		t.Errorf("got  %q\nwant %q", got, tt.want)
	}
	if e, ok := errors.AsType[*gapes.Error](asked); !ok || e.Type != tt.kind || e.Reason != tt.reason {
		t.Errorf("the hook was asked about %#v", asked)
	}
}

func TestReasonHidesSecretsAndDocuments(t *testing.T) {
	const secret = "?access_token=hunter2"
	for name, tt := range map[string]reasonTest{
		"the URI": {
			request: "PATCH /u/_doc" + secret, reason: "Incorrect HTTP method for uri [/u/_doc?access_token=hunter2] and method [PATCH], allowed: [POST]",
			want: "Incorrect HTTP method for uri [/u/_doc?access_token=hidden] and method [PATCH], allowed… [cut]",
		},
		"the URI of a search": {
			request: "POST /_search" + secret, kind: "security_exception", reason: "missing authentication credentials for REST request [/_search?access_token=hunter2]",
			want: "security_exception: missing authentication credentials for REST request [/_search?access_token=hidden]",
		},
		"two secrets, one the beginning of the other, and encoded": {
			request: "GET /a?token=hunt&password=hunt%2er2&a=1", kind: "security_exception", reason: "[/a?token=hunt&password=hunt%2er2&a=1], for hunt.r2",
			want: "security_exception: [/a?token=hidden&password=hidden&a=1], for hidden",
		},
		"of a search whose body is longer than what is recorded": {
			request: "POST /_search", body: strings.Repeat(" ", 5000) + `{"a":"hunter2"}`, kind: "parsing_exception",
			reason: "unexpected value [hunter2]", want: "parsing_exception: unexpected value… [cut]",
		},
		"a value": {
			request: "PUT /u/_doc/1", kind: "document_parsing_exception", reason: "[1:8] failed to parse field [age] of type [long] in document with id '1'. Preview of field's value: 'hunter2'",
			want: "document_parsing_exception: [1:8] failed to parse field [age] of type [long] in document with id… [cut]",
		},
		"the source": {
			request: "PUT /u/_doc/1", kind: "x_content_parse_exception", reason: `[1:8] Unrecognized token 'hunter2': was expecting [Source: (byte[])"{"age":hunter2}"; line: 1]`,
			want: "x_content_parse_exception: [1:8] Unrecognized token… [cut]",
		},
		"a line of bulk": {
			request: "POST /_bulk", kind: "illegal_argument_exception", reason: "Malformed action/metadata line [1], expected field [create] but found [hunter2]",
			want: "illegal_argument_exception: Malformed action/metadata line… [cut]",
		},
		"a number": {
			request: "PUT /u/_doc/1", kind: "parse_exception", reason: "Numeric value 4111111111111111 out of range",
			want: "parse_exception: Numeric value… [cut]",
		},
		"nothing but a value": {
			request: "PUT /u/_doc/1",
			kind:    "parse_exception",
			reason:  `"hunter2"`,
			want:    "parse_exception",
		},
		"an old version's request": {
			request: "PUT /u/_doc/1", kind: "unavailable_shards_exception", reason: `[u][0] primary shard is not active, request: [index {[u][_doc][1], source[{"age":"hunter2"}]}]`,
			want: "unavailable_shards_exception: [u]… [cut]",
		},
	} {
		t.Run(name, tt.run)
	}
}

// Which reasons are recorded depends on their type, the API, and whether the body is recorded.
func TestReasonOfEachAPI(t *testing.T) {
	for name, tt := range map[string]reasonTest{
		"an index": {
			request: "POST /_aliases", kind: "index_not_found_exception", reason: "no such index [x]",
			want: "index_not_found_exception: no such index [x]",
		},
		"an alias": {request: "GET /_alias/x", reason: "alias [x] missing", want: "alias [x] missing"},
		"a query": {
			request: "POST /a/_search", kind: "parsing_exception", reason: "unknown query [mtach] did you mean [match]?",
			want: "parsing_exception: unknown query [mtach] did you mean [match]?",
		},
		"a query with a credential word": {
			request: "POST /a/_search", body: `{"query":{"term":{"password":"hunter2"}}}`, kind: "parsing_exception", reason: "unknown query [hunter2]",
			want: "parsing_exception: unknown query… [cut]",
		},
		"a user": {
			request: "PUT /_security/user/bob", kind: "action_request_validation_exception", reason: "Validation Failed hunter2",
			want: "action_request_validation_exception",
		},
		"a grant": {request: "POST /_security/oauth2/token", reason: "invalid_grant", want: "invalid_grant"},
		"an api key": {
			request: "POST /_security/api_key", kind: "security_exception", reason: "unable to authenticate user [bob] for REST request [/_security/api_key]",
			want: "security_exception: unable to authenticate user [bob] for REST request [/_security/api_key]",
		},
		"a repository": {
			request: "PUT /_snapshot/r", kind: "repository_exception", reason: "cannot use hunter2 for the client",
			want: "repository_exception",
		},
		"a pipeline": {
			request: "PUT /_ingest/pipeline/p",
			kind:    "parse_exception",
			reason:  "no processor hunter2",
			want:    "parse_exception",
		},
		"a watch": {
			request: "PUT /_watcher/watch/w",
			kind:    "parse_exception",
			reason:  "bad hunter2",
			want:    "parse_exception",
		},
		"a connector": {
			request: "PUT /_connector/c/_configuration",
			kind:    "status_exception",
			reason:  "bad hunter2",
			want:    "status_exception",
		},
		"an inference": {
			request: "PUT /_inference/i",
			kind:    "status_exception",
			reason:  "api key hunter2 is not valid",
			want:    "status_exception",
		},
		"a model": {
			request: "PUT /_ml/trained_models/m",
			kind:    "status_exception",
			reason:  "bad hunter2",
			want:    "status_exception",
		},
		"a remote": {
			request: "PUT /_cluster/settings",
			kind:    "illegal_argument_exception",
			reason:  "unknown proxy hunter2",
			want:    "illegal_argument_exception",
		},
		"a reindex from elsewhere": {
			request: "POST /_reindex",
			kind:    "status_exception",
			reason:  "not reachable hunter2",
			want:    "status_exception",
		},
		"a token in the path": {
			request: "GET /u/token/hunter2", kind: "index_not_found_exception", reason: "no handler for [/u/token/hunter2]",
			want: "index_not_found_exception: no handler for [/u/token/hidden]",
		},
		"a query that is rewritten": {
			request: "POST /a/_search", kind: "parsing_exception", reason: "unknown query [mtach] did you mean [match]?",
			want: "parsing_exception: unknown query… [cut]", opts: []gaptrace.Option{gaptrace.WithStatement(unchanged)},
		},
	} {
		t.Run(name, tt.run)
	}
}

func TestRetryHidesSecrets(t *testing.T) {
	tracer := spantest.NewTracer()
	c := newWrapped(t, tracer, elasticsearch.Config{
		APIKey: "hunter2hunter2",
		Transport: intercepted(interceptor, network(func(req *http.Request) (*http.Response, error) {
			return nil, fmt.Errorf("asking for %s with %s", req.URL.RequestURI(), req.Header["Authorization"])
		})),
	}, gaptrace.WithPhases())
	_, err := perform(t, c, underParent(t, tracer), "GET", "/a/_doc/1?api_key=hunter2&routing=7", nil)
	if err == nil || !strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the caller got %v", err)
	}
	if tree := tracer.Tree(); strings.Contains(tree, "hunter2") ||
		strings.Count(tree, "asking for /a/_doc/1?api_key=hidden&routing=7 with [APIKey hidden]") != 4 {
		t.Errorf("recorded:\n%s", tree)
	}
}

func TestErrorHidesSecretsOfURL(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("http://elastic:hunter2@127.0.0.1:1/?code=hunter2",
		http.StatusTemporaryRedirect))
	defer server.Close()
	tracer := spantest.NewTracer()
	c := newWrapped(t, tracer, elasticsearch.Config{
		Addresses: []string{server.URL}, DisableRetry: true,
		Transport: network(func(req *http.Request) (*http.Response, error) {
			req = req.Clone(req.Context())
			req.RequestURI = ""
			res, err := http.DefaultClient.Do(req)
			return res, errors.Join(err, errors.New("asking for "+req.URL.RequestURI()))
		}),
	})
	_, err := perform(t, c, underParent(t, tracer), "GET", "/a/_doc/1?api_key=hunter2&routing=7", nil)
	if e, ok := errors.AsType[*url.Error](err); !ok || !strings.Contains(e.URL, "hunter2") {
		t.Errorf("the caller got %v", err)
	}
	tree := tracer.Tree()
	if strings.Contains(tree, "hunter2") || !strings.Contains(tree, "code=hidden") ||
		!strings.Contains(tree, "asking for /a/_doc/1?api_key=hidden&routing=7") {
		t.Errorf("recorded:\n%s", tree)
	}
}
