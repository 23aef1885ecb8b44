package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	goversion "go/version"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/gaptrace/gaptrace/internal/printable"
	"github.com/gaptrace/gaptrace/internal/terminal"
	"github.com/gaptrace/gaptrace/vet"
	"github.com/gaptrace/gaptrace/vet/driver"
)

const aboutPackages = `Name packages as for go build; the default is ./... in the current directory. Values are followed
through all packages of the main modules, not only through those that you name. So a client that one
package makes and another wraps is wrapped. Nothing is compiled.

A comment silences the findings of its line, or of the next line if it stands alone:
  resp, err := http.Get(url) //gaptrace:ignore runs once, before the server starts

`

const aboutVet = `vet finds network clients and servers that no wrapper covers, and calls that do not get the context in
scope. In a trace, their waits are gaps that look like the program's own time.

` + aboutPackages + `A finding is printed as file:line:column: rule: message. Findings marked "info" are hints: a library has
no wrapper, or a program opens no tracer. They do not change the exit code. For each package, one more
line per rule counts calls that get no context in code that has none. The rules are:

`

const vetExitCodes = `
Exit codes: 0 nothing was found, except hints; 1 something was found; 2 wrong usage, or a package could
not be loaded (findings in the rest are printed); 130 interrupted.`

const vetExamples = `  gaptrace vet
  gaptrace vet ./cmd/shop ./internal/...
  gaptrace vet --rules GT101,GT3 ./...
  gaptrace vet --json ./... | jq '.findings[] | select(.fixable)'
  go vet -vettool=$(which gaptrace) ./...`

const aboutFix = `fix changes source files so that wrappers cover what gaptrace vet finds, if the finding has a fix. It
adds and removes imports, and keeps comments. Formatted files stay formatted. Generated files are not
changed. A fix that would not compile is refused. A second run changes nothing.

If go.mod does not require gaptrace yet, fix adds it, and raises the versions that gaptrace needs. It
prints them first, and which commands to run afterwards. It downloads nothing.

` + aboutPackages + `Exit codes: 0 every fix was applied, though findings that have no fix may remain; 1 a fix was refused,
or --diff printed a difference; 2 wrong usage, a package could not be loaded, or a file could not be
written; 130 interrupted. Either all files are written, or none.`

const fixExamples = `  gaptrace fix --diff ./...
  gaptrace fix ./...
  gaptrace fix --rules GT103 ./internal/store`

// vetOptions are the values of the flags of vet and fix.
type vetOptions struct {
	rules  ruleIDs
	tests  bool
	tags   string
	asJSON bool   // only vet has --json
	color  choice // only vet has --color
	diff   bool   // only fix has --diff
}

// vetCommands returns the commands vet and fix.
func vetCommands(s streams) []*cobra.Command {
	o := vetOptions{color: choice{value: "auto", of: []string{"auto", "always", "never"}}}
	vetCommand := &cobra.Command{
		Use: "vet [PACKAGE]...", Short: "Find network clients that no wrapper covers",
		Long: aboutVet + rulesTable() + vetExitCodes, Example: vetExamples,
		RunE: func(c *cobra.Command, args []string) error { return s.vet(c.Context(), &o, args) },
	}
	o.addFlags(vetCommand)
	vetCommand.Flags().BoolVar(&o.asJSON, "json", false, "print JSON, which docs/vet.md describes")
	vetCommand.Flags().Var(&o.color, "color", "`WHEN` to use colors: auto (on a terminal, unless NO_COLOR is set), always or never")

	var f vetOptions
	fixCommand := &cobra.Command{
		Use: "fix [PACKAGE]...", Short: "Wrap the network clients that vet finds",
		Long: aboutFix, Example: fixExamples,
		RunE: func(c *cobra.Command, args []string) error { return s.fix(c.Context(), &f, args) },
	}
	f.addFlags(fixCommand)
	fixCommand.Flags().BoolVar(&f.diff, "diff", false, "print what would change, also in go.mod, and write nothing")
	return []*cobra.Command{vetCommand, fixCommand}
}

