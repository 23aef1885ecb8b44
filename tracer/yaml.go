package tracer

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gaptrace/gaptrace/internal/nearest"
	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"go.yaml.in/yaml/v3"
)

// maxDocument is how much of YAML is read.
const maxDocument = 1 << 20

// FromYAML opens a tracer as [New] does, from the YAML document that configures Jaeger's clients in other languages:
//
//	service_name: shop
//	sampler: {type: const, param: 1}
//	local_agent: {reporting_host: localhost, reporting_port: 6831}
//	logging: true
//	tags: {zone: eu}
//	propagation: b3
//
// The keys are those of jaeger-client-python's config, and the settings of Jaeger's Java and Go clients in sections
// sampler and reporter; docs/tracer.md has them all. Case, _ and - in keys do not matter. An option wins over the
// document, the document over the environment, the environment over New's defaults; a key whose value is empty says nothing.
// Where parts belong together they are read as a whole: the environment's sampler parameter is not for the document's
// sampler, and credentials are all the document's where it names an endpoint, a user, a password or a token, else all the
// environment's.
//
// A key that is not known is an error that names its line, and so is a malformed value, one that is said twice, and a
// setting of other clients that this one cannot honour. All errors are reported at once.
func FromYAML(r io.Reader, opts ...Option) (opentracing.Tracer, io.Closer, error) {
	document, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, nil, fmt.Errorf("tracer: the document cannot be read: %w", err)
	}
	if len(document) > maxDocument {
		return nil, nil, fmt.Errorf("tracer: the document has more than %d bytes", maxDocument)
	}
	e := &source{document: map[string]said{}}
	decoder := yaml.NewDecoder(bytes.NewReader(document))
	var root yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, nil, syntaxError(err, document)
	default:
		d := &yamlReader{e}
		d.section("", root.Content[0])
		var second yaml.Node
		switch err := decoder.Decode(&second); {
		case errors.Is(err, io.EOF):
		case err != nil:
			e.errs = append(e.errs, syntaxError(err, document))
		default:
			d.complain(second.Content[0], "there is a second document", "want one")
		}
	}
	return e.open("", opts)
}

// syntaxError is err with the line where it is. The library tells that for all lines but the first, unless what is wrong is
// a byte that it does not take, or an alias.
func syntaxError(err error, document []byte) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(text, "line ") {
		return fmt.Errorf("tracer: yaml: %s", text)
	}
	wrong := func([]byte) bool { return true }
	name, alias := strings.CutPrefix(text, "unknown anchor '")
	switch {
	case alias:
		name = "*" + name[:strings.LastIndexByte(name, '\'')]
		wrong = func(line []byte) bool {
			words := strings.FieldsFunc(string(line), func(c rune) bool { return strings.ContainsRune(" \t\r,[]{}", c) })
			return slices.Contains(words, name)
		}
	case strings.Contains(text, "UTF-8"):
		wrong = func(line []byte) bool { return !utf8.Valid(line) }
	case strings.HasPrefix(text, "control characters"):
		wrong = func(line []byte) bool {
			return bytes.ContainsFunc(line, func(c rune) bool { return unicode.IsControl(c) && !strings.ContainsRune("\t\r\u0085", c) })
		}
	}
	if at := slices.IndexFunc(bytes.Split(document, []byte("\n")), wrong); at >= 0 {
		text = fmt.Sprintf("line %d: %s", at+1, text)
	}
	return fmt.Errorf("tracer: yaml: %s", text)
}

// yamlReader takes a document's keys apart.
type yamlReader struct{ *source }

// section reads a mapping. at is where it is: "" for the document, or "sampler.".
func (d *yamlReader) section(at string, n *yaml.Node) {
	n = resolve(n)
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.complain(n, cmp.Or(strings.TrimSuffix(at, "."), "the document"), "want keys with values")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolve(n.Content[i+1])
		path := at + name.Value
		known, ok := lookup(path)
		switch {
		case !ok:
			d.complain(name, path, "unknown key"+suggest(path))
		case empty(value):
		case known.form == section:
			if d.say(known.path, said{key: path, line: name.Line}) {
				d.section(known.path+".", value)
			}
		case known.form == mapping:
			if d.say(known.path, said{key: path, line: name.Line}) {
				d.tagsOf(path, value)
			}
		default:
			d.value(path, known, name, value)
		}
	}
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func empty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && (n.Tag == "!!null" || n.Value == "")
}

func (d *yamlReader) complain(n *yaml.Node, path, what string) {
	d.errs = append(d.errs, fmt.Errorf("tracer: line %d: %s: %s", n.Line, path, what))
}

