package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
)

// jaegerURL is a URL of a Jaeger query service or of a page in its UI, taken apart.
type jaegerURL struct {
	base  string // the query service, with user and password
	shown string // base without user and password
	ids   []gap.TraceID
	query jaegerjson.Query
}

// isURL reports whether an argument is a URL rather than a file. "http:host" counts as an (invalid)
// URL, because it is hardly the name of a file.
func isURL(arg string) bool {
	scheme, _, ok := strings.Cut(strings.ToLower(arg), ":")
	return ok && (scheme == "http" || scheme == "https")
}

var errNotJaegerURL = errors.New("want http://host:16686, with a base path if Jaeger has one, " +
	"or the page of a trace or a search in its UI")

// errAmbiguousPassword does not repeat the URL, any part of which may be a password.
var errAmbiguousPassword = errors.New("the URL (not repeated, it may contain a password) has an @ outside of " +
	"user:password@host: write %2F %3F %23 for / ? # in a password, and %40 for any other @")

// parseJaegerURL parses the URL of a query service, or one copied from a browser that shows its UI.
func parseJaegerURL(text string) (jaegerURL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil && strings.Contains(text, "@"):
		return jaegerURL{}, errAmbiguousPassword
	case err != nil:
		return jaegerURL{}, fmt.Errorf("%q: %w", text, errNotJaegerURL)
	}
	var p jaegerURL
	path := strings.Split(strings.TrimRight(u.EscapedPath(), "/"), "/")
	values := u.Query()
	switch last := len(path) - 1; {
	case last >= 1 && (path[last-1] == "trace" || last >= 2 && path[last-2] == "api" && path[last-1] == "traces"):
		for id := range strings.SplitSeq(path[last], "...") { // the page that compares two traces
			if err = p.addID(id); err != nil {
				break
			}
		}
		path = path[:last-1]
		u.RawQuery = ""
	case path[last] == "search", last >= 1 && path[last-1] == "api" && path[last] == "traces":
		err = p.search(values)
		path = path[:last]
		u.RawQuery = ""
	}
	if len(path) > 0 && path[len(path)-1] == "api" {
		path = path[:len(path)-1]
	}
	u.RawPath = strings.Join(path, "/")
	if u.Path, _ = url.PathUnescape(u.RawPath); u.Path == "/" {
		u.Path, u.RawPath = "", ""
	}
	u.Fragment, u.RawFragment = "", ""
	p.base = u.String()
	u.User = nil
	p.shown = u.String()
	switch {
	case strings.Contains(p.shown, "@"):
		return jaegerURL{}, errAmbiguousPassword
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "":
		return jaegerURL{}, fmt.Errorf("%q: %w", u.Scheme+"://"+u.Host+u.Path, errNotJaegerURL)
	case err != nil:
		return jaegerURL{}, fmt.Errorf("%s: %w", p.shown, err)
	}
	return p, nil
}

func (p *jaegerURL) addID(text string) error {
	id, err := parseTraceID(text)
	if err != nil {
		return fmt.Errorf("trace %q: %w", text, err)
	}
	p.ids = append(p.ids, id)
	return nil
}

// search parses the query string of the page with search results.
func (p *jaegerURL) search(values url.Values) error {
	q := &p.query
	q.Service, q.Operation = values.Get("service"), values.Get("operation")
	for _, id := range values["traceID"] {
		if err := p.addID(id); err != nil {
			return err
		}
	}
	if tags := values.Get("tags"); tags != "" {
		if err := json.Unmarshal([]byte(tags), &q.Tags); err != nil {
			return errors.New(`invalid tags in the URL: want {"key":"value"}`)
		}
	}
	for _, tag := range values["tag"] {
		key, value, ok := strings.Cut(tag, ":")
		if !ok {
			return fmt.Errorf("invalid tag %q in the URL: want key:value", tag)
		}
		setTag(q, key, value)
	}
	var err error
	parse := func(key, want string, f func(value string) error) {
		if value := values.Get(key); value != "" && err == nil {
			if err = f(value); err != nil {
				err = fmt.Errorf("invalid %s %q in the URL: want %s", key, value, want)
			}
		}
	}
	micros := func(to *time.Time) func(string) error {
		return func(s string) error {
			n, err := strconv.ParseInt(s, 10, 64)
			*to = time.UnixMicro(n)
			return err
		}
	}
	duration := func(to *time.Duration) func(string) error {
		return func(s string) (err error) {
			*to, err = time.ParseDuration(s)
			return err
		}
	}
	parse("start", "microseconds since 1970", micros(&q.Start))
	parse("end", "microseconds since 1970", micros(&q.End))
	parse("minDuration", "a duration such as 100ms", duration(&q.MinDuration))
	parse("maxDuration", "a duration such as 100ms", duration(&q.MaxDuration))
	parse("limit", "a number", func(s string) (err error) {
		q.Limit, err = strconv.Atoi(s)
		return err
	})
	if q.Start.IsZero() {
		parse("lookback", "a duration such as 2h", func(s string) (err error) {
			q.Lookback, err = parseLookback(s)
			return err
		})
	}
	return err
}

// withoutUser returns the URL of a web page without user and password. The error does not repeat
// it.
func withoutUser(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", errors.New("want an http:// or https:// URL")
	}
	u.User = nil
	return u.String(), nil
}

// quoted quotes an argument for an error, unless it may be a URL with a password.
func quoted(arg string) string {
	if strings.Contains(arg, "@") {
		return notRepeated
	}
	return strconv.Quote(arg)
}
