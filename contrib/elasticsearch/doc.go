// Package gapes records the calls of go-elasticsearch/v8 as OpenTracing spans. A call's spans cover
// exactly the time that its caller was blocked: every attempt, the back-off between attempts, and
// the reading of the response.
//
//	import gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
//
//	client, err := elasticsearch.NewClient(cfg)
//	client = gapes.Wrap(client)
//
// A call is recorded if its context carries a span, as with client.Search.WithContext(ctx).
// [gaptrace.WithRoots] records the others too. [WrapTyped] wraps the typed client, [WrapTransport]
// a transport without such a client. docs/elasticsearch.md covers bulk indexers, failures, retries
// and limits.
//
// # Spans
//
//	span                       what it covers
//	elasticsearch search       the transport's Perform: choosing a node, sending, waiting for
//	                           the response's headers, all attempts on all nodes
//	elasticsearch search wait  a later wait, in the body's Read or Close; the typed API reads
//	                           the body itself, and so waits inside Do
//
// A span is named after its endpoint in Elasticsearch's API: search, index, indices.create,
// cluster.health. A request that was not made by that API is named by its method and the part of
// its path that is neither an id nor an index: "elasticsearch POST _search", "elasticsearch PUT
// {index}".
//
// # Tags
//
//	component             go-elasticsearch
//	span.kind             client
//	db.type               elasticsearch
//	db.statement          the body of a search, truncated at 4 KiB; without its values if it
//	                      has a word such as password, secret or token
//	es.url                of the last node that was asked; without userinfo, query, and
//	                      secrets in the path
//	es.method             as sent
//	elasticsearch.params  the query's parameters, sorted; "hidden" stands for the values of
//	                      keys that name secrets, such as token, password and key
//	http.status_code      of the last attempt
//	peer.address          host and port of the last node that was asked
//	es.attempts           how many attempts were made, if more than one
//	es.errors             true if the response to a bulk request says that items failed
//	es.failed_items       how many items failed, if all are in the first 64 KiB of the response
//	                      and the caller has read them
//	bytes                 how many bytes of the response's body were read
//	wait.*, abandoned     see package gaptrace
//
// Headers are neither recorded nor added. Bodies of requests other than searches, such as
// documents, are never recorded. docs/secrets.md lists the words that mark a secret.
//
// An option's function finds the *http.Request that the transport was given in
// [gaptrace.Call].Request. Its URL has no host until a node was chosen.
package gapes
