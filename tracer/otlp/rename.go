package otlp

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/gaptrace/gaptrace/gap"
)

// schemaURL names the version of OpenTelemetry's semantic conventions that defines the new names.
const schemaURL = "https://opentelemetry.io/schemas/1.43.0"

// other is the value for what is not one of the known values.
const other = "_OTHER"

// naming is what a tag becomes.
type naming struct {
	name    string
	server  string        // its name on a span of kind server; if empty, name is used
	convert func(any) any // converts its value; nil if the value stays the same
}

// names are the tags that get another name. docs/otlp-out.md has a table of them and of what
// renamer.tag does in addition.
var names = map[string]naming{
	"db.instance":             {name: "db.namespace"},
	"db.statement":            {name: "db.query.text"},
	"db.type":                 {name: "db.system.name", convert: system},
	"error.kind":              {name: "error.type"},
	"es.method":               {name: "http.request.method"},
	"es.url":                  {name: "url.full"},
	"grpc.code":               {name: "rpc.response.status_code", convert: statusName},
	"grpc.method":             {name: "rpc.method_original"},
	"guid:x-request-id":       {name: "http.request.header.x-request-id", convert: list},
	"http.method":             {name: "http.request.method"},
	"http.status_code":        {name: "http.response.status_code", convert: integer},
	"http.url":                {name: "url.full"},
	"message_bus.destination": {name: "messaging.destination.name"},
	"peer.address":            {name: "server.address", server: "client.address"},
	"peer.hostname":           {name: "server.address", server: "client.address"},
	"peer.ipv4":               {name: "network.peer.address"},
	"peer.ipv6":               {name: "network.peer.address"},
	"peer.port":               {name: "server.port", server: "client.port", convert: integer},
	"redis.commands":          {name: "db.operation.batch.size", convert: integer},
	"rows":                    {name: "db.response.returned_rows", convert: integer},
}

// processNames are the tags of the process that get another name.
var processNames = map[string]naming{
	"client-uuid": {name: "service.instance.id"},
	"hostname":    {name: "host.name"},
	"ip":          {name: "host.ip", convert: list},
}

// eventNames are the fields of an error's log that get another name.
var eventNames = map[string]naming{
	"error.kind":   {name: "exception.type"},
	"error.object": {name: "exception.message"},
	"message":      {name: "exception.message"},
	"stack":        {name: "exception.stacktrace"},
}

// systems maps values of db.type, such as names of Go's drivers, to different values of
// db.system.name.
var systems = map[string]string{
	"cockroach": "cockroachdb",
	"godror":    "oracle.db",
	"mssql":     "microsoft.sql_server",
	"oracle":    "oracle.db",
	"pgx":       "postgresql",
	"postgres":  "postgresql",
	"sql":       "other_sql",
	"sqlite3":   "sqlite",
	"sqlserver": "microsoft.sql_server",
}

// methods are the methods that http.request.method may have.
var methods = []string{
	"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE",
}

// renamer renames the fields of a span, a process or a log. It does not change them, since they may
// be encoded again.
type renamer struct {
	given, made []gap.Field
}

func newRenamer(given []gap.Field) *renamer {
	return &renamer{given, make([]gap.Field, 0, len(given)+4)}
}

// has reports whether a field has a name, or will have it.
func (r *renamer) has(key string) bool { return has(r.given, key) || has(r.made, key) }

// add adds a field and returns true, unless there is one with its name: what the program has set
// wins.
func (r *renamer) add(key string, value any) bool {
	if r.has(key) {
		return false
	}
	r.made = append(r.made, gap.Field{Key: key, Value: value})
	return true
}

func has(fields []gap.Field, key string) bool {
	return slices.ContainsFunc(fields, func(f gap.Field) bool { return f.Key == key })
}

// rename adds a field with its new name. The field keeps its old name if it has no new one, or if
// the new one is taken.
func (r *renamer) rename(f gap.Field, names map[string]naming, server bool) {
	to := names[f.Key]
	key, value := to.name, f.Value
	if server && to.server != "" {
		key = to.server
	}
	if to.convert != nil {
		value = to.convert(value)
	}
	if key == "" || !r.add(key, value) {
		r.made = append(r.made, f)
	}
}

// rename gives a span's tags and logs the names of OpenTelemetry's semantic conventions.
func rename(s *gap.Span) {
	kind, _ := s.Tag(kindKey)
	r := newRenamer(s.Tags)
	for _, tag := range s.Tags {
		r.tag(tag, s.Operation, kind == "server")
	}
	var failure *gap.Log
	s.Logs = slices.Clone(s.Logs)
	for i := range s.Logs {
		if isError(&s.Logs[i]) {
			renameError(&s.Logs[i])
			if failure == nil {
				failure = &s.Logs[i]
			}
		}
	}
	if failed, _ := s.Tag(errorKey); failed == "true" {
		r.failure(failure)
	}
	s.Tags = r.made
}

