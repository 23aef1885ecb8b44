// Package minielastic answers the part of Elasticsearch's REST API that a small program uses, from memory.
// It is to Elasticsearch what miniredis is to Redis: the official client cannot tell the difference, until it
// asks for something that is not here; that is answered with an error, never with a guess.
//
//	srv := httptest.NewServer(minielastic.New())
//
// Documents are indexed by bleve. A field that holds text can be searched by its words, and exactly as
// field.keyword, as with Elasticsearch's dynamic mapping. What was written can be searched at once, without
// a refresh. Queries: match_all, match_none, match, match_phrase, term, terms, prefix, range, bool,
// query_string, and q in the URL (in bleve's syntax, which is nearly Lucene's).
package minielastic
