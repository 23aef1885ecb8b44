package vet

import (
	"go/ast"
	"go/token"
	"strings"
)

const ignorePrefix = "//gaptrace:ignore"

// applyIgnores removes the findings that a comment silences. A comment without a reason silences
// nothing, and is a finding itself.
func (p *program) applyIgnores() {
	type line struct {
		file string
		line int
	}
	silent := map[line]bool{}
	var missing []finding
	for _, u := range p.units {
		for _, f := range u.files {
			for _, group := range f.Comments {
				for _, c := range group.List {
					reason, ok := strings.CutPrefix(c.Text, ignorePrefix)
					if !ok || reason != "" && reason[0] != ' ' && reason[0] != '\t' {
						continue
					}
					if strings.TrimSpace(reason) == "" {
						missing = append(missing, finding{
							rule: "GT001", unit: u, file: f, node: c, message: ignorePrefix + ": give the reason after it",
						})
						continue
					}
					at := u.fset.Position(c.Pos())
					silent[line{at.Filename, at.Line}] = true
					if isAlone(u.fset, f, c) {
						silent[line{at.Filename, at.Line + 1}] = true
					}
				}
			}
		}
	}
	isSilent := func(u *unit, pos token.Pos) bool {
		at := u.fset.Position(pos)
		return silent[line{at.Filename, at.Line}]
	}
	findings := p.findings[:0]
	for _, f := range p.findings {
		if !isSilent(f.unit, f.node.Pos()) {
			findings = append(findings, f)
		}
	}
	p.findings = append(findings, missing...)
	left := p.skipped[:0]
	for _, s := range p.skipped {
		if !isSilent(s.unit, s.pos) {
			left = append(left, s)
		}
	}
	p.skipped = left
}

// isAlone reports whether nothing but the comment is in its line.
func isAlone(fset *token.FileSet, f *ast.File, c *ast.Comment) bool {
	line := fset.Position(c.Pos()).Line
	alone := true
	ast.Inspect(f, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.File, *ast.Comment, *ast.CommentGroup:
			return true
		}
		if n.End() <= c.Pos() && fset.Position(n.End()-1).Line == line {
			alone = false
		}
		return alone && n.Pos() < c.Pos()
	})
	return alone
}
