package minielastic

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/search"
	"github.com/blevesearch/bleve/v2/search/query"
)

// searchBody is the supported part of a search request.
type searchBody struct {
	Query json.RawMessage `json:"query"`
	From  int             `json:"from"`
	Size  *int            `json:"size"`

	TrackTotalHits any `json:"track_total_hits"` // ignored: the total is always exact
}

// parseSearch parses a search or count request: the body, and the URL, which takes precedence.
func parseSearch(r *http.Request) (from, size int, q query.Query, err error) {
	var body searchBody
	if err := decode(r.Body, &body, true); err != nil {
		return 0, 0, nil, err
	}
	from, size = body.From, 10
	if body.Size != nil {
		size = *body.Size
	}
	values := r.URL.Query()
	for name, into := range map[string]*int{"from": &from, "size": &size} {
		if text := values.Get(name); text != "" {
			if *into, err = strconv.Atoi(text); err != nil {
				return 0, 0, nil, failf("illegal_argument_exception",
					"Failed to parse int parameter [%s] with value [%s]", name, text)
			}
		}
		if *into < 0 {
			return 0, 0, nil, failf("illegal_argument_exception", "[%s] parameter cannot be negative", name)
		}
	}
	if text := values.Get("q"); text != "" {
		q, err = queryString(text)
	} else {
		q, err = translate(body.Query)
	}
	return from, size, q, err
}

// find runs a query on the indices in the URL, or on all.
func (h *Handler) find(
	r *http.Request, from, size int, q query.Query,
) (shardCount int, found *bleve.SearchResult, err error) {
	chosen, err := h.selected(r.PathValue("index"))
	if err != nil {
		return 0, nil, err
	}
	if len(chosen) == 0 {
		return 0, &bleve.SearchResult{}, nil
	}
	alias := bleve.NewIndexAlias()
	for _, ix := range chosen {
		alias.Add(ix.engine)
	}
	found, err = alias.SearchInContext(r.Context(), bleve.NewSearchRequestOptions(q, size, from, false))
	return len(chosen), found, err
}

func (h *Handler) search(r *http.Request) (int, any, error) {
	start := time.Now()
	from, size, q, err := parseSearch(r)
	if err != nil {
		return 0, nil, err
	}
	n, found, err := h.find(r, from, size, q)
	if err != nil {
		return 0, nil, err
	}
	var best any // null if there is no hit
	if len(found.Hits) > 0 {
		best = found.MaxScore
	}
	return http.StatusOK, map[string]any{
		"took":      time.Since(start).Milliseconds(),
		"timed_out": false,
		"_shards":   shards(n),
		"hits": map[string]any{
			"total":     map[string]any{"value": found.Total, "relation": "eq"},
			"max_score": best,
			"hits":      h.hits(found.Hits),
		},
	}, nil
}

func (h *Handler) hits(found search.DocumentMatchCollection) []any {
	hits := []any{} // [] in JSON, not null
	for _, match := range found {
		ix, err := h.index(match.Index)
		if err != nil {
			continue // deleted meanwhile
		}
		if doc, ok := ix.get(match.ID); ok {
			hits = append(hits, map[string]any{
				"_index": match.Index, "_id": match.ID, "_score": match.Score, "_source": doc.source,
			})
		}
	}
	return hits
}

func (h *Handler) count(r *http.Request) (int, any, error) {
	_, _, q, err := parseSearch(r)
	if err != nil {
		return 0, nil, err
	}
	n, found, err := h.find(r, 0, 0, q)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"count": found.Total, "_shards": shards(n)}, nil
}
