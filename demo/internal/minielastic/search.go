package minielastic

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/blevesearch/bleve/v2"
)

// search finds the documents with any word of a text in a field, the best first:
//
//	{"size": 20, "query": {"match": {"field": "text"}}}
func (h *Handler) search(r *http.Request) (any, error) {
	start := time.Now()
	ix, err := h.index(r)
	if err != nil {
		return nil, err
	}
	body := struct {
		Size  int `json:"size"`
		Query struct {
			Match map[string]string `json:"match"`
		} `json:"query"`
	}{Size: 10}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := decode(text, &body); err != nil {
		return nil, failf("parsing_exception", "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if len(body.Query.Match) != 1 || body.Size < 0 {
		return nil, failf("parsing_exception", "want a query [match] of one field, and a [size] of 0 or more")
	}
	query := bleve.NewMatchQuery("")
	for field, words := range body.Query.Match {
		query.SetField(field)
		query.Match = words
	}
	found, err := ix.engine.SearchInContext(r.Context(), bleve.NewSearchRequestOptions(query, body.Size, 0, false))
	if err != nil {
		return nil, err
	}
	hits := []any{} // [] in JSON, not null
	for _, hit := range found.Hits {
		hits = append(hits, map[string]any{
			"_index": r.PathValue("index"), "_id": hit.ID, "_score": hit.Score, "_source": ix.get(hit.ID),
		})
	}
	return map[string]any{
		"took":      time.Since(start).Milliseconds(),
		"timed_out": false,
		"_shards":   map[string]any{"total": 1, "successful": 1, "skipped": 0, "failed": 0},
		"hits": map[string]any{
			"total":     map[string]any{"value": found.Total, "relation": "eq"},
			"max_score": found.MaxScore,
			"hits":      hits,
		},
	}, nil
}
