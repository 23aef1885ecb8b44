package gapes

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// counting is spanutil.WatchResponse for the answer to a bulk request, which succeeds even if some of
// its items fail.
func counting(call *spanutil.Call, res *http.Response) *http.Response {
	return lookingOn(call, res, hasErrors, func(head []byte) {
		if !hasErrors(head) {
			return
		}
		call.Tag("es.errors", true)
		if n, all := failedItems(head); all {
			call.Tag("es.failed_items", n)
		}
	})
}

// hasErrors looks for the word first: in the answer to a request that succeeded there is none.
func hasErrors(head []byte) bool {
	return bytes.Contains(head, []byte("true")) && errorsTrue.Match(head)
}

// errorsTrue stands at the beginning of an answer, before its items.
var errorsTrue = regexp.MustCompile(`^\s*\{[^\[{]*"errors"\s*:\s*true`)

// failedItems counts the items with an error in {"items":[{"index":{…,"error":{…}}},…]}, and reports whether it has seen
// them all.
func failedItems(head []byte) (n int, all bool) {
	d := json.NewDecoder(bytes.NewReader(head))
	if open, _ := d.Token(); open != json.Delim('{') {
		return 0, false
	}
	for name := range members(d) {
		if name != "items" {
			skip(d)
			continue
		}
		if open, _ := d.Token(); open != json.Delim('[') {
			return 0, false
		}
		for d.More() {
			var item map[string]struct {
				Error json.RawMessage `json:"error"`
			}
			if d.Decode(&item) != nil {
				return 0, false
			}
			for _, action := range item {
				if len(action.Error) > 0 && string(action.Error) != "null" {
					n++
				}
			}
		}
		end, _ := d.Token()
		return n, end == json.Delim(']')
	}
	return 0, false
}
