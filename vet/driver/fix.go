package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/gaptrace/gaptrace/vet"
)

// Fixes is what [Program.Fix] would change.
type Fixes struct {
	Files   []Change       // by name
	Modules []ModuleChange // what go.mod files need first
	Fixed   []vet.Finding
	Refused []Refused
	Left    []vet.Finding // findings without a fix
}

// Change is a file with other contents.
type Change struct {
	Name          string // absolute
	Before, After []byte
}

// Refused is a finding whose fix is not applied.
type Refused struct {
	vet.Finding
	Reason string
}

// rounds bounds how often findings are looked for again.
const rounds = 5

// Fix chooses the fixes of all findings in the packages that match the patterns. It writes nothing.
// It type-checks the changed program, and refuses a fix that does not compile or would not remove
// its finding. A fix that overlaps another one is tried again after it, if its finding is still
// there.
//
// gaptraceVersion is what a module will require that does not require gaptrace yet; "" if unknown.
func (p *Program) Fix(ctx context.Context, o vet.Options, gaptraceVersion string) (*Fixes, error) {
	return p.fixAll(ctx, func(p *Program) []vet.Finding { return p.Vet(o).Findings }, gaptraceVersion)
}

// fixAll is [Program.Fix] for the findings that find returns.
func (p *Program) fixAll(
	ctx context.Context, find func(*Program) []vet.Finding, gaptraceVersion string,
) (*Fixes, error) {
	useless := map[findingKey]bool{}
	for {
		r, fixed, err := p.fixExcept(ctx, find, useless)
		if err != nil {
			return nil, err
		}
		if len(r.Fixed) > 0 && r.findUseless(find(fixed), useless) {
			continue
		}
		for name, after := range fixed.graph.overlay {
			before, ok := p.source(name)
			if ok && string(before) != string(after) {
				r.Files = append(r.Files, Change{Name: name, Before: before, After: after})
			}
		}
		r.sort()
		r.Modules, err = fixed.moduleChanges(gaptraceVersion, r.Files)
		return r, err
	}
}

// fixExcept applies all fixes, except the useless ones. It returns the program that results.
func (p *Program) fixExcept(
	ctx context.Context, find func(*Program) []vet.Finding, useless map[findingKey]bool,
) (*Fixes, *Program, error) {
	r := &Fixes{}
	now := p
	findings := slices.DeleteFunc(find(now), func(f vet.Finding) bool {
		if !useless[keyOf(f)] {
			return false
		}
		r.Refused = append(r.Refused, Refused{f, "the fix would not remove the finding"})
		return true
	})
	for round := 1; ; round++ {
		s := now.selectFixes(findings)
		next, chosen, failed, err := now.applyAll(ctx, p, s.chosen)
		if err != nil {
			return nil, nil, err
		}
		now = next
		for _, f := range chosen {
			r.Fixed = append(r.Fixed, f.Finding)
		}
		r.Left = append(r.Left, s.left...)
		r.Refused = append(append(r.Refused, s.refused...), failed...)
		if len(s.overlapping) == 0 || len(chosen) == 0 || round == rounds {
			r.Refused = append(r.Refused, s.overlapping...)
			return r, now, nil
		}
		findings = s.again(find(now))
	}
}

// findingKey identifies a finding after edits have moved it. Several may have one key.
type findingKey struct{ rule, message, fix, file string }

func keyOf(f vet.Finding) findingKey { return findingKey{f.Rule, f.Message, f.Fix, f.Pos.Filename} }

// again returns those of findings whose fixes overlapped others.
func (s *selection) again(findings []vet.Finding) []vet.Finding {
	wanted := map[findingKey]int{}
	for _, r := range s.overlapping {
		wanted[keyOf(r.Finding)]++
	}
	var again []vet.Finding
	for _, f := range findings {
		if k := keyOf(f); wanted[k] > 0 {
			wanted[k]--
			again = append(again, f)
		}
	}
	return again
}

// findUseless adds to useless the fixes after which their findings are still there. A second run
// would apply them again. It reports whether there are any.
func (r *Fixes) findUseless(findings []vet.Finding, useless map[findingKey]bool) bool {
	refused := map[findingKey]int{}
	for _, f := range r.Refused {
		refused[keyOf(f.Finding)]++
	}
	fixed := map[findingKey]bool{}
	for _, f := range r.Fixed {
		fixed[keyOf(f)] = true
	}
	found := false
	for _, f := range findings {
		switch k := keyOf(f); {
		case len(f.Edits) == 0 || !fixed[k]:
		case refused[k] > 0:
			refused[k]--
		default:
			useless[k], found = true, true
		}
	}
	return found
}

