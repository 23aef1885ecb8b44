// Package minielastic implements the part of Elasticsearch's REST API that a small program uses, in
// memory. It is to Elasticsearch what miniredis is to Redis: the official client works with it. A
// request that it does not support gets an error, never a wrong answer.
//
//	srv := httptest.NewServer(minielastic.New())
//
// Documents are indexed by bleve. A text field can be searched by its words, and exactly as
// field.keyword, as with Elasticsearch's dynamic mapping. A document can be searched immediately,
// without a refresh. Queries: match_all, match_none, match, match_phrase, term, terms, prefix,
// range, bool, query_string, and q in the URL. Query strings have bleve's syntax, which is nearly
// Lucene's.
package minielastic
