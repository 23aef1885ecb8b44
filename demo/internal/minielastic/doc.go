// Package minielastic implements, in memory, the part of Elasticsearch's REST API that the demo
// uses: it creates and deletes an index, stores documents in bulk, and finds them by the words of a
// field. The official client works with it. A request that it does not support gets an error, never
// a wrong answer.
//
//	srv := httptest.NewServer(minielastic.New())
//
// Documents are indexed by bleve. A document can be searched immediately, without a refresh.
package minielastic