// value takes what a key says for the variable that it stands for.
func (d *yamlReader) value(path string, k key, name, n *yaml.Node) {
	if k.form == nothing {
		d.complain(name, path, "cannot be honoured: "+k.variable)
		return
	}
	if k.form == items && n.Kind == yaml.SequenceNode {
		var words []string
		for _, item := range n.Content {
			item = resolve(item)
			if item.Kind != yaml.ScalarNode || empty(item) {
				d.complain(item, path, "want one value in each place of the list")
				return
			}
			words = append(words, item.Value)
		}
		if words == nil { // no choice is not the environment's
			d.complain(n, path, "want one value at least")
			return
		}
		n = &yaml.Node{Kind: yaml.ScalarNode, Value: strings.Join(words, ","), Line: n.Line}
	}
	if n.Kind != yaml.ScalarNode {
		d.complain(n, path, "want one value")
		return
	}
	value := n.Value
	switch k.form {
	case fixed:
		if !strings.EqualFold(value, k.variable) {
			d.complain(n, path, fmt.Sprintf("%q: want %s, as there is no other here", value, k.variable))
		}
		return
	case boolean, not:
		b, ok := yamlBool(value)
		if !ok {
			d.complain(n, path, fmt.Sprintf("%q: want %s", value, wantBool))
			return
		}
		value = strconv.FormatBool(b != (k.form == not))
	case numeric:
		if b, ok := yamlBool(value); ok {
			value = map[bool]string{true: "1", false: "0"}[b]
		}
	case seconds, millis:
		if f, err := strconv.ParseFloat(value, 64); err == nil { // also 1e3, which no duration is
			value = strconv.FormatFloat(f, 'f', -1, 64) + map[form]string{seconds: "s", millis: "ms"}[k.form]
		}
	case hostPort:
		host, port, err := net.SplitHostPort(value)
		if err != nil {
			d.complain(n, path, fmt.Sprintf("%q: want host:port", redact(value)))
			return
		}
		d.say("JAEGER_AGENT_HOST", said{host, host, path, n.Line})
		d.say("JAEGER_AGENT_PORT", said{port, port, path, n.Line})
		return
	}
	d.say(k.variable, said{value, n.Value, path, n.Line})
}

// say notes what the document says of a variable, or that it has a section. It reports false, and complains, where it did so
// before.
func (d *yamlReader) say(variable string, s said) bool {
	if before, ok := d.document[variable]; ok {
		d.errs = append(d.errs, fmt.Errorf("tracer: line %d: %s: line %d says the same in %s: want one of them", s.line, s.key, before.line, before.key))
		return false
	}
	d.document[variable] = s
	return true
}

// yamlBool also knows the words of YAML 1.1, which is Python's.
func yamlBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}

// tagsOf reads the tags of the process.
func (d *yamlReader) tagsOf(path string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.complain(n, path, "want keys with values")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolve(n.Content[i+1])
		at := path + "." + name.Value
		var v any
		switch {
		case value.Kind != yaml.ScalarNode:
			d.complain(value, at, "want one value")
			continue
		case name.Value == "":
			d.complain(name, path, `"": want a key`)
			continue
		case value.Tag == "!!null": // "" is a value
			continue
		case slices.ContainsFunc(d.tags, func(t opentracing.Tag) bool { return t.Key == name.Value }):
			d.complain(name, at, "is said twice")
			continue
		case value.Tag == "!!int" || value.Tag == "!!float" || value.Tag == "!!bool":
			if err := value.Decode(&v); err != nil {
				v = value.Value
			}
		default:
			v = value.Value
		}
		if _, ok := v.(string); name.Value == jaeger.TracerIPTagKey && !ok {
			d.complain(value, at, fmt.Sprintf("%q: want the host's address as a string", value.Value))
			continue
		}
		d.tags = append(d.tags, opentracing.Tag{Key: name.Value, Value: plain(v)})
	}
}

// plainKey is a key without case, _ and -.
func plainKey(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}

func lookup(path string) (key, bool) {
	path = plainKey(path)
	i := slices.IndexFunc(keys, func(k key) bool {
		return plainKey(k.path) == path || k.also != "" && plainKey(k.also) == path
	})
	if i < 0 {
		return key{}, false
	}
	return keys[i], true
}

// suggest names the known key of the same section that is nearest to path, if one is near.
func suggest(path string) string {
	best, least := "", 3
	for _, k := range keys {
		if dir(k.path) == dir(path) {
			if d := nearest.Distance(plainKey(k.path), plainKey(path)); d < least {
				best, least = k.path, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best[len(dir(best)):] + "?"
}

func dir(path string) string { return path[:strings.LastIndexByte(path, '.')+1] }
