package minielastic

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/custom"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/keyword"
	"github.com/blevesearch/bleve/v2/analysis/token/lowercase"
	"github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/mapping"
	bleveindex "github.com/blevesearch/bleve_index_api"
)

// index keeps the documents as they were sent. Its engine finds their IDs.
type index struct {
	name   string
	fields fieldMapping
	engine bleve.Index

	mu   sync.RWMutex
	docs map[string]stored
	seq  int // the sequence number of the next change
}

type stored struct {
	source       json.RawMessage
	version, seq int
}

// fieldMapping is bleve's mapping with Elasticsearch's rules. A field consists of words, unless it
// is mapped as a keyword, or is the .keyword of a text field.
type fieldMapping struct {
	*mapping.IndexMappingImpl
	keywords map[string]bool
}

const words = "words" // lower-cased, no stop words: Elasticsearch's standard analyzer, unlike bleve's

func newFieldMapping(keywords map[string]bool) (fieldMapping, error) {
	m := bleve.NewIndexMapping()
	err := m.AddCustomAnalyzer(words, map[string]any{
		"type": custom.Name, "tokenizer": unicode.Name, "token_filters": []string{lowercase.Name},
	})
	m.DefaultAnalyzer = words
	return fieldMapping{m, keywords}, err
}

func (m fieldMapping) AnalyzerNameForPath(field string) string {
	if m.keywords[field] || strings.HasSuffix(field, ".keyword") {
		return keyword.Name
	}
	return words
}

func newIndex(name string, keywords map[string]bool) (*index, error) {
	fields, err := newFieldMapping(keywords)
	if err != nil {
		return nil, err
	}
	engine, err := bleve.NewMemOnly(fields)
	if err != nil {
		return nil, err
	}
	engine.SetName(name)
	return &index{name: name, fields: fields, engine: engine, docs: map[string]stored{}}, nil
}

func (ix *index) close() error { return ix.engine.Close() }

func (ix *index) get(id string) (stored, bool) {
	ix.mu.RLock()
	defer ix.mu.RUnlock()
	doc, ok := ix.docs[id]
	return doc, ok
}

// put stores a document. If create is set, the document must not exist yet.
func (ix *index) put(id string, source json.RawMessage, create bool) (status int, body any, err error) {
	doc, err := ix.parse(id, source)
	if err != nil {
		return 0, nil, err
	}
	ix.mu.Lock()
	defer ix.mu.Unlock()
	old, exists := ix.docs[id]
	if exists && create {
		return 0, nil, &failure{
			Type: "version_conflict_engine_exception",
			Reason: fmt.Sprintf("[%s]: version conflict, document already exists (current version [%d])",
				id, old.version),
			Index:  ix.name,
			Status: http.StatusConflict,
		}
	}
	inner, err := ix.engine.Advanced()
	if err != nil {
		return 0, nil, err
	}
	if err := inner.Update(doc); err != nil {
		return 0, nil, err
	}
	now := stored{source: source, version: old.version + 1, seq: ix.seq}
	ix.docs[id] = now
	ix.seq++
	if exists {
		return http.StatusOK, ix.changed(id, now, "updated"), nil
	}
	return http.StatusCreated, ix.changed(id, now, "created"), nil
}

func (ix *index) delete(id string) (status int, body any, err error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	old, exists := ix.docs[id]
	now := stored{version: old.version + 1, seq: ix.seq}
	ix.seq++
	if !exists {
		return http.StatusNotFound, ix.changed(id, now, "not_found"), nil
	}
	if err := ix.engine.Delete(id); err != nil {
		return 0, nil, err
	}
	delete(ix.docs, id)
	return http.StatusOK, ix.changed(id, now, "deleted"), nil
}

func (ix *index) changed(id string, doc stored, result string) any {
	return map[string]any{
		"_index": ix.name, "_id": id, "_version": doc.version, "_seq_no": doc.seq, "_primary_term": 1,
		"result": result, "_shards": shards(1),
	}
}

func shards(n int) map[string]any {
	return map[string]any{"total": n, "successful": n, "skipped": 0, "failed": 0}
}

// parse converts a JSON object to the fields that bleve indexes.
func (ix *index) parse(id string, source json.RawMessage) (*document.Document, error) {
	var object map[string]any
	if err := json.Unmarshal(source, &object); err != nil || object == nil {
		return nil, &failure{
			Type:   "document_parsing_exception",
			Reason: "failed to parse: not a JSON object",
			Index:  ix.name,
		}
	}
	doc := document.NewDocument(id)
	var exact []string // fields that a search of all fields must not find twice
	ix.flatten(doc, "", nil, object, &exact)
	doc.AddField(document.NewCompositeFieldWithIndexingOptions("_all", true, nil, exact, bleveindex.IndexField))
	return doc, nil
}

func (ix *index) flatten(doc *document.Document, name string, at []uint64, value any, exact *[]string) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			full := key
			if name != "" {
				full = name + "." + key
			}
			ix.flatten(doc, full, at, value[key], exact)
		}
	case []any:
		for i, element := range value {
			ix.flatten(doc, name, append(slices.Clone(at), uint64(i)), element, exact)
		}
	case string:
		ix.addText(doc, name, at, value)
		if whole := name + ".keyword"; !ix.fields.keywords[name] {
			ix.addText(doc, whole, at, value)
			*exact = append(*exact, whole)
		}
	case float64:
		doc.AddField(document.NewNumericFieldWithIndexingOptions(name, at, value, bleveindex.IndexField))
		*exact = append(*exact, name) // its terms are bits, not words
	case bool:
		doc.AddField(document.NewBooleanFieldWithIndexingOptions(name, at, value, bleveindex.IndexField))
		*exact = append(*exact, name)
	}
}

