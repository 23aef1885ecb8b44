package gapes

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/gaptrace/gaptrace/internal/spanutil"
)

// watchBulk is spanutil.WatchResponse for a bulk request. Failed items do not make the call fail,
// so they are tagged.
func watchBulk(call *spanutil.Call, res *http.Response) *http.Response {
	return watchPrefix(call, res, hasErrors, func(call *spanutil.Call, prefix []byte) {
		if !hasErrors(prefix) {
			return
		}
		call.Tag("es.errors", true)
		if n, all := failedItems(prefix); all {
			call.Tag("es.failed_items", n)
		}
	})
}

// hasErrors reports whether a response has "errors": true at its beginning. Most responses contain
// no true at all, which is cheaper to check than the expression.
func hasErrors(prefix []byte) bool {
	return bytes.Contains(prefix, []byte("true")) && errorsTrue.Match(prefix)
}

// errorsTrue matches only before the first object or array in the response.
var errorsTrue = regexp.MustCompile(`^\s*\{[^\[{]*"errors"\s*:\s*true`)

// failedItems counts the items with an error in {"items":[{"index":{…,"error":{…}}},…]}. all
// reports whether prefix has all items.
func failedItems(prefix []byte) (n int, all bool) {
	d := json.NewDecoder(bytes.NewReader(prefix))
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
