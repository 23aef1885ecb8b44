package gapsql

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/gaptrace/gaptrace/internal/spanutil"
	"github.com/opentracing/opentracing-go"
)

// commented returns query with the comment of WithSQLComments. The format is sqlcommenter's: sorted
// pairs of URL-encoded keys and values, before a semicolon at the end.
func (db *database) commented(ctx context.Context, query string) string {
	keys := db.wrapper.Options.Comments
	if keys == nil || ctx == nil || !isCommentable(query) {
		return query
	}
	span := opentracing.SpanFromContext(ctx)
	if span == nil {
		return query
	}
	pairs := maps.Clone(keys)
	if parent := spanutil.Traceparent(span); parent != "" {
		pairs["traceparent"] = parent
	}
	var comment strings.Builder
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		if comment.Len() > 0 {
			comment.WriteByte(',')
		}
		comment.WriteString(encoded(key) + "='" + encoded(pairs[key]) + "'")
	}
	if comment.Len() == 0 {
		return query
	}
	statement := strings.TrimRight(query, "; \t\r\n")
	return statement + " /*" + comment.String() + "*/" + query[len(statement):]
}

// isCommentable reports whether query reads or writes rows, and has no comment. Other statements
// may be stored with their text, as a view is, and would show one trace for ever.
func isCommentable(query string) bool {
	verb := strings.TrimLeft(query, "( \t\r\n")
	if end := strings.IndexFunc(verb, func(r rune) bool { return !unicode.IsLetter(r) }); end >= 0 {
		verb = verb[:end]
	}
	switch strings.ToUpper(verb) {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "REPLACE", "MERGE", "CALL", "VALUES":
		return !strings.Contains(query, "/*") && !strings.Contains(query, "--") && !strings.Contains(query, "#")
	}
	return false
}

// encoded returns s as a comment may hold it. QueryEscape leaves neither quotation marks nor
// asterisks, which could end the value or the comment.
func encoded(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