// addFlags defines the flags that vet and fix share.
func (o *vetOptions) addFlags(c *cobra.Command) {
	f := c.Flags()
	f.SortFlags = false
	f.Var(&o.rules, "rules", "only these `RULES`, separated by commas; GT3 means all that begin with it")
	f.BoolVar(&o.tests, "tests", false, "also check files that end in _test.go")
	f.StringVar(&o.tags, "tags", "", "build `TAGS`, as for go build")
}

// rulesTable lists the rules for the help.
func rulesTable() string {
	var b strings.Builder
	for _, r := range vet.Rules {
		fmt.Fprintf(&b, "  %s  %s\n", r.ID, r.Summary)
	}
	return b.String()
}

// ruleIDs is a flag with rules, or their beginnings.
type ruleIDs []string

func (r *ruleIDs) String() string { return strings.Join(*r, ",") }
func (r *ruleIDs) Type() string   { return "rules" }

func (r *ruleIDs) Set(s string) error {
	for id := range strings.SplitSeq(s, ",") {
		id = strings.ToUpper(strings.TrimSpace(id))
		matches := func(rule vet.Rule) bool { return strings.HasPrefix(rule.ID, id) }
		if len(id) < len("GT1") || !slices.ContainsFunc(vet.Rules, matches) {
			return errors.New("want rules such as GT101, or their beginnings such as GT3; the help lists them")
		}
		*r = append(*r, id)
	}
	return nil
}

// exitError ends the process with an exit code. A nil error prints nothing.
type exitError struct {
	error
	code int
}

func (e exitError) Error() string {
	if e.error == nil {
		return ""
	}
	return e.error.Error()
}

// The exit codes of vet and fix.
const (
	exitFindings = 1
	exitTrouble  = 2
)

// vet runs the command vet.
func (s streams) vet(ctx context.Context, o *vetOptions, patterns []string) error {
	p, err := s.load(ctx, o, patterns)
	if err != nil {
		return err
	}
	s.progress.setTask("following clients")
	result := p.Vet(vet.Options{Rules: o.rules, Tests: o.tests})
	s.progress.close()
	b := bufio.NewWriter(s.out)
	if o.asJSON {
		err = writeJSON(b, p, result)
	} else {
		writeText(b, p, result, o.color.value == "always" || o.color.value == "auto" && terminal.Colors(s.stdout, os.Getenv))
	}
	if err = cmp.Or(err, b.Flush()); err == nil {
		err = s.out.commit()
	}
	if err != nil {
		return exitError{err, exitTrouble}
	}
	found, fixable := 0, 0
	for _, f := range result.Findings {
		if !f.Info {
			found++
		}
		if len(f.Edits) > 0 {
			fixable++
		}
	}
	if fixable > 0 && !o.asJSON {
		fmt.Fprintf(s.stderr, "gaptrace: %d %s; gaptrace fix has a fix for %d\n", found, printable.Plural(found, "finding"), fixable)
	}
	switch {
	case len(p.Problems) > 0:
		return problems(p)
	case found > 0:
		return exitError{nil, exitFindings}
	}
	return nil
}

// load loads packages, and shows its progress.
func (s streams) load(ctx context.Context, o *vetOptions, patterns []string) (*driver.Program, error) {
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300) // almost everything that is allocated is needed to the end
	}
	s.progress.start()
	c := driver.Config{Patterns: patterns, Tests: o.tests, Progress: s.progress.setTask}
	if o.tags != "" {
		c.Flags = []string{"-tags=" + o.tags}
	}
	for _, pattern := range patterns {
		if strings.HasPrefix(pattern, "-") {
			return nil, usagef("invalid package %s", quoted(pattern))
		}
	}
	p, err := driver.Load(ctx, c)
	if err != nil {
		return nil, exitError{err, exitTrouble}
	}
	return p, nil
}

