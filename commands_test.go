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
	needWorkspace(t)
	gaptrace := filepath.Join(t.TempDir(), "gaptrace")
	if out, err := exec.Command("go", "build", "-o", gaptrace, "./cmd/gaptrace").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	found := 0
	for file, text := range shellTexts(t) {
		for _, line := range commandLine.FindAllStringSubmatch(text, -1) {
			found++
			command := commandEnd.Split(line[1], 2)[0]
			for _, problem := range missingParts(gaptrace, strings.Fields(command)) {
				t.Errorf("%s: %s\n%s", file, problem, line[1])
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d commands found, want at least 30", found)
	}

	for line, missing := range map[string]string{
		"gaptrace report --colour always traces.json": "--colour",
		"gaptrace reprot traces.json":                 "reprot",
		"go run ./bench/costs":                        "./bench/costs",
		"go run ./bench/cost -sort":                   "-sort",
		"bash .ci/everything":                         ".ci/everything",
	} {
		problems := missingParts(gaptrace, strings.Fields(line))
		if len(problems) != 1 || !strings.Contains(problems[0], missing) {
			t.Errorf("%s: found %q, want only that %s is missing", line, problems, missing)
		}
	}
}

var (
	commandLine = regexp.MustCompile(`(?m)^\s*(?:[^\n]*\| )?` +
		`((?:gaptrace [a-z-]|go (?:run|test|install|get) |bash |\.ci/)[^\n]*)`)
	commandEnd = regexp.MustCompile(`\s(?:#|//|&&|\||>|\.\.\.)`)
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

// missingParts returns the parts of a command that do not exist. Flags of the go command itself are
// not checked.
func missingParts(gaptrace string, words []string) (problems []string) {
	hasFlag := func(string) bool { return true }
	switch {
	case words[0] == "gaptrace" || strings.HasPrefix(strings.Join(words, " "), "go run ./cmd/gaptrace "):
		subcommand := words[1]
		if words[0] == "go" {
			subcommand = words[3]
		}
		help, _ := exec.Command(gaptrace, subcommand, "--help").Output()
		if len(words) > 2 && strings.Contains(string(help), "\n  "+words[2]+" ") { // as in gaptrace rollup spans
			help, _ = exec.Command(gaptrace, subcommand, words[2], "--help").Output()
		}
		if !strings.Contains(string(help), "gaptrace "+subcommand) {
			return []string{"gaptrace has no command " + subcommand}
		}
		hasFlag = func(flag string) bool {
			flag = regexp.QuoteMeta(flag)
			return regexp.MustCompile(`(?m)^\s+(-\w, )?` + flag + `\b|^\s+` + flag + `, `).Match(help)
		}
	case words[0] == "go" && words[1] == "run" && !strings.Contains(words[2], "@"): // of this repository
		flags := declaredFlags(words[2])
		hasFlag = func(flag string) bool { return slices.Contains(flags, strings.TrimLeft(flag, "-")) }
	}
	for _, word := range words {
		word = strings.Trim(word, "[]")
		path, inModule := strings.CutPrefix(strings.Split(word, "@")[0], module)
		switch {
		case strings.HasPrefix(word, "-") && len(word) > 1 && !hasFlag(strings.Split(word, "=")[0]):
			problems = append(problems, "no flag "+word)
		case inModule || strings.HasPrefix(word, "./") || strings.HasPrefix(word, ".ci/"):
			if !inModule {
				path = word
			}
			if _, err := os.Stat(filepath.Join(".", strings.TrimSuffix(path, "..."))); err != nil {
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
			if method, ok := call.Fun.(*ast.SelectorExpr); ok && flagMethod.MatchString(method.Sel.Name) {
				if name, ok := firstString(call.Args); ok {
					flags = append(flags, name)
				}
			}
			return true
		})
	}
	return flags
}

// firstString returns the first string literal, which is the name in a call that declares a flag.
func firstString(args []ast.Expr) (string, bool) {
	for _, arg := range args {
		if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			name, err := strconv.Unquote(literal.Value)
			return name, err == nil
		}
	}
	return "", false
}

// flagMethod matches the methods of a flag.FlagSet that declare a flag.
var flagMethod = regexp.MustCompile(`^(Bool|String|Int|Int64|Uint|Uint64|Float64|Duration|Text)?(Var|Func)?$`)
