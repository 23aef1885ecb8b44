package minielastic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/custom"
	"github.com/blevesearch/bleve/v2/analysis/token/lowercase"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
)

// index keeps the documents as they were sent. Its engine finds their IDs.
type index struct {
	engine bleve.Index

	mu   sync.RWMutex
	docs map[string]json.RawMessage
}

func newIndex() (*index, error) {
	m := bleve.NewIndexMapping()
	const words = "words" // lower-cased, no stop words: Elasticsearch's standard analyzer, unlike bleve's
	err := m.AddCustomAnalyzer(words, map[string]any{
		"type": custom.Name, "tokenizer": unicode.Name, "token_filters": []string{lowercase.Name},
	})
	if err != nil {
		return nil, err
	}
	m.DefaultAnalyzer = words
	engine, err := bleve.NewMemOnly(m)
	return &index{engine: engine, docs: map[string]json.RawMessage{}}, err
}

func (ix *index) get(id string) json.RawMessage {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	return ix.docs[id]
}

func (ix *index) put(id string, source json.RawMessage) error {
	var object map[string]any
	if err := json.Unmarshal(source, &object); err != nil || object == nil {
		return failf("document_parsing_exception", "failed to parse: not a JSON object")
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.docs[id] = source
	return ix.engine.Index(id, object)
}

func (h *Handler) createIndex(r *http.Request) (any, error) {
	if body, err := io.ReadAll(r.Body); err != nil || len(body) > 0 {
		return nil, failf("parsing_exception", "an index has no settings here")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	name := r.PathValue("index")
	if h.indices[name] != nil {
		return nil, failf("resource_already_exists_exception", "index [%s] already exists", name)
	}
	ix, err := newIndex()
	if err != nil {
		return nil, err
	}
	h.indices[name] = ix
	return map[string]any{"acknowledged": true, "shards_acknowledged": true, "index": name}, nil
}

func (h *Handler) deleteIndex(r *http.Request) (any, error) {
	ix, err := h.index(r)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	delete(h.indices, r.PathValue("index"))
	h.mu.Unlock()
	return map[string]any{"acknowledged": true}, ix.engine.Close()
}

// index returns the index in the URL.
func (h *Handler) index(r *http.Request) (*index, error) {
	name := r.PathValue("index")
	h.mu.RLock()
	defer h.mu.RUnlock()
	if ix := h.indices[name]; ix != nil {
		return ix, nil
	}
	f := failf("index_not_found_exception", "no such index [%s]", name)
	f.Status = http.StatusNotFound
	return nil, f
}

// bulk stores documents. The body has two lines for each: {"index":{"_id":"…"}}, and the document.
func (h *Handler) bulk(r *http.Request) (any, error) {
	start := time.Now()
	ix, err := h.index(r)
	if err != nil {
		return nil, err
	}
	var items []any
	for lines := bufio.NewReader(r.Body); ; {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 && items != nil {
			took := time.Since(start).Milliseconds()
			return map[string]any{"took": took, "errors": false, "items": items}, nil
		}
		var action struct {
			Index struct {
				ID string `json:"_id"`
			} `json:"index"`
		}
		if err == nil {
			err = decode(line, &action)
		}
		id := action.Index.ID
		source, lacking := lines.ReadBytes('\n')
		if err != nil || lacking != nil || id == "" {
			return nil, failf("illegal_argument_exception",
				"want lines that end in a newline, [index] with an [_id] and a document in turn")
		}
		if err := ix.put(id, bytes.TrimSpace(source)); err != nil {
			return nil, err
		}
		items = append(items, map[string]any{"index": map[string]any{"_id": id, "status": http.StatusCreated}})
	}
}

// decode decodes JSON. An unknown key is an error: ignoring it would answer a different request.
func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
