package gaptrace_test

import (
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestCommandsInTextsExist checks that the flags, packages and files of each documented command
// exist.
func TestCommandsInTextsExist(t *testing.T) {
	workspace(t)
	gaptrace := filepath.Join(t.TempDir(), "gaptrace")
	if out, err := exec.Command("go", "build", "-o", gaptrace, "./cmd/gaptrace").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	found := 0
	for at, text := range shellTexts(t) {
		for _, line := range commands.FindAllStringSubmatch(text, -1) {
			found++
			for _, problem := range refused(gaptrace, strings.Fields(ends.Split(line[1], 2)[0])) {
				t.Errorf("%s: %s\n%s", at, problem, line[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d commands found", found)
	}

	for line, problem := range map[string]string{
		"gaptrace report --colour always traces.json": "--colour",
		"gaptrace reprot traces.json":                 "reprot",
		"go run ./bench/costs":                        "./bench/costs",
		"go run ./bench/cost -sort":                   "-sort",
		"bash .ci/everything":                         ".ci/everything",
	} {
		if problems := refused(gaptrace, strings.Fields(line)); len(problems) != 1 || !strings.Contains(problems[0], problem) {
			t.Errorf("%s: found %q, want one problem with %s", line, problems, problem)
		}
	}
}

var (
	commands = regexp.MustCompile(`(?m)^\s*(?:[^\n]*\| )?((?:gaptrace [a-z-]|go (?:run|test|install|get) |bash |\.ci/)[^\n]*)`)
	ends     = regexp.MustCompile(`\s(?:#|//|&&|\||>|\.\.\.)`)
)

// shellTexts returns the code blocks of documents and doc comments that may hold commands, by file.
func shellTexts(t *testing.T) map[string]string {
	texts := map[string]string{}
	for name, text := range documents(t) {
		for _, block := range fenced.FindAllStringSubmatch(text, -1) {
			if block[1] == "" {
				texts[name] += block[2]
			}
		}
	}
	for _, f := range sourceFiles(t) {
		for _, text := range f.Comments {
			for _, block := range new(comment.Parser).Parse(text.Text()).Content {
				if code, ok := block.(*comment.Code); ok {
					texts[f.name] += code.Text
				}
			}
		}
	}
	return texts
}

// refused returns the parts of a command that do not exist.
func refused(gaptrace string, words []string) (problems []string) {
	has := func(string) bool { return true } // the go command's own flags are not checked
	switch {
	case words[0] == "gaptrace" || strings.HasPrefix(strings.Join(words, " "), "go run ./cmd/gaptrace "):
		sub := words[1]
		if words[0] == "go" {
			sub = words[3]
		}
		help, _ := exec.Command(gaptrace, sub, "--help").Output()
		if !strings.Contains(string(help), "gaptrace "+sub) {
			return []string{"gaptrace has no command " + sub}
		}
		has = func(flag string) bool {
			return regexp.MustCompile(`(?m)^\s+(-\w, )?` + regexp.QuoteMeta(flag) + `\b|^\s+` + regexp.QuoteMeta(flag) + `, `).Match(help)
		}
	case words[0] == "go" && words[1] == "run":
		flags := declaredFlags(words[2])
		has = func(flag string) bool { return slices.Contains(flags, strings.TrimLeft(flag, "-")) }
	}
	for _, word := range words {
		word = strings.Trim(word, "[]")
		path, inModule := strings.CutPrefix(strings.Split(word, "@")[0], module)
		switch {
		case strings.HasPrefix(word, "-") && len(word) > 1 && !has(strings.Split(word, "=")[0]):
			problems = append(problems, "no flag "+word)
		case inModule || strings.HasPrefix(word, "./") || strings.HasPrefix(word, ".ci/"):
			if !inModule {
				path = word
			}
			if _, err := os.Stat(strings.TrimSuffix(filepath.Join(".", path), "...")); err != nil {
				problems = append(problems, "no "+word)
			}
		}
	}
	return problems
}

// declaredFlags returns the flags that the program in dir declares on its flag.FlagSet.
func declaredFlags(dir string) (flags []string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if method, ok := call.Fun.(*ast.SelectorExpr); ok && declares.MatchString(method.Sel.Name) {
				for _, arg := range call.Args {
					if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
						name, _ := strconv.Unquote(literal.Value)
						flags = append(flags, name)
						break // the next is the default or the usage
					}
				}
			}
			return true
		})
	}
	return flags
}

var declares = regexp.MustCompile(`^(Bool|String|Int|Int64|Uint|Uint64|Float64|Duration|Text)?(Var|Func)?$`)