// tag renames a tag of a span.
func (r *renamer) tag(tag gap.Field, operation string, server bool) {
	text, _ := tag.Value.(string)
	switch tag.Key {
	case "http.method", "es.method":
		if !slices.Contains(methods, text) && !r.has("http.request.method") &&
			r.add("http.request.method_original", tag.Value) {
			if tag.Value = strings.ToUpper(text); !slices.Contains(methods, strings.ToUpper(text)) {
				tag.Value = other
			}
		}
	case "http.url":
		if server && r.serverURL(tag, text) {
			return
		}
	case "peer.address":
		if r.peer(tag, text, server) {
			return
		}
	case "component":
		if method, ok := strings.CutPrefix(operation, "/"); strings.EqualFold(text, "grpc") {
			r.add("rpc.system.name", "grpc")
			if method, _, _ = strings.Cut(method, " "); !ok { // without the name of a wait
				method = other
			}
			r.add("rpc.method", method)
		}
	}
	r.rename(tag, names, server)
}

// peer adds the address of a peer and its port. If either has a tag of its own, it keeps the tag
// instead. It reports false if text does not have both.
func (r *renamer) peer(tag gap.Field, text string, server bool) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || port == "" {
		return false
	}
	address, portName := "server.address", "server.port"
	if server {
		address, portName = "client.address", "client.port"
	}
	if slices.ContainsFunc([]string{address, portName, "peer.hostname", "peer.port"}, r.has) {
		r.made = append(r.made, tag)
		return true
	}
	r.add(address, host)
	return r.add(portName, integer(port))
}

// serverURL adds the parts of the URL of a server's request. It keeps the tag, too, if the span
// already has one of the parts. It reports false if text is no such URL.
func (r *renamer) serverURL(tag gap.Field, text string) bool {
	u, err := url.Parse(text)
	if err != nil || text == "" || u.Opaque != "" { // as of localhost:8080
		return false
	}
	taken := false
	for _, part := range [][2]string{
		{"url.scheme", u.Scheme},
		{"server.address", u.Hostname()},
		{"server.port", u.Port()},
		{"url.path", u.EscapedPath()},
		{"url.query", u.RawQuery},
	} {
		if key, text := part[0], part[1]; text != "" {
			value := any(text)
			if key == "server.port" {
				value = integer(text)
			}
			taken = !r.add(key, value) || taken
		}
	}
	if taken {
		r.made = append(r.made, tag)
	}
	return true
}

// failure adds the error's type and message to a failed span. log is nil if the span has no log of
// an error.
func (r *renamer) failure(log *gap.Log) {
	errorType := any(other)
	for _, f := range r.made {
		if code, ok := f.Value.(int64); ok && f.Key == "http.response.status_code" && code >= 400 {
			errorType = strconv.FormatInt(code, 10)
		} else if f.Key == "rpc.response.status_code" && f.Value != "OK" {
			errorType = f.Value
		}
	}
	if log != nil {
		for _, f := range log.Fields {
			switch f.Key {
			case "exception.type":
				errorType = f.Value
			case "exception.message":
				r.add(messageKey, f.Value)
			}
		}
	}
	r.add("error.type", errorType)
}

// isError reports whether a log describes an error, as OpenTracing defines it.
func isError(l *gap.Log) bool {
	return slices.ContainsFunc(l.Fields, func(f gap.Field) bool { return f.Key == eventKey && f.Value == "error" })
}

// renameError makes the log of an error an exception event. If the error and the message have the
// same text, it is kept once.
func renameError(l *gap.Log) {
	var message any
	for _, f := range l.Fields {
		if text, ok := f.Value.(string); ok && f.Key == "message" {
			message = text
		}
	}
	r := newRenamer(l.Fields)
	for _, f := range l.Fields {
		switch {
		case f.Key == eventKey:
			f.Value = "exception"
		case f.Key == "error.object" && message != nil:
			if text, ok := f.Value.(string); !ok || text != message {
				r.made = append(r.made, f)
			}
			continue
		}
		r.rename(f, eventNames, false)
	}
	l.Fields = r.made
}

// renameProcess returns a process's tags with the names of OpenTelemetry's semantic conventions.
func renameProcess(tags []gap.Field) []gap.Field {
	r := newRenamer(tags)
	for _, tag := range tags {
		client, _ := tag.Value.(string)
		if version, ok := strings.CutPrefix(client, "Go-"); ok && tag.Key == "jaeger.version" {
			r.add("telemetry.sdk.language", "go")
			r.add("telemetry.sdk.name", "jaeger-client-go")
			r.add("telemetry.sdk.version", version)
			continue
		}
		r.rename(tag, processNames, false)
	}
	return r.made
}

// integer converts text to a number, if it is one.
func integer(value any) any {
	if text, ok := value.(string); ok {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	}
	return value
}

// list converts text to a list of one element.
func list(value any) any {
	if text, ok := value.(string); ok {
		return []string{text}
	}
	return value
}

func system(value any) any {
	text, _ := value.(string)
	if known, ok := systems[strings.ToLower(text)]; ok {
		return known
	}
	return value
}

// statusName converts the name of a status in Go, such as NotFound, to that of gRPC, NOT_FOUND.
func statusName(value any) any {
	text, ok := value.(string)
	switch {
	case !ok || text == "OK":
		return value
	case text == "Canceled":
		return "CANCELLED"
	}
	var b strings.Builder
	for i, c := range text {
		if i > 0 && unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(c))
	}
	return b.String()
}
