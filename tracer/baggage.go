package tracer

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// What of baggage is read from a peer, and what is written for one. It is copied into every span, and sent on with
// every call.
const (
	maxBaggageItems = 64
	maxBaggageBytes = 8192 // of keys and values, as they are written
)

// baggage is what is written, by the names that it gets, without the prefix.
type baggage map[string]baggageItem

type baggageItem struct{ key, value string } // the key as the program has it

// writeBaggage writes c's baggage in Jaeger's way, with encoded so that it breaks no request: an item whose key no
// header can carry is left out, and so is what exceeds the bounds, the last by their keys. Of keys that become one in
// lower case the greatest is written: that which is in lower case already, if there is one, and always the same.
func writeBaggage(c jaeger.SpanContext, w opentracing.TextMapWriter, encoded bool) {
	var items baggage
	c.ForeachBaggageItem(func(key, value string) bool {
		name := key
		if encoded {
			if !headerSafe(key) {
				return true
			}
			name, value = strings.ToLower(key), url.QueryEscape(value)
		}
		if name == "" || key < items[name].key {
			return true
		}
		if items == nil {
			items = baggage{}
		}
		items[name] = baggageItem{key, value}
		return true
	})
	if len(items) == 0 {
		return
	}
	items.bound()
	// An old value under the same name in another case would be read as well, and chance would say which of them counts.
	switch c := w.(type) {
	case opentracing.HTTPHeadersCarrier:
		takeOut(items, c)
	case http.Header:
		takeOut(items, c)
	case opentracing.TextMapCarrier:
		takeOut(items, c)
	}
	for name, it := range items {
		w.Set(jaeger.TraceBaggageHeaderPrefix+name, it.value)
	}
}

// bound removes what there may not be.
func (items baggage) bound() {
	size := 0
	for name, it := range items {
		size += len(name) + len(it.value)
	}
	if len(items) <= maxBaggageItems && size <= maxBaggageBytes {
		return
	}
	kept, size := 0, 0
	for _, name := range slices.Sorted(maps.Keys(items)) {
		bytes := len(name) + len(items[name].value)
		if kept == maxBaggageItems || size+bytes > maxBaggageBytes {
			delete(items, name)
			continue
		}
		kept, size = kept+1, size+bytes
	}
}

// takeOut removes from carrier what Extract would take for one of items.
func takeOut[M ~map[string]V, V any](items baggage, carrier M) {
	const prefix = jaeger.TraceBaggageHeaderPrefix
	var written map[string]bool // in lower case, as Extract has them; made only where there is something to be looked up
	for key := range carrier {
		if len(key) <= len(prefix) || !strings.EqualFold(key[:len(prefix)], prefix) {
			continue
		}
		if written == nil {
			written = make(map[string]bool, len(items))
			for name := range items {
				written[strings.ToLower(name)] = true
			}
		}
		if written[strings.ToLower(key[len(prefix):])] {
			delete(carrier, key)
		}
	}
}

// headerSafe reports whether a baggage key may be part of a header's name, both of HTTP and of gRPC, which allows
// fewer characters and fails the whole call at another.
func headerSafe(key string) bool {
	for _, c := range []byte(key) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	// gRPC sends the value of such a key in base64, and fails a call that brings it as another proxy wrote it.
	return key != "" && !strings.HasSuffix(strings.ToLower(key), "-bin")
}

// addBaggage takes an item under a key in lower case.
func (in *incoming) addBaggage(key, value string) {
	size := in.baggageBytes + len(key) + len(value)
	if _, ok := in.baggage[key]; ok || key == "" || len(in.baggage) == maxBaggageItems || size > maxBaggageBytes {
		return
	}
	if in.baggage == nil {
		in.baggage = map[string]string{}
	}
	in.baggage[key], in.baggageBytes = value, size
}

// addBaggageList reads the header jaeger-baggage (k1=v1, k2=v2), which people type. It splits
// before it decodes, so a value may hold an encoded comma or "=". It skips malformed pairs without
// logging them, as Jaeger's client does: a peer could fill the log.
func (in *incoming) addBaggageList(list string) {
	encoded := strings.IndexByte(list, '=') >= 0
	if !encoded { // a gateway may have encoded the whole list
		var ok bool
		if list, ok = in.unescape(list); !ok {
			return
		}
	}
	for pair := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			continue
		}
		key, keyOK := in.own(strings.TrimSpace(key), encoded)
		value, valueOK := in.own(value, encoded)
		if keyOK && valueOK && in.spend(len(key)) { // for the lower-case copy of the key
			in.addBaggage(strings.ToLower(strings.TrimSpace(key)), value)
		}
	}
}

// own returns a copy of s, URL-decoded if encoded is set and s is well-formed. It returns false if
// the budget for copies is spent. It copies, since s may be part of a header of a megabyte, which
// the span would keep alive.
func (in *incoming) own(s string, encoded bool) (string, bool) {
	if !in.spend(len(s)) {
		return "", false
	}
	if !encoded {
		return strings.Clone(s), true
	}
	if v, err := url.QueryUnescape(s); err == nil && v != s {
		return v, true
	}
	return strings.Clone(s), true
}

// unescape decodes s, where that can be afforded and s is an encoding.
func (in *incoming) unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	if !in.spend(len(s)) {
		return "", false
	}
	v, err := url.QueryUnescape(s)
	return v, err == nil
}

// spend reports whether n more bytes may be made of what a peer sent, and counts them: it can send a megabyte.
func (in *incoming) spend(n int) bool {
	in.spent += n + 32 // as much is lost around the smallest piece of memory
	return in.spent <= maxSpent
}

// maxSpent lets all baggage through that the bounds do, encoded.
const maxSpent = 3*maxBaggageBytes + 8192
