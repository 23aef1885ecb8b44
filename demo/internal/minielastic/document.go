package minielastic

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// document serves /{index}/_doc/{id}.
func (h *Handler) document(r *http.Request) (int, any, error) {
	switch r.Method {
	case http.MethodPut, http.MethodPost:
		return h.indexDocument(r)
	case http.MethodDelete:
		ix, err := h.index(r.PathValue("index"))
		if err != nil {
			return 0, nil, err
		}
		return ix.delete(r.PathValue("id"))
	case http.MethodGet, http.MethodHead:
		ix, err := h.index(r.PathValue("index"))
		if err != nil {
			return 0, nil, err
		}
		id := r.PathValue("id")
		doc, ok := ix.get(id)
		if !ok {
			return http.StatusNotFound, map[string]any{"_index": ix.name, "_id": id, "found": false}, nil
		}
		return http.StatusOK, map[string]any{
			"_index": ix.name, "_id": id, "_version": doc.version, "_seq_no": doc.seq, "_primary_term": 1,
			"found": true, "_source": doc.source,
		}, nil
	}
	return notSupported(r)
}

func (h *Handler) indexDocument(r *http.Request) (int, any, error) {
	return h.putDocument(r, r.URL.Query().Get("op_type") == "create")
}

func (h *Handler) createDocument(r *http.Request) (int, any, error) {
	if r.Method != http.MethodPut && r.Method != http.MethodPost {
		return notSupported(r)
	}
	return h.putDocument(r, true)
}

func (h *Handler) putDocument(r *http.Request, create bool) (int, any, error) {
	source, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, nil, err
	}
	ix, err := h.indexToWrite(r.PathValue("index"))
	if err != nil {
		return 0, nil, err
	}
	return ix.put(cmp.Or(r.PathValue("id"), rand.Text()), source, create)
}

// bulk serves _bulk: lines of JSON, each an action, followed by its document unless it deletes.
func (h *Handler) bulk(r *http.Request) (int, any, error) {
	start := time.Now()
	lines := bufio.NewReader(r.Body)
	var items []any
	var failed bool
	for {
		line, err := nextLine(lines)
		if err == io.EOF {
			break
		} else if err != nil {
			return 0, nil, err
		}
		var action map[string]struct {
			Index string `json:"_index"`
			ID    string `json:"_id"`
		}
		if err := json.Unmarshal(line, &action); err != nil || len(action) != 1 {
			return 0, nil, malformed
		}
		for verb, target := range action {
			name, id := cmp.Or(target.Index, r.PathValue("index")), target.ID
			var source []byte
			if verb == "index" || verb == "create" {
				id = cmp.Or(id, rand.Text())
				if source, err = nextLine(lines); err != nil {
					return 0, nil, malformed
				}
			}
			item, ok, err := h.bulkItem(verb, name, id, source)
			if err != nil {
				return 0, nil, err
			}
			items = append(items, map[string]any{verb: item})
			failed = failed || !ok
		}
	}
	if items == nil {
		return 0, nil, failf("parse_exception", "request body is required")
	}
	return http.StatusOK, map[string]any{
		"took":   time.Since(start).Milliseconds(),
		"errors": failed,
		"items":  items,
	}, nil
}

var malformed = &failure{
	Type:   "illegal_argument_exception",
	Reason: "Malformed action/metadata line, expected [create] or [index] with a document, or [delete]",
}

// bulkItem performs an action. A failed action is a normal item; an error means that the request is
// invalid.
func (h *Handler) bulkItem(verb, name, id string, source []byte) (item map[string]any, ok bool, err error) {
	if name == "" {
		return nil, false, failf("action_request_validation_exception", "index is missing")
	}
	var status int
	var body any
	var ix *index
	switch verb {
	case "index", "create":
		if ix, err = h.indexToWrite(name); err == nil {
			status, body, err = ix.put(id, source, verb == "create")
		}
	case "delete":
		if ix, err = h.index(name); err == nil {
			status, body, err = ix.delete(id)
		}
	default:
		return nil, false, malformed
	}
	if err == nil {
		item = body.(map[string]any)
		item["status"] = status
		return item, true, nil
	}
	f, isFailure := errors.AsType[*failure](err)
	if !isFailure {
		return nil, false, fmt.Errorf("%s %s: %w", verb, id, err)
	}
	return map[string]any{"_index": name, "_id": id, "status": f.status(), "error": f.cause()}, false, nil
}

// nextLine returns the next line that is not empty.
func nextLine(r *bufio.Reader) ([]byte, error) {
	for {
		line, err := r.ReadBytes('\n')
		line = bytes.TrimSpace(line)
		switch {
		case err == io.EOF && len(line) > 0:
			return nil, failf("illegal_argument_exception", `The bulk request must be terminated by a newline [\n]`)
		case err != nil || len(line) > 0:
			return line, err
		}
	}
}