func (r *Fixes) sort() {
	slices.SortFunc(r.Files, func(a, b Change) int { return cmp.Compare(a.Name, b.Name) })
	for _, list := range [][]vet.Finding{r.Fixed, r.Left} {
		slices.SortStableFunc(list, func(a, b vet.Finding) int { return comparePositions(a.Pos, b.Pos) })
	}
	slices.SortStableFunc(r.Refused, func(a, b Refused) int { return comparePositions(a.Pos, b.Pos) })
}

func comparePositions(a, b token.Position) int {
	return cmp.Or(cmp.Compare(a.Filename, b.Filename), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// fix is a finding with its edits.
type fix struct {
	vet.Finding
	edits []edit
}

// edit replaces bytes of a file.
type edit struct {
	file       string
	start, end int
	text       string
	top        bool // an insertion between declarations, or of an import
}

// selection says what to do with findings.
type selection struct {
	chosen      []fix
	overlapping []Refused
	refused     []Refused // for other reasons
	left        []vet.Finding
}

// selectFixes chooses the fixes that can be applied together.
func (p *Program) selectFixes(findings []vet.Finding) *selection {
	s := &selection{}
	for _, finding := range findings {
		if len(finding.Edits) == 0 {
			s.left = append(s.left, finding)
			continue
		}
		f, err := p.fix(finding)
		if err != nil {
			s.refused = append(s.refused, Refused{finding, err.Error()})
			continue
		}
		if other := s.conflict(f); other != nil {
			s.overlapping = append(s.overlapping, Refused{finding, fmt.Sprintf("the fix overlaps that of %s:%d:%d: %s",
				p.Rel(other.Pos.Filename), other.Pos.Line, other.Pos.Column, other.Rule)})
			continue
		}
		s.chosen = append(s.chosen, f)
	}
	return s
}

// conflict returns a chosen fix that must not be applied together with f, or nil.
func (s *selection) conflict(f fix) *fix {
	for i := range s.chosen {
		if conflict(s.chosen[i].edits, f.edits) {
			return &s.chosen[i]
		}
	}
	return nil
}

// conflict reports whether the edits of two fixes overlap. Equal fixes do not, and fixes may insert
// the same text between declarations.
func conflict(a, b []edit) bool {
	inside := func(edits []edit) (is []edit) {
		for _, e := range edits {
			if !e.top {
				is = append(is, e)
			}
		}
		return is
	}
	a, b = inside(a), inside(b)
	if slices.Equal(a, b) {
		return false
	}
	for _, x := range a {
		for _, y := range b {
			switch {
			case x.file != y.file:
			case x.start == y.start && x.end == y.end: // also if both are insertions
				return true
			case x.start < y.end && y.start < x.end:
				return true
			}
		}
	}
	return false
}

// fix returns a finding with its edits. The error says why they cannot be applied.
func (p *Program) fix(finding vet.Finding) (fix, error) {
	f := fix{Finding: finding}
	for _, e := range finding.Edits {
		edit, err := p.edit(e)
		if err != nil {
			return fix{}, err
		}
		f.edits = append(f.edits, edit)
	}
	slices.SortStableFunc(f.edits, compareEdits)
	return f, nil
}

// compareEdits orders edits as they are applied. Imports come before what is inserted at the same
// place.
func compareEdits(a, b edit) int {
	imports := func(e edit) int {
		if importText.MatchString(e.text) {
			return 0
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(a.file, b.file), cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end),
		cmp.Compare(imports(a), imports(b)),
	)
}

// importText matches an inserted import.
var importText = regexp.MustCompile(`^\s*(?:import\s+)?(?:[\pL_][\pL_\pN]*\s+)?"[^"\n]+"\s*$`)

// edit converts an edit to offsets in its file.
func (p *Program) edit(e analysis.TextEdit) (edit, error) {
	start := p.Fset.PositionFor(e.Pos, false)
	end := start
	if e.End.IsValid() {
		end = p.Fset.PositionFor(e.End, false)
	}
	name := start.Filename
	source, f := p.file(name)
	switch {
	case f == nil:
		return edit{}, fmt.Errorf("%s is not part of the program's source", name)
	case p.module(name) == nil:
		return edit{}, fmt.Errorf("%s is not in a main module", p.Rel(name))
	case ast.IsGenerated(f):
		return edit{}, fmt.Errorf("%s is generated: change its generator", p.Rel(name))
	case end.Filename != name || end.Offset < start.Offset || end.Offset > len(source):
		return edit{}, errors.New("the edits of the fix are not valid")
	}
	if _, err := parser.ParseFile(token.NewFileSet(), name, source, parser.SkipObjectResolution); err != nil {
		return edit{}, fmt.Errorf("%s has a syntax error", p.Rel(name))
	}
	return edit{
		file: name, start: start.Offset, end: end.Offset, text: string(e.NewText),
		top: start.Offset == end.Offset && isTop(f, e.Pos),
	}, nil
}

// isTop reports whether a position is between declarations, or in an import declaration.
func isTop(f *ast.File, pos token.Pos) bool {
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			continue
		}
		if d.Pos() < pos && pos < d.End() {
			return false
		}
	}
	return pos >= f.Name.End()
}

