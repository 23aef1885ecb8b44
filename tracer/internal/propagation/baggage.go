package propagation

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
)

// The limits of baggage in Extract and in Inject: it is copied into every span and every request.
const (
	maxBaggageItems = 64
	maxBaggageBytes = 8192 // of keys and values, as they are written

	// maxCopied limits how many bytes are copied from one carrier, which may contain a megabyte. It
	// is enough for all baggage within the limits, even if all of it is URL-encoded.
	maxCopied = 3*maxBaggageBytes + 8192
)

// baggage holds the items that Inject writes, by the header's name without its prefix.
type baggage map[string]baggageItem

type baggageItem struct{ key, value string } // key as the program set it

// writeBaggage writes c's baggage in Jaeger's headers. If encoded is set, it omits items whose key
// cannot be part of a header's name. Among keys that differ only in case it chooses the last one in
// byte order, such as the one in lower case: the choice must not change from call to call.
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
	items.limit()
	// Remove old values whose name differs in case. Extract keeps the value that it finds first,
	// and the order of a map is random.
	deleteKeys(w, func(key string) bool {
		old, ok := baggageName(key)
		if !ok {
			return false
		}
		old = strings.ToLower(old) // as Extract compares names
		for name := range items {
			if strings.ToLower(name) == old {
				return true
			}
		}
		return false
	})
	for name, item := range items {
		w.Set(jaeger.TraceBaggageHeaderPrefix+name, item.value)
	}
}

// limit keeps the items that fit, in the order of their names, and removes the others.
func (items baggage) limit() {
	size := 0
	for name, item := range items {
		size += len(name) + len(item.value)
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

// baggageName returns key without the prefix of baggage headers.
func baggageName(key string) (string, bool) {
	const prefix = jaeger.TraceBaggageHeaderPrefix
	if len(key) <= len(prefix) || !strings.EqualFold(key[:len(prefix)], prefix) {
		return "", false
	}
	return key[len(prefix):], true
}

// headerSafe reports whether a baggage key may be part of a header's name in HTTP and in gRPC,
// which allows fewer characters. With any other character, gRPC fails the call.
func headerSafe(key string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	// gRPC decodes the value of a key that ends in -bin as base64. If it is not base64, the call
	// fails.
	return key != "" && strings.Trim(key, allowed) == "" && !strings.HasSuffix(strings.ToLower(key), "-bin")
}

// addBaggage adds an item under a key in lower case. The first value of a key counts.
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

// addBaggageList reads the header jaeger-baggage (k1=v1, k2=v2), which is written by hand. It
// splits before it decodes, so a value may contain an encoded comma or "=". As Jaeger's client
// does, it skips malformed pairs. It does not log them, since a peer could fill the log.
func (in *incoming) addBaggageList(list string) {
	encoded := strings.Contains(list, "=")
	list = in.decoded(list, !encoded) // a gateway may have encoded the whole list
	for pair := range strings.SplitSeq(list, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			continue
		}
		key, keyOK := in.copy(strings.TrimSpace(key), encoded)
		value, valueOK := in.copy(value, encoded)
		if keyOK && valueOK && in.spend(len(key)) { // for the lower-case copy of the key
			in.addBaggage(strings.ToLower(strings.TrimSpace(key)), value)
		}
	}
}

// copy returns a copy of s, decoded if encoded is set and s is well-formed. It returns false if the
// limit for copies is reached. Without a copy, a span would keep the whole header in memory.
func (in *incoming) copy(s string, encoded bool) (string, bool) {
	if !in.spend(len(s)) {
		return "", false
	}
	if encoded {
		if v, err := url.QueryUnescape(s); err == nil && v != s {
			return v, true
		}
	}
	return strings.Clone(s), true
}

// spend reports whether n more bytes may be copied. Each copy costs about 32 bytes more.
func (in *incoming) spend(n int) bool {
	in.copied += n + 32
	return in.copied <= maxCopied
}
