// Package gapes draws the calls of go-elasticsearch/v8 as OpenTracing spans. A call's spans
// cover exactly the time its caller was blocked: every attempt, the back-off between them, and the
// reading of the answer.
//
//	import gapes "github.com/gaptrace/gaptrace/contrib/elasticsearch"
//
//	client, err := elasticsearch.NewClient(cfg)
//	client = gapes.Wrap(client)
//
// # Spans
//
//	span                        what it covers
//	elasticsearch search        from the transport's Perform until it returned: choosing a node,
//	                            sending, waiting for the answer's headers, all attempts on all
//	                            nodes; building the request is the caller's work, and is not covered
//	elasticsearch search wait   a later wait, in the body's Read or Close; the typed API reads the
//	                            body itself, and so waits inside its Do
//
// The name is that of the endpoint in Elasticsearch's API: search, index, indices.create,
// cluster.health. A request made by hand, one of esapi's request structs whose Instrument is not
// set, and one without a context where the client has an instrumentation of the user's, is named by its method and by the part of its path that holds neither id nor index:
// "elasticsearch POST _search", "elasticsearch PUT {index}", "elasticsearch GET /".
//
// # Tags
//
//	component             go-elasticsearch
//	span.kind             client
//	db.type               elasticsearch
//	db.statement          the request's body, as it was before it was compressed, cut at 4 KiB;
//	                      only of _search, _msearch, _count, _async_search, _eql, _query, _sql,
//	                      _render, _terms_enum, _knn_search and _rollup_search; without its
//	                      values if it has a word such as password, secret or token
//	es.url                of the node that was asked last; without userinfo, query and secrets
//	                      in the path (docs/secrets.md)
//	es.method             as sent
//	elasticsearch.params  the query's parameters, sorted; values of keys that name secrets (token,
//	                      password, key and the like) read "hidden"
//	http.status_code      the last attempt's
//	peer.address          host and port of the node that was asked last
//	es.attempts           how often a node was asked, where more than once
//	es.errors             true if the answer to a bulk request says that items of it failed
//	es.failed_items       how many, if all of that answer fits in 64 KiB and was read
//	bytes                 of the answer's body, as far as it was read
//	wait.*, abandoned     see package gaptrace
//
// Headers are neither recorded nor added. Other bodies, documents among them, are never recorded. A
// hook given to gaptrace.WithStatement is shown what db.statement would be, already cut.
//
// # Failures
//
// A failure is an error of Perform or of reading the body, and a status of 400 or above, as an
// [*Error] with Elasticsearch's own words: its type and reason, where they stand in the first 64 KiB
// of the body and the caller has read them. Nothing is read ahead, since that could block where the
// unwrapped client does not; so gaptrace.WithExpected is asked when the body ends, and where it was
// not read the status is all that is known. A 404 is no failure where it is the answer: to HEAD
// (exists), and to GET of a document or its source. Nor is a bulk request of which items failed: es.errors
// tells of these. Which searches of a multi-search failed is not looked for.
//
// Elasticsearch's reasons repeat what it was sent. In the span's message, secrets of the query and
// the path read "hidden", as in elasticsearch.params and es.url. The reason is recorded in full if
//
//   - the request is one whose body db.statement shows whole, and no gaptrace.WithStatement
//     rewrites it, or
//   - errors of its type speak of names, ids and limits: index_not_found_exception,
//     resource_already_exists_exception, version_conflict_engine_exception, security_exception,
//     cluster_block_exception and a few more.
//
// For APIs that take credentials (_security, _snapshot, _ingest, _watcher, _connector, _inference,
// _ml, _cluster, _nodes, _reindex and a few more), any reason of another type is left out.
//
// Any other reason, those of mapping and parsing among them, ends with "… [cut]" where the first
// value could stand: at a digit, a colon, an equals sign, a quotation mark or a bracket, unless the
// brackets hold a part of the URL, the method, a position, or the name or type of a field. What a
// server says in plain words, none of these before it, is taken to be no value. The *Error that
// gaptrace.WithExpected is given has all of it.
//
// The Request of a gaptrace.Call is the *http.Request as the transport was given it: until the call
// has ended its URL may name no node.
//
// # Attempts
//
// Attempts are counted where net/http asks for a connection. A request that net/http itself sends again, because the idle
// connection it had was dead, counts, too, and so does one that an interceptor makes under the same context, as for a token; of an
// http.RoundTripper that is none of net/http's nothing is known. With [Interceptor] in the client's configuration they are those
// of go-elasticsearch.
//
// With gaptrace.WithPhases a span logs each attempt but the first as retry, with its number, the node and, from
// Interceptor, the status or error of the one before; and dials as dns_start, dns_done, connect_start and connect_done, with their errors.
//
// # Instrumentation
//
// To learn the endpoint, a wrapped client always has an elastictransport.Instrumentation. One that
// was configured (OpenTelemetry's, say) goes on being called as before.
//
// # Limits
//
// Calls without a parent span are not recorded unless gaptrace.WithRoots says so, and these are
// some: a plain API call without WithContext; a flush of esutil's BulkIndexer, whose workers know
// no caller's context, until its OnFlushStart returns one with a span in it (see the example).
// Node discovery draws nothing.
package gapes