// file returns a file of the packages that are analyzed, or nil.
func (p *Program) file(name string) ([]byte, *ast.File) {
	for _, pkg := range p.Packages {
		for _, f := range pkg.Syntax {
			if p.Fset.PositionFor(f.FileStart, false).Filename == name {
				return p.graph.nodes[pkg.ID].sources[name], f
			}
		}
	}
	return nil, nil
}

// applyAll applies fixes, and returns the program that results. Fixes that do not compile are left
// out. original has the files as they are on disk.
func (p *Program) applyAll(ctx context.Context, original *Program, fixes []fix) (*Program, []fix, []Refused, error) {
	if len(fixes) == 0 {
		return p, nil, nil, nil
	}
	next, broken, err := p.apply(ctx, original, fixes)
	if err != nil || len(broken) == 0 {
		return next, fixes, nil, err
	}
	// Try them one by one, each on top of those that compile.
	var good []fix
	var failed []Refused
	current := p
	for _, f := range fixes {
		next, broken, err := p.apply(ctx, original, append(slices.Clip(good), f))
		switch {
		case err != nil:
			return nil, nil, nil, err
		case len(broken) > 0:
			failed = append(failed, Refused{f.Finding, "the fix does not compile: " + messageOf(broken[0])})
		default:
			good, current = append(good, f), next
		}
	}
	return current, good, failed, nil
}

// apply applies fixes, removes the imports that they make unused, and formats the files that were
// formatted before. It returns the errors that are new.
func (p *Program) apply(ctx context.Context, original *Program, fixes []fix) (*Program, []error, error) {
	edits := map[string][]edit{}
	for _, f := range fixes {
		for _, e := range f.edits {
			if !slices.Contains(edits[e.file], e) {
				edits[e.file] = append(edits[e.file], e)
			}
		}
	}
	files := map[string][]byte{}
	for name, list := range edits {
		source, _ := p.source(name)
		files[name] = applyEdits(source, list)
	}
	next, err := p.rewriteFormatted(ctx, original, files)
	if err != nil {
		return nil, nil, err
	}
	broken := next.newErrors(p)
	unused := map[string][]int{}
	broken = slices.DeleteFunc(broken, func(err error) bool {
		name, offset, ok := unusedImport(err)
		if ok && files[name] != nil {
			unused[name] = append(unused[name], offset)
		}
		return ok && files[name] != nil
	})
	if len(unused) == 0 || len(broken) > 0 {
		return next, broken, nil
	}
	for name := range files {
		files[name], _ = next.source(name)
		files[name] = removeImports(files[name], unused[name])
	}
	if next, err = p.rewriteFormatted(ctx, original, files); err != nil {
		return nil, nil, err
	}
	return next, next.newErrors(p), nil
}

// rewriteFormatted formats files that are formatted on disk, and returns the program with them.
func (p *Program) rewriteFormatted(ctx context.Context, original *Program, files map[string][]byte) (*Program, error) {
	for name, source := range files {
		before, _ := original.source(name)
		files[name] = formatLike(before, source)
	}
	return p.rewrite(ctx, files)
}

// applyEdits returns source with edits that do not overlap.
func applyEdits(source []byte, edits []edit) []byte {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int {
		if c := compareEdits(a, b); c != 0 || !importText.MatchString(a.text) {
			return c
		}
		return cmp.Compare(a.text, b.text)
	})
	newline := newlineOf(source)
	var b []byte
	at := 0
	for i, e := range edits {
		text := e.text
		if i > 0 && edits[i-1].start == e.start && importText.MatchString(text) && strings.HasPrefix(text, "\n\n") {
			text = text[1:] // the import before has the empty line
		}
		b = append(b, source[at:e.start]...)
		b = append(b, strings.ReplaceAll(text, "\n", newline)...)
		at = e.end
	}
	return append(b, source[at:]...)
}

// Vet returns the findings in the packages that match the patterns.
func (p *Program) Vet(o vet.Options) *vet.Result {
	all := vet.Check(p.Packages, o)
	r := &vet.Result{}
	paths := map[string]bool{}
	for _, pkg := range p.Packages {
		if p.matched[pkg.ID] {
			paths[pkg.PkgPath] = true
		}
	}
	for _, f := range all.Findings {
		if paths[f.Package] {
			r.Findings = append(r.Findings, f)
		}
	}
	for _, s := range all.Skipped {
		if paths[s.Package] {
			r.Skipped = append(r.Skipped, s)
		}
	}
	return r
}