// problems returns the error for packages that could not be loaded.
func problems(p *driver.Program) error {
	var errs []error
	for _, problem := range p.Problems {
		errs = append(errs, errors.New(problem.String()))
	}
	errs = append(errs, errors.New("not everything could be checked: findings may be missing"))
	return exitError{errors.Join(errs...), exitTrouble}
}

// writeText writes a line for each finding, and for each package with skipped calls.
func writeText(w io.Writer, p *driver.Program, r *vet.Result, colors bool) {
	bold, faint, plain := "", "", ""
	if colors {
		bold, faint, plain = "\x1b[1m", "\x1b[2m", "\x1b[0m"
	}
	for _, f := range r.Findings {
		info := ""
		if f.Info {
			info = "info: "
		}
		fmt.Fprintf(w, "%s%s%s: %s%s\n", bold, place(p, f), plain, info, printable.Text(f.Message, maxText))
	}
	for _, sk := range r.Skipped {
		fmt.Fprintf(w, "%s%s: %s: skipped %d %s: no context is in scope%s\n",
			faint, sk.Package, sk.Rule, sk.Count, printable.Plural(sk.Count, "call"), plain)
	}
}

// The JSON that vet writes.
type (
	vetJSON struct {
		Version  int           `json:"version"`
		Findings []findingJSON `json:"findings"`
		Skipped  []skippedJSON `json:"skipped"`
		Errors   []problemJSON `json:"errors"`
	}
	findingJSON struct {
		Rule      string `json:"rule"`
		Message   string `json:"message"`
		Info      bool   `json:"info"`
		Package   string `json:"package"`
		File      string `json:"file"`
		Line      int    `json:"line"`
		Column    int    `json:"column"`
		EndLine   int    `json:"endLine"`
		EndColumn int    `json:"endColumn"`
		Fixable   bool   `json:"fixable"`
		Fix       string `json:"fix,omitempty"`
	}
	skippedJSON struct {
		Package string `json:"package"`
		Rule    string `json:"rule"`
		Count   int    `json:"count"`
	}
	problemJSON struct {
		Package  string `json:"package,omitempty"`
		Position string `json:"position,omitempty"`
		Message  string `json:"message"`
		More     int    `json:"more"`
	}
)

