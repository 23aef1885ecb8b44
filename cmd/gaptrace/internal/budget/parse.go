package budget

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gaptrace/gaptrace/internal/suggest"
)

// File is a file of budgets.
type File struct {
	Name    string
	Budgets []Budget
}

// Budget is the limits of the operations that match two patterns. In a pattern, * stands for any
// text, and \* for itself.
type Budget struct {
	Operation string
	Service   string // "" for all services
	Optional  bool   // the operation may be missing in the traces
	Limits    []Limit
	Line      int // in the file, from 1
}

// MaxBytes is the size of the largest file that Parse accepts.
const MaxBytes = 1 << 20

const maxErrors = 20 // of one file

// Parse parses a file. Its errors name the file and the line; there may be several, joined.
func Parse(name string, text []byte) (*File, error) {
	p := &parser{file: &File{Name: name}}
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%s: the file has more than %d bytes", name, MaxBytes)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, second yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%s: the file is empty: %s", name, wantBudgets)
	case err != nil:
		return nil, p.syntax(err)
	}
	p.document(root.Content[0])
	if err := decoder.Decode(&second); err == nil {
		p.errorf(second.Content[0], "a second document begins here: want one")
	} else if !errors.Is(err, io.EOF) {
		p.errs = append(p.errs, p.syntax(err))
	}
	if p.errs != nil {
		if more := len(p.errs) - maxErrors; more > 0 {
			p.errs = append(p.errs[:maxErrors], fmt.Errorf("%s: and %d more errors", name, more))
		}
		return nil, errors.Join(p.errs...)
	}
	return p.file, nil
}

const wantBudgets = "want a list of budgets, as gaptrace check --write-budget writes it"

type parser struct {
	file *File
	errs []error
}

func (p *parser) errorf(n *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %s", p.file.Name, n.Line, fmt.Sprintf(format, args...)))
}

// syntax returns an error of the YAML package in our form. It omits some line numbers.
func (p *parser) syntax(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if line, message, ok := strings.Cut(rest, ": "); ok {
			if _, err := strconv.Atoi(line); err == nil {
				return fmt.Errorf("%s:%s: invalid YAML: %s", p.file.Name, line, message)
			}
		}
	}
	return fmt.Errorf("%s: invalid YAML: %s", p.file.Name, text)
}

// members calls the function for the key of each member of a mapping. It returns false for another
// kind of node. An alias is not followed: a small file could name a large node very often.
func (p *parser) members(n *yaml.Node, what string, functions map[string]func(value *yaml.Node)) bool {
	if n.Kind != yaml.MappingNode {
		return false
	}
	seen := map[string]bool{}
	names := make([]string, 0, len(functions))
	for name := range functions {
		names = append(names, name)
	}
	slices.Sort(names)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		f := functions[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || f == nil:
			hint := "members are " + strings.Join(names, ", ")
			if best := suggest.Closest(key.Value, names, 2, strings.ToLower); best != "" {
				hint = "did you mean " + best + "?"
			}
			p.errorf(key, "unknown member %q of %s; %s", key.Value, what, hint)
		case seen[key.Value]:
			p.errorf(key, "%s has two members %q", what, key.Value)
		default:
			seen[key.Value] = true
			f(value)
		}
	}
	return true
}

func (p *parser) document(n *yaml.Node) {
	found := false
	ok := p.members(n, "the file", map[string]func(*yaml.Node){"budgets": func(list *yaml.Node) {
		found = true
		if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
			p.errorf(list, "%s", wantBudgets)
			return
		}
		for _, item := range list.Content {
			p.budget(item)
		}
	}})
	if !ok || !found && p.errs == nil {
		p.errorf(n, "%s", wantBudgets)
	}
}

func (p *parser) budget(n *yaml.Node) {
	b := Budget{Line: n.Line}
	before := len(p.errs)
	text := func(to *string, what string) func(*yaml.Node) {
		return func(value *yaml.Node) {
			if value.Kind != yaml.ScalarNode || value.Value == "" {
				p.errorf(value, "%s: want a name, in which * stands for any text", what)
				return
			}
			*to = value.Value
		}
	}
	ok := p.members(n, "a budget", map[string]func(*yaml.Node){
		"operation": text(&b.Operation, "operation"),
		"service":   text(&b.Service, "service"),
		"optional": func(value *yaml.Node) {
			if value.Kind != yaml.ScalarNode || value.Decode(&b.Optional) != nil {
				p.errorf(value, "optional: want true or false")
			}
		},
		"limits": func(list *yaml.Node) {
			if list.Kind != yaml.SequenceNode {
				p.errorf(list, "limits: want a list of limits, such as self p95 < 30ms")
				return
			}
			for _, item := range list.Content {
				p.limit(&b, item)
			}
		},
	})
	switch {
	case !ok:
		p.errorf(n, "want a budget, with the members operation and limits")
	case len(p.errs) > before:
	case b.Operation == "":
		p.errorf(n, "the budget has no operation")
	case len(b.Limits) == 0:
		p.errorf(n, "the budget of %q has no limits", b.Operation)
	}
	p.file.Budgets = append(p.file.Budgets, b)
}

func (p *parser) limit(b *Budget, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		p.errorf(n, "%s", wantLimit)
		return
	}
	l, err := parseLimit(n.Value)
	if err != nil {
		p.errorf(n, "%q: %v", n.Value, err)
		return
	}
	l.Line = n.Line
	b.Limits = append(b.Limits, l)
}

// Format writes the file as YAML.
func (f *File) Format() ([]byte, error) {
	type yamlBudget struct {
		Operation string   `yaml:"operation"`
		Service   string   `yaml:"service,omitempty"`
		Optional  bool     `yaml:"optional,omitempty"`
		Limits    []string `yaml:"limits"`
	}
	var document struct {
		Budgets []yamlBudget `yaml:"budgets"`
	}
	for _, b := range f.Budgets {
		y := yamlBudget{b.Operation, b.Service, b.Optional, nil}
		for _, l := range b.Limits {
			y.Limits = append(y.Limits, l.text)
		}
		document.Budgets = append(document.Budgets, y)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err := e.Encode(document)
	return out.Bytes(), errors.Join(err, e.Close())
}
