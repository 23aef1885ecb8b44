package otlp

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/gaptrace/gaptrace/gap"
)

// maxDepth bounds how deep arrays and maps in the value of an attribute are nested. Deeper ones are
// nil.
const maxDepth = 100

// fieldValue returns the value of an attribute as [gap.Field] has it. value is a string, bool,
// int64, float64, []byte, []any, map[string]any or nil. Arrays and maps become JSON.
func fieldValue(value any) any {
	switch value.(type) {
	case []any, map[string]any:
	default:
		return value
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(encodable(value)); err != nil { // impossible
		return fmt.Sprint(value)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte{'\n'}))
}

// encodable replaces values that encoding/json does not encode as themselves by text.
func encodable(value any) any {
	switch v := value.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
	case []byte:
		if v == nil {
			return ""
		}
	case []any:
		for i := range v {
			v[i] = encodable(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = encodable(v[key])
		}
	}
	return value
}

// keys is a set of keys. It rejects most other keys without hashing them.
type keys struct {
	set     map[string]bool
	lengths uint64    // bit i%64 is set for each length i
	firsts  [4]uint64 // a bit is set for each first byte
}

func newKeys(set map[string]bool) keys {
	k := keys{set: set}
	for key := range set {
		k.lengths |= 1 << (len(key) & 63)
		if key != "" {
			k.firsts[key[0]>>6] |= 1 << (key[0] & 63)
		}
	}
	return k
}

// has reports whether the set has the key.
func has[K string | []byte](k *keys, key K) bool {
	return k.lengths&(1<<(len(key)&63)) != 0 && (len(key) == 0 || k.firsts[key[0]>>6]&(1<<(key[0]&63)) != 0) &&
		k.set[string(key)]
}

// Bounds of the cache of processes.
const (
	maxProcesses = 4096
	maxProcess   = 4096 // bytes of their content
)

// processes creates processes. Those with equal content share one pointer, up to a limit.
type processes struct {
	known   map[string]*gap.Process // by content
	content []byte                  // of the last one
}

// get returns the process, or nil if it has neither a service nor tags.
func (p *processes) get(service string, tags []gap.Field) *gap.Process {
	if service == "" && len(tags) == 0 {
		return nil
	}
	b := appendText(p.content[:0], service)
	for _, tag := range tags {
		b = appendText(b, tag.Key)
		switch v := tag.Value.(type) {
		case string:
			b = appendText(append(b, 's'), v)
		case []byte:
			b = appendText(append(b, 'x'), string(v))
		default:
			b = appendText(b, fmt.Sprintf("%T %v", v, v))
		}
	}
	p.content = b
	if known := p.known[string(b)]; known != nil {
		return known
	}
	made := &gap.Process{Service: service, Tags: tags}
	if len(b) <= maxProcess {
		if p.known == nil || len(p.known) == maxProcesses {
			p.known = map[string]*gap.Process{}
		}
		p.known[string(b)] = made
	}
	return made
}

// appendText appends a text so that no other sequence of texts gives the same bytes.
func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