func (ix *index) addText(doc *document.Document, name string, at []uint64, value string) {
	analyzer := ix.fields.AnalyzerNamed(ix.fields.AnalyzerNameForPath(name))
	options := bleveindex.IndexField | bleveindex.IncludeTermVectors
	doc.AddField(document.NewTextFieldCustom(name, at, []byte(value), options, analyzer))
}

func (h *Handler) createIndex(r *http.Request) (int, any, error) {
	var body struct {
		Mappings struct {
			Properties properties `json:"properties"`
		} `json:"mappings"`
	}
	if err := decode(r.Body, &body, false); err != nil {
		return 0, nil, err
	}
	keywords := map[string]bool{}
	body.Mappings.Properties.keywords("", keywords)

	h.mu.Lock()
	defer h.mu.Unlock()
	name := r.PathValue("index")
	if _, exists := h.indices[name]; exists {
		return 0, nil, &failure{
			Type:   "resource_already_exists_exception",
			Reason: fmt.Sprintf("index [%s] already exists", name),
			Index:  name,
		}
	}
	if _, err := h.create(name, keywords); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"acknowledged": true, "shards_acknowledged": true, "index": name}, nil
}

// properties are the fields of a mapping. The fields of an object are nested.
type properties map[string]struct {
	Type       string     `json:"type"`
	Properties properties `json:"properties"`
}

func (p properties) keywords(prefix string, into map[string]bool) {
	for name, field := range p {
		into[prefix+name] = field.Type == "keyword"
		field.Properties.keywords(prefix+name+".", into)
	}
}

// create adds an index. The caller holds h.mu.
func (h *Handler) create(name string, keywords map[string]bool) (*index, error) {
	if strings.ToLower(name) != name || strings.ContainsAny(name, `\/*?"<>| ,#:`) ||
		strings.ContainsAny(name[:1], "-_+.") {
		return nil, &failure{
			Type:   "invalid_index_name_exception",
			Reason: fmt.Sprintf("Invalid index name [%s]", name),
			Index:  name,
		}
	}
	ix, err := newIndex(name, keywords)
	if err == nil {
		h.indices[name] = ix
	}
	return ix, err
}

// index returns the named index, or Elasticsearch's error for an index that does not exist.
func (h *Handler) index(name string) (*index, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if ix, ok := h.indices[name]; ok {
		return ix, nil
	}
	return nil, &failure{
		Type:   "index_not_found_exception",
		Reason: fmt.Sprintf("no such index [%s]", name),
		Index:  name,
		Status: http.StatusNotFound,
	}
}

// indexToWrite returns the named index, and creates it if it does not exist.
func (h *Handler) indexToWrite(name string) (*index, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ix, ok := h.indices[name]; ok {
		return ix, nil
	}
	return h.create(name, nil)
}

// selected returns the indices for an expression such as "a,b*", sorted by name. "" means all.
func (h *Handler) selected(expression string) ([]*index, error) {
	var all []*index
	h.mu.RLock()
	for _, name := range slices.Sorted(maps.Keys(h.indices)) {
		all = append(all, h.indices[name])
	}
	h.mu.RUnlock()

	expression = cmp.Or(expression, "*")
	if expression == "_all" {
		expression = "*"
	}
	var chosen []*index
	for name := range strings.SplitSeq(expression, ",") {
		if !strings.Contains(name, "*") {
			ix, err := h.index(name)
			if err != nil {
				return nil, err
			}
			chosen = append(chosen, ix)
			continue
		}
		for _, ix := range all {
			if ok, err := path.Match(name, ix.name); ok && err == nil {
				chosen = append(chosen, ix)
			}
		}
	}
	return chosen, nil
}

func (h *Handler) indexExists(r *http.Request) (int, any, error) {
	if r.Method != http.MethodHead {
		return notSupported(r)
	}
	_, err := h.index(r.PathValue("index"))
	return http.StatusOK, nil, err
}

func (h *Handler) deleteIndex(r *http.Request) (int, any, error) {
	ix, err := h.index(r.PathValue("index"))
	if err != nil {
		return 0, nil, err
	}
	h.mu.Lock()
	delete(h.indices, ix.name)
	h.mu.Unlock()
	return http.StatusOK, map[string]any{"acknowledged": true}, ix.close()
}

func (h *Handler) refresh(r *http.Request) (int, any, error) {
	chosen, err := h.selected(r.PathValue("index"))
	return http.StatusOK, map[string]any{"_shards": shards(len(chosen))}, err
}

// decode decodes a JSON body, which may be missing. If strict, an unknown key is an error: ignoring
// it would answer a different request.
func decode(body io.Reader, into any, strict bool) error {
	d := json.NewDecoder(body)
	if strict {
		d.DisallowUnknownFields()
	}
	err := d.Decode(into)
	if err == nil || err == io.EOF {
		return nil
	}
	if f, ok := errors.AsType[*failure](err); ok { // from a clause of a query, more precise than the JSON error
		return f
	}
	return &failure{Type: "parsing_exception", Reason: strings.TrimPrefix(err.Error(), "json: ")}
}

func decodeStrict(raw json.RawMessage, into any) error {
	return decode(bytes.NewReader(raw), into, true)
}
