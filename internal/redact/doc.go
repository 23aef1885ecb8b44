// Package redact removes secrets from what a span records. It and the packages below it are the
// only code that does so; docs/secrets.md describes the rules.
//
//	what a span records            package              function
//	http.url                       redact               URL
//	the text of every error        redact               Text
//	es.url, elasticsearch.params   redact/elasticsearch URL, Params
//	a search's body                redact/elasticsearch Body
//	Elasticsearch's reasons        redact/elasticsearch Request.Reason
//	SQL statements                 redact/sqltext       Statement; HideLiterals if the user asks
//	errors of a SQL database       redact/sqltext       Error, ConnectError
//	Redis commands                 redact/redis         Command.AppendTo
//	errors of a Redis server       redact/redis         ServerError
//
// All of them use one table of credential words, [Words]. If in doubt, they redact. Their input may
// come from a peer, so they read a bounded part of it, in linear time.
package redact