func writeJSON(w io.Writer, p *driver.Program, r *vet.Result) error {
	out := vetJSON{1, []findingJSON{}, []skippedJSON{}, []problemJSON{}}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, findingJSON{
			Rule: f.Rule, Message: f.Message, Info: f.Info, Package: f.Package, File: filepath.ToSlash(p.Rel(f.Pos.Filename)),
			Line: f.Pos.Line, Column: f.Pos.Column, EndLine: f.End.Line, EndColumn: f.End.Column,
			Fixable: len(f.Edits) > 0, Fix: f.Fix,
		})
	}
	for _, s := range r.Skipped {
		out.Skipped = append(out.Skipped, skippedJSON(s))
	}
	for _, problem := range p.Problems {
		out.Errors = append(out.Errors, problemJSON(problem))
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

// fix runs the command fix.
func (s streams) fix(ctx context.Context, o *vetOptions, patterns []string) error {
	p, err := s.load(ctx, o, patterns)
	if err != nil {
		return err
	}
	s.progress.setTask("trying fixes")
	fixes, err := p.Fix(ctx, vet.Options{Rules: o.rules, Tests: o.tests}, requiredGaptrace())
	if err != nil {
		return exitError{err, exitTrouble}
	}
	s.progress.close()
	for _, m := range fixes.Modules {
		s.printNeeds(p, m)
	}
	if o.diff {
		err = s.writeDiff(p, fixes)
	} else {
		err = s.writeFixes(ctx, p, fixes)
	}
	if err != nil {
		return exitError{err, exitTrouble}
	}
	return s.fixed(p, fixes, o.diff)
}

// printNeeds prints what a module needs before its fixed files compile.
func (s streams) printNeeds(p *driver.Program, m driver.ModuleChange) {
	var b strings.Builder
	if m.Required {
		fmt.Fprintf(&b, "%s requires gaptrace, but it is not downloaded, or go.sum lacks it\n", p.Rel(m.GoMod))
	} else {
		fmt.Fprintf(&b, "%s does not require gaptrace yet\n", p.Rel(m.GoMod))
	}
	if m.Go != nil {
		fmt.Fprintf(&b, "  rises: go %s → %s\n", m.Go.From, m.Go.To)
		if goversion.Compare("go"+m.Go.From, "go1.22") < 0 {
			b.WriteString("  since go 1.22, each iteration of a for loop has its own variables\n")
		}
	}
	for _, r := range m.Rises {
		fmt.Fprintf(&b, "  rises: %s\n", r)
	}
	fmt.Fprintf(&b, "  afterwards run: %s\n", strings.Join(m.Commands, " && "))
	if len(m.Rises) > 0 { // a test of a dependency may need the older version
		b.WriteString("  if go mod tidy fails on the tests of a dependency: go mod tidy -e\n")
	}
	printError(s.stderr, errors.New(b.String()))
}

// writeDiff prints the differences that the fixes make.
func (s streams) writeDiff(p *driver.Program, fixes *driver.Fixes) error {
	b := bufio.NewWriter(s.out)
	for _, c := range fixes.Changes() {
		name := filepath.ToSlash(p.Rel(c.Name))
		b.Write(diff.Diff("a/"+name, c.Before, "b/"+name, c.After))
	}
	return cmp.Or(b.Flush(), s.out.commit())
}

// writeFixes writes the files, and then prints what was fixed.
func (s streams) writeFixes(ctx context.Context, p *driver.Program, fixes *driver.Fixes) error {
	if err := s.out.commit(); err != nil { // after this, an interrupt waits until all files are written
		return err
	}
	if err := fixes.Write(ctx); err != nil {
		return err
	}
	b := bufio.NewWriter(s.stdout)
	for _, f := range fixes.Fixed {
		fmt.Fprintf(b, "%s: fixed: %s\n", place(p, f), printable.Text(f.Fix, maxText))
	}
	return b.Flush()
}

// fixed prints what was not fixed, and returns the error that gives the exit code.
func (s streams) fixed(p *driver.Program, fixes *driver.Fixes, isDiff bool) error {
	for _, r := range fixes.Refused {
		printError(s.stderr, fmt.Errorf("%s: not fixed: %s", place(p, r.Finding), r.Reason))
	}
	left := 0
	for _, f := range fixes.Left {
		if !f.Info {
			left++
		}
	}
	if left > 0 {
		have, them := "have", "them"
		if left == 1 {
			have, them = "has", "it"
		}
		fmt.Fprintf(s.stderr, "gaptrace: %d %s left that %s no fix; gaptrace vet lists %s\n",
			left, printable.Plural(left, "finding"), have, them)
	}
	switch {
	case len(p.Problems) > 0:
		return problems(p)
	case len(fixes.Refused) > 0 || isDiff && len(fixes.Files) > 0:
		return exitError{nil, exitFindings}
	}
	return nil
}

// maxText is the limit in bytes of a message or a file name.
const maxText = 2000

// place formats where a finding is, and its rule.
func place(p *driver.Program, f vet.Finding) string {
	return fmt.Sprintf("%s:%d:%d: %s", printable.Text(p.Rel(f.Pos.Filename), maxText), f.Pos.Line, f.Pos.Column, f.Rule)
}

// requiredGaptrace returns the version of gaptrace's root that the command was built with, or ""
// for a development build.
func requiredGaptrace() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/gaptrace/gaptrace" && m.Replace == nil && m.Version != "(devel)" {
			return m.Version
		}
	}
	return ""
}
