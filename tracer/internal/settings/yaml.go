package settings

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

	"github.com/opentracing/opentracing-go"
	"github.com/uber/jaeger-client-go"
	"go.yaml.in/yaml/v3"
)

const maxDocument = 1 << 20 // bytes

// YAML parses a document. It returns an error if r cannot be read or is not YAML. Errors about keys
// are kept: Read returns them with those of the variables.
func YAML(r io.Reader) (*Source, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("tracer: cannot read the document: %w", err)
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("tracer: the document has more than %d bytes", maxDocument)
	}
	src := &Source{document: map[string]entry{}}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, second yaml.Node
	if err := decoder.Decode(&root); errors.Is(err, io.EOF) {
		return src, nil
	} else if err != nil {
		return nil, syntaxError(err, text)
	}
	src.readSection("", root.Content[0])
	if err := decoder.Decode(&second); err == nil {
		src.errorf("line %d: a second document begins here: want one", second.Content[0].Line)
	} else if !errors.Is(err, io.EOF) {
		src.errs = append(src.errs, syntaxError(err, text))
	}
	return src, nil
}

// syntaxError adds the line to an error of the YAML package, which omits it for the first line, for
// characters that it does not accept, and for unknown anchors.
func syntaxError(err error, document []byte) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if strings.HasPrefix(text, "line ") {
		return fmt.Errorf("tracer: yaml: %s", text)
	}
	wrong := func([]byte) bool { return true }
	anchor, unknownAnchor := strings.CutPrefix(text, "unknown anchor '")
	switch {
	case unknownAnchor:
		alias := "*" + anchor[:strings.LastIndexByte(anchor, '\'')]
		delimiter := func(c rune) bool { return strings.ContainsRune(" \t\r,[]{}", c) }
		wrong = func(line []byte) bool { return slices.Contains(strings.FieldsFunc(string(line), delimiter), alias) }
	case strings.Contains(text, "UTF-8"):
		wrong = func(line []byte) bool { return !utf8.Valid(line) }
	case strings.HasPrefix(text, "control characters"):
		control := func(c rune) bool { return unicode.IsControl(c) && !strings.ContainsRune("\t\r\u0085", c) }
		wrong = func(line []byte) bool { return bytes.ContainsFunc(line, control) }
	}
	if at := slices.IndexFunc(bytes.Split(document, []byte("\n")), wrong); at >= 0 {
		text = fmt.Sprintf("line %d: %s", at+1, text)
	}
	return fmt.Errorf("tracer: yaml: %s", text)
}

// wrong adds an error about the key at path.
func (src *Source) wrong(n *yaml.Node, path, format string, args ...any) {
	src.errorf("line %d: %s: %s", n.Line, path, fmt.Sprintf(format, args...))
}

// readSection reads a mapping of keys. prefix is "" for the document, or a path such as "sampler.".
func (src *Source) readSection(prefix string, n *yaml.Node) {
	n = resolve(n)
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		src.wrong(n, cmp.Or(strings.TrimSuffix(prefix, "."), "the document"), "want keys with values")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolve(n.Content[i+1])
		path := prefix + name.Value
		k := lookup(path)
		switch {
		case k == nil:
			src.wrong(name, path, "unknown key%s", didYouMean(path))
		case empty(value): // not set
		case k.section || k.form == tags:
			if !src.add(k.paths[0], entry{key: path, line: name.Line}) {
				continue
			}
			if k.section {
				src.readSection(k.paths[0]+".", value)
			} else {
				src.readTags(path, value)
			}
		case k.unsupported != "":
			src.wrong(name, path, "not supported: %s", k.unsupported)
		default:
			src.readValue(path, k, value)
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

// readValue adds the setting of k. It converts the value to the form that the variable has.
func (src *Source) readValue(path string, k *key, n *yaml.Node) {
	written, ok := n.Value, n.Kind == yaml.ScalarNode
	if k.form == list && n.Kind == yaml.SequenceNode {
		if written, ok = src.joinList(path, n); !ok {
			return
		}
	}
	if !ok {
		src.wrong(n, path, "want one value")
		return
	}
	if k.only != "" {
		if !strings.EqualFold(written, k.only) {
			src.wrong(n, path, "%q: want %s, the only value that is supported", written, k.only)
		}
		return
	}
	value := written
	b, isBool := yamlBool(value)
	switch k.form {
	case boolean, negated:
		if !isBool {
			src.wrong(n, path, "%q: want %s", value, wantBool)
			return
		}
		value = strconv.FormatBool(b != (k.form == negated))
	case numeric:
		if isBool {
			value = map[bool]string{true: "1", false: "0"}[b]
		}
	case seconds, millis:
		if f, err := strconv.ParseFloat(value, 64); err == nil { // also 1e3, which time.ParseDuration rejects
			value = strconv.FormatFloat(f, 'f', -1, 64) + map[form]string{seconds: "s", millis: "ms"}[k.form]
		}
	case hostPort:
		host, port, err := net.SplitHostPort(value)
		if err != nil {
			src.wrong(n, path, "%q: want host:port", Redact(value))
			return
		}
		src.add(agentHost, entry{host, host, path, n.Line})
		src.add(agentPort, entry{port, port, path, n.Line})
		return
	}
	src.add(k.setting, entry{value, written, path, n.Line})
}

// joinList joins the items of a list with commas.
func (src *Source) joinList(path string, n *yaml.Node) (string, bool) {
	var items []string
	for _, item := range n.Content {
		item = resolve(item)
		if item.Kind != yaml.ScalarNode || empty(item) {
			src.wrong(item, path, "want one value for each item of the list")
			return "", false
		}
		items = append(items, item.Value)
	}
	if items == nil {
		src.wrong(n, path, "want at least one value")
	}
	return strings.Join(items, ","), items != nil
}

// add adds a setting or a section of the document. It returns false, and adds an error, if the
// document already has it.
func (src *Source) add(name string, e entry) bool {
	if before, ok := src.document[name]; ok {
		src.errorf("line %d: %s: already set on line %d as %s: want one of them", e.line, e.key, before.line,
			before.key)
		return false
	}
	src.document[name] = e
	return true
}

// yamlBool also accepts the words of YAML 1.1, which Python's parser uses.
func yamlBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "on":
		return true, true
	case "false", "no", "off":
		return false, true
	}
	return false, false
}

// readTags reads the tags of the process.
func (src *Source) readTags(path string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		src.wrong(n, path, "want keys with values")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolve(n.Content[i+1])
		at := path + "." + name.Value
		switch {
		case value.Kind != yaml.ScalarNode:
			src.wrong(value, at, "want one value")
			continue
		case name.Value == "":
			src.wrong(name, path, `"": want a key`)
			continue
		case value.Tag == "!!null": // not a tag; "" is one
			continue
		case slices.ContainsFunc(src.tags, func(t opentracing.Tag) bool { return t.Key == name.Value }):
			src.wrong(name, at, "is set twice")
			continue
		}
		var v any = value.Value
		if value.Tag == "!!int" || value.Tag == "!!float" || value.Tag == "!!bool" {
			if err := value.Decode(&v); err != nil {
				v = value.Value
			}
		}
		if _, ok := v.(string); name.Value == jaeger.TracerIPTagKey && !ok {
			src.wrong(value, at, "%q: want the host's address as a string", value.Value)
			continue
		}
		src.tags = append(src.tags, opentracing.Tag{Key: name.Value, Value: v})
	}
}
