package driver

import (
	"bytes"
	"errors"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// unusedImport returns the position of the unused import that an error reports. ok is false for
// other errors.
func unusedImport(err error) (file string, offset int, ok bool) {
	e, ok := errors.AsType[types.Error](err)
	if !ok || !strings.Contains(e.Msg, " imported ") || !strings.HasSuffix(e.Msg, "and not used") {
		return "", 0, false
	}
	at := e.Fset.PositionFor(e.Pos, false)
	return at.Filename, at.Offset, true
}

// removeImports removes the imports at offsets, each with its comments.
func removeImports(source []byte, offsets []int) []byte {
	if len(offsets) == 0 {
		return source
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source
	}
	offset := func(p token.Pos) int { return fset.PositionFor(p, false).Offset }
	unused := func(s ast.Spec) bool { // an error is at the path or at the name
		return slices.ContainsFunc(offsets, func(o int) bool { return offset(s.Pos()) <= o && o < offset(s.End()) })
	}
	type part struct{ start, end int }
	var parts []part
	remove := func(doc *ast.CommentGroup, start, end token.Pos, comment *ast.CommentGroup) {
		if doc != nil {
			start = doc.Pos()
		}
		if comment != nil {
			end = comment.End()
		}
		p := part{offset(start), offset(end)}
		p.start, p.end = wholeLines(source, p.start, p.end)
		parts = append(parts, p)
	}
	for _, d := range f.Decls {
		d, ok := d.(*ast.GenDecl)
		if !ok || d.Tok != token.IMPORT || !slices.ContainsFunc(d.Specs, unused) {
			continue
		}
		all := !slices.ContainsFunc(d.Specs, func(s ast.Spec) bool { return !unused(s) })
		if all {
			var comment *ast.CommentGroup
			if !d.Lparen.IsValid() {
				comment = d.Specs[0].(*ast.ImportSpec).Comment
			}
			remove(d.Doc, d.Pos(), d.End(), comment)
			continue
		}
		for _, s := range d.Specs {
			if s := s.(*ast.ImportSpec); unused(s) {
				remove(s.Doc, s.Pos(), s.End(), s.Comment)
			}
		}
	}
	for _, p := range slices.Backward(parts) {
		source = slices.Delete(slices.Clone(source), p.start, p.end)
	}
	return source
}

// wholeLines extends a part of source to whole lines, if nothing else is in them. It includes the
// empty line after them if there is one before them, too.
func wholeLines(source []byte, start, end int) (int, int) {
	lineStart := bytes.LastIndexByte(source[:start], '\n') + 1
	lineEnd := len(source)
	if i := bytes.IndexByte(source[end:], '\n'); i >= 0 {
		lineEnd = end + i + 1
	}
	before := bytes.TrimSpace(source[lineStart:start])
	after := bytes.TrimSpace(source[end:lineEnd])
	if len(before) > 0 || len(after) > 0 {
		if bytes.HasPrefix(after, []byte(";")) {
			end += bytes.IndexByte(source[end:], ';') + 1
		}
		return start, end
	}
	previous := source[:lineStart]
	previous = previous[bytes.LastIndexByte(bytes.TrimSuffix(previous, []byte("\n")), '\n')+1:]
	following := source[lineEnd:]
	if i := bytes.IndexByte(following, '\n'); i >= 0 {
		following = following[:i+1]
	}
	isEmpty := func(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }
	if isEmpty(previous) && len(following) > 0 && isEmpty(following) {
		lineEnd += len(following)
	}
	return lineStart, lineEnd
}

var byteOrderMark = []byte("\ufeff")

// formatLike formats source as gofmt does, if before is formatted so. It ignores and keeps line
// ends and a byte order mark.
func formatLike(before, source []byte) []byte {
	newline := newlineOf(before)
	plain := func(b []byte) []byte {
		return bytes.ReplaceAll(bytes.TrimPrefix(b, byteOrderMark), []byte(newline), []byte("\n"))
	}
	was, err := format.Source(plain(before))
	if err != nil || !bytes.Equal(was, plain(before)) {
		return source
	}
	formatted, err := format.Source(plain(source))
	if err != nil {
		return source
	}
	formatted = bytes.ReplaceAll(formatted, []byte("\n"), []byte(newline))
	if bytes.HasPrefix(source, byteOrderMark) {
		formatted = append(slices.Clone(byteOrderMark), formatted...)
	}
	return formatted
}

// newlineOf returns how lines end in source: "\r\n" if all of them do.
func newlineOf(source []byte) string {
	if n := bytes.Count(source, []byte("\n")); n > 0 && bytes.Count(source, []byte("\r\n")) == n {
		return "\r\n"
	}
	return "\n"
}
