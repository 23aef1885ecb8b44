package elasticsearch

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// asked is what the span tells of a request anyway. It is kept apart from the request, which is the
// caller's again when the answer's body is read.
type asked struct {
	method string
	paths  [2]string // as a server may repeat it: as sent, with the query, and decoded
	hidden *strings.Replacer
	shown  bool // the body too
}

func askedBy(req *http.Request, what target) asked {
	a := asked{method: what.method, hidden: hider(req)}
	if u := req.URL; u != nil {
		a.paths = [2]string{u.EscapedPath() + "?" + spanutil.Query(u.RawQuery), u.Path}
	}
	return a
}

// hider hides what authorizes req, and the values of secrets in its query as they are written and decoded, wherever they
// stand.
func hider(req *http.Request) *strings.Replacer {
	separator := func(r rune) bool { return r == '&' || r == ';' }
	var secrets []string
	if _, credentials, _ := strings.Cut(req.Header.Get("Authorization"), " "); credentials != "" {
		secrets = append(secrets, credentials)
	}
	query := ""
	if req.URL != nil {
		query = req.URL.RawQuery
	}
	shown := strings.FieldsFunc(spanutil.Query(query), separator)
	for i, pair := range strings.FieldsFunc(query, separator) {
		if i < len(shown) && shown[i] != pair {
			_, value, _ := strings.Cut(pair, "=")
			secrets = append(secrets, value)
			if plain, err := url.QueryUnescape(value); err == nil {
				secrets = append(secrets, plain)
			}
		}
	}
	// The longest first, lest the end of one stays where another is its beginning.
	slices.SortFunc(secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, secret := range secrets {
		pairs = append(pairs, secret, "hidden")
	}
	return strings.NewReplacer(pairs...)
}

// failure is the text of e, for the span.
func (a asked) failure(e Error) string {
	e.Reason = a.hidden.Replace(e.Reason)
	if !a.shown && !namesOnly[e.Type] {
		e.Reason = a.harmless(e.Reason)
	}
	return e.Error()
}

// namesOnly are the types of errors whose reasons are made of names, ids and limits. It is a short
// list on purpose: es_rejected_execution_exception and unavailable_shards_exception, for two, can
// hold the documents that were to be written.
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
	// value is what may be one, of a document or of a setting.
	value    = regexp.MustCompile("\\[([^\\[\\]]*)\\]|[\\[\\]{}()<>\"'`:=0-9]")
	position = regexp.MustCompile(`^\d+:\d+$`)
)

// harmless is reason up to the first value that is neither part of what was asked, nor a position in
// the body, nor the name or type of a field.
func (a asked) harmless(reason string) string {
	for _, at := range value.FindAllStringSubmatchIndex(reason, -1) {
		before := reason[:at[0]]
		if at[2] >= 0 {
			inside := reason[at[2]:at[3]]
			if a.holds(inside) || position.MatchString(inside) ||
				strings.HasSuffix(before, "parse field ") || strings.HasSuffix(before, "of type ") {
				continue
			}
		}
		if before = strings.TrimSpace(before); before != "" {
			before += spanutil.CutMark
		}
		return before
	}
	return reason
}

// holds reports whether s is part of what was asked.
func (a asked) holds(s string) bool {
	return s == a.method || strings.Contains(a.paths[0], s) || strings.Contains(a.paths[1], s)
}
