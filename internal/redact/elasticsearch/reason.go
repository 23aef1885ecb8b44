package elasticsearch

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/internal/redact"
)

// Request holds what a reason may repeat of a request, and its secrets. It holds copies, since the
// *http.Request belongs to the caller again by the time the response's body is read.
type Request struct {
	method           string
	paths            [2]string         // as the server may repeat the path: as sent, with the query; and decoded
	secrets          *strings.Replacer // replaces them by "hidden"
	bodyShown        bool              // the span shows the body
	takesCredentials bool              // the body may hold credentials
}

// takeCredentials are the APIs whose bodies may hold passwords, keys and tokens.
var takeCredentials = strings.Fields(`_ccr _cluster _connector _fleet _inference _ingest _license _ml _nodes _reindex
	_security _slm _snapshot _ssl _watcher _xpack`)

// NewRequest returns the Request for req. action is the path's first segment that begins with an
// underscore. bodyShown says that the span shows the body, unredacted.
func NewRequest(req *http.Request, method, action string, bodyShown bool) Request {
	r := Request{method: method, secrets: secretsOf(req), bodyShown: bodyShown}
	r.takesCredentials = slices.Contains(takeCredentials, action)
	if u := req.URL; u != nil {
		path := redact.Path(u.EscapedPath())
		r.paths[0] = path + "?" + redact.Query(u.RawQuery)
		if path == u.EscapedPath() {
			r.paths[1] = u.Path
		}
	}
	return r
}

// Text returns text without the request's credentials and without the secrets of its URL.
func (r Request) Text(text string) string { return r.secrets.Replace(text) }

// Text is [Request.Text] for req.
func Text(req *http.Request, text string) string { return secretsOf(req).Replace(text) }

// secretsOf returns a replacer for req's credentials and for the secrets in its path and query,
// each as written and as decoded.
func secretsOf(req *http.Request) *strings.Replacer {
	var secrets []string
	add := func(written, shown []string, decode func(string) (string, error)) {
		for i, w := range written {
			if i >= len(shown) || shown[i] == w {
				continue
			}
			if _, value, found := strings.Cut(w, "="); found {
				w = value
			}
			secrets = append(secrets, w)
			if plain, err := decode(w); err == nil {
				secrets = append(secrets, plain)
			}
		}
	}
	if _, credentials, _ := strings.Cut(req.Header.Get("Authorization"), " "); credentials != "" {
		secrets = append(secrets, credentials)
	}
	if u := req.URL; u != nil {
		parameters := func(query string) []string {
			return strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
		}
		add(parameters(u.RawQuery), parameters(redact.Query(u.RawQuery)), url.QueryUnescape)
		add(strings.Split(u.EscapedPath(), "/"), strings.Split(redact.Path(u.EscapedPath()), "/"), url.PathUnescape)
	}
	// The longest first: if one secret begins another, the rest of the longer one would stay.
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, secret := range secrets {
		if secret != "" {
			pairs = append(pairs, secret, "hidden")
		}
	}
	return strings.NewReplacer(pairs...)
}

// Reason returns the reason of a failure of type kind as a span may show it, or "".
func (r Request) Reason(kind, reason string) string {
	reason = r.Text(reason)
	switch {
	case namesOnly[kind]:
		return reason
	case r.takesCredentials && !code.MatchString(reason):
		return ""
	case r.bodyShown:
		return reason
	}
	return r.harmless(reason)
}

// code matches OAuth's error codes, such as invalid_grant, which may stand in place of a reason.
var code = regexp.MustCompile(`^[a-z_]{1,40}$`)

// namesOnly lists the error types whose reasons hold only names, ids and limits. It is short on
// purpose: the reasons of es_rejected_execution_exception and unavailable_shards_exception, for
// example, can hold documents that were to be written.
var namesOnly = map[string]bool{
	"aliases_not_found_exception":       true,
	"circuit_breaking_exception":        true,
	"cluster_block_exception":           true,
	"index_closed_exception":            true,
	"index_not_found_exception":         true,
	"invalid_index_name_exception":      true,
	"resource_already_exists_exception": true,
	"resource_not_found_exception":      true,
	"search_phase_execution_exception":  true,
	"security_exception":                true,
	"version_conflict_engine_exception": true,
}

var (
	// value matches where a value of a document or a setting may begin.
	value    = regexp.MustCompile("\\[([^\\[\\]]*)\\]|[\\[\\]{}()<>\"'`:=0-9]")
	position = regexp.MustCompile(`^\d+:\d+$`)
)

// harmless returns reason up to the first value that is neither part of the request, nor a position
// in the body, nor the name or type of a field.
func (r Request) harmless(reason string) string {
	for _, at := range value.FindAllStringSubmatchIndex(reason, -1) {
		before := reason[:at[0]]
		if at[2] >= 0 {
			inside := reason[at[2]:at[3]]
			if r.holds(inside) || position.MatchString(inside) ||
				strings.HasSuffix(before, "parse field ") || strings.HasSuffix(before, "of type ") {
				continue
			}
		}
		if before = strings.TrimSpace(before); before != "" {
			before += redact.CutMark
		}
		return before
	}
	return reason
}

// holds reports whether s is part of the request.
func (r Request) holds(s string) bool {
	return s == r.method || strings.Contains(r.paths[0], s) || strings.Contains(r.paths[1], s)
}
