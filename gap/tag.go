package gap

import (
	"encoding/base64"
	"fmt"
	"slices"
)

// Tag returns the value of the span's tag with this key as text, or false if it has none. Of a tag
// that was set twice the last one counts. Bytes are encoded in base64, as in Jaeger's JSON.
func (s *Span) Tag(key string) (value string, ok bool) {
	for _, tag := range slices.Backward(s.Tags) {
		if tag.Key != key {
			continue
		}
		switch v := tag.Value.(type) {
		case string:
			return v, true
		case []byte:
			return base64.StdEncoding.EncodeToString(v), true
		default:
			return fmt.Sprint(v), true
		}
	}
	return "", false
}
