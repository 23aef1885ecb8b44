// Package redact removes secrets from what a span records. It and the packages below it are the
// only code that does so; docs/secrets.md describes the rules.
//
//	what a span records            function
//	http.url                       [URL]
//	the text of every error        [Text]
//	es.url, elasticsearch.params   elasticsearch.URL, elasticsearch.Params
//	a search's body                elasticsearch.Body
//	Elasticsearch's reasons        elasticsearch.Request
//	db.statement of SQL            sqltext.Statement; sqltext.HideLiterals if the user asks
//	errors of a SQL database       sqltext.Error, sqltext.ConnectError
//	db.statement of Redis          redis.Command
//	errors of a Redis server       redis.ServerError
//
// All of them go by one table of credential words, [Words]. If in doubt, they redact. They read a
// bounded part of their input, in linear time, since a peer may have written it.
package redact
