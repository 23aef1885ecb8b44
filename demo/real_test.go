package main

import (
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/go-redis/redis/v8"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/jaegerjson"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/gap/report"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

func TestRealServers(t *testing.T) {
	redis, mariadb := servers.Redis(t), servers.MariaDB(t)
	elasticsearch, jaeger := servers.Elasticsearch(t), servers.Jaeger(t)
	args := []string{
		"-n", "2", "-redis", redis, "-mysql", mariadb.DSN(""),
		"-elasticsearch", elasticsearch, "-jaeger", jaeger.CollectorURL,
	}
	c, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	tr, err := openTracers(c)
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := call(t.Context(), c, tr, &stderr)
	if err == nil {
		err = draw(&stdout, recorded)
	}
	if err := errors.Join(err, tr.send(t.Context(), &stderr)); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	t.Logf("%s\n%s", stderr.String(), stdout.String())
	checkSelfTime(t, stdout.String(), 2+atOnce)

	for _, spans := range recorded.traces {
		var want []string
		for _, s := range spans {
			want = append(want, describe(s))
		}
		slices.Sort(want)
		sent := fromJaeger(t, jaeger.QueryURL, spans[0].TraceID, len(spans))
		var got []string
		for _, s := range sent {
			if len(s.Warnings) > 0 {
				t.Errorf("%s: Jaeger warns: %q", s.Operation, s.Warnings)
			}
			got = append(got, describe(s))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("Jaeger has:\n%s\nrecorded:\n%s", strings.Join(got, ""), strings.Join(want, ""))
		}
		if got, want := reportOf(t, sent), reportOf(t, spans); got != want {
			t.Errorf("the report of what Jaeger has:\n%s\nof what was recorded:\n%s", got, want)
		}
	}

	checkCommand(t, recorded, jaeger.QueryURL)
	checkNothingLeft(t, redis, mariadb.DSN(""), elasticsearch)
}

// checkCommand checks that the command reports the same of Jaeger's traces as package report of the
// recorded ones.
func checkCommand(t *testing.T, recorded recording, queryURL string) {
	t.Helper()
	r := report.New(report.Options{Traces: 100})
	for _, spans := range recorded.traces {
		r.Add(gap.Build(toMicroseconds(spans)))
	}
	var want strings.Builder
	if err := r.JSON(&want); err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(servers.ProgramDir(t), "gaptrace")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", command, "github.com/gaptrace/gaptrace/cmd/gaptrace")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	service := recorded.traces[0][0].Process.Service
	reported := exec.CommandContext(t.Context(), command, "report", "--service", service,
		"--limit", "100", "--traces", "100", "--format", "json", queryURL)
	reported.Stderr = os.Stderr
	if got, err := reported.Output(); err != nil || string(got) != want.String() {
		t.Errorf("%v, gaptrace reports:\n%s\nwant what was recorded:\n%s", err, got, want.String())
	}
}

// checkNothingLeft checks that the demo has removed its data from the servers.
func checkNothingLeft(t *testing.T, redis, dsn, elasticsearch string) {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: redis})
	defer client.Close()
	if keys, err := client.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("left in Redis: %q, %v", keys, err)
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var databases int
	const count = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'gaptrace%'"
	if err := db.QueryRow(count).Scan(&databases); err != nil || databases > 0 {
		t.Errorf("%d databases left in MariaDB, %v", databases, err)
	}
	if indices := fetch(t, elasticsearch+"/_cat/indices/gaptrace*"); indices != "" {
		t.Errorf("left in Elasticsearch: %s", indices)
	}
}

// describe formats everything in a span, with times in microseconds as Jaeger keeps them, in a
// fixed order.
func describe(s gap.Span) string {
	var parts []string
	for _, ref := range s.References {
		kind := [...]string{"CHILD_OF", "FOLLOWS_FROM"}[ref.Type]
		parts = append(parts, fmt.Sprintf("  %s %016x/%016x", kind, ref.TraceID.Low, uint64(ref.SpanID)))
	}
	last := map[string]any{} // a tag that was set twice is sent twice, and the last one counts
	for _, tag := range s.Tags {
		last[tag.Key] = tag.Value
	}
	delete(last, "internal.span.format") // Jaeger's own
	for key, value := range last {
		parts = append(parts, "  tag "+field(key, value))
	}
	for _, l := range s.Logs {
		var fields []string
		for _, f := range l.Fields {
			fields = append(fields, field(f.Key, f.Value))
		}
		parts = append(parts, fmt.Sprintf("  log %d %s", l.Time.UnixMicro(), strings.Join(fields, " ")))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%016x %s: %s, from %d, %d us\n%s\n", uint64(s.SpanID), s.Process.Service, s.Operation,
		s.Start.UnixMicro(), s.Duration.Microseconds(), strings.Join(parts, "\n"))
}

func field(key string, value any) string {
	if b, ok := value.([]byte); ok {
		value = base64.StdEncoding.EncodeToString(b)
	}
	return fmt.Sprintf("%s=%v", key, value)
}

// fromJaeger queries a trace until it is complete.
func fromJaeger(t *testing.T, queryURL string, id gap.TraceID, count int) []gap.Span {
	t.Helper()
	client := &jaegerjson.Client{URL: queryURL}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		for spans, err := range client.Traces(t.Context(), []gap.TraceID{id}, read.WithEverything()) {
			if err == nil && len(spans) == count {
				return spans
			}
			if time.Now().After(deadline) {
				t.Fatalf("trace %v: Jaeger has %d spans, want %d; %v", id, len(spans), count, err)
			}
		}
	}
}

// toMicroseconds returns the spans with times truncated to microseconds, as Jaeger's client sends
// them.
func toMicroseconds(spans []gap.Span) []gap.Span {
	spans = slices.Clone(spans)
	for i := range spans {
		s := &spans[i]
		s.Start, s.Duration = s.Start.Truncate(time.Microsecond), s.Duration.Truncate(time.Microsecond)
	}
	return spans
}

// reportOf returns the text and the JSON of a report of these spans.
func reportOf(t *testing.T, spans []gap.Span) string {
	t.Helper()
	r := report.New(report.Options{})
	r.Add(gap.Build(toMicroseconds(spans)))
	var text, document strings.Builder
	if err := errors.Join(r.Text(&text, report.TextOptions{}), r.JSON(&document)); err != nil {
		t.Fatal(err)
	}
	return text.String() + document.String()
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
