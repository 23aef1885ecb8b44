package main

import (
	"cmp"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/go-redis/redis/v8"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

func TestOnRealServersJaegerHasWhatWasRecorded(t *testing.T) {
	redis, mariadb, elasticsearch, jaeger := servers.Redis(t), servers.MariaDB(t), servers.Elasticsearch(t), servers.Jaeger(t)
	args := []string{"-n", "2", "-redis", redis, "-mysql", mariadb.DSN(""), "-elasticsearch", elasticsearch, "-jaeger", jaeger.CollectorURL}
	c, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	traced, err := openTracers(c)
	if err != nil {
		t.Fatal(err)
	}
	made, err := call(t.Context(), c, traced, &stderr)
	if err == nil {
		err = draw(&stdout, made)
	}
	if err := errors.Join(err, traced.send(t.Context(), &stderr)); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	t.Logf("%s\n%s", stderr.String(), stdout.String())
	checkOwnTime(t, stdout.String(), 2+atOnce)

	for _, spans := range made.traces {
		var recorded []string
		for _, s := range spans {
			recorded = append(recorded, lines(s))
		}
		slices.Sort(recorded)
		sent := fromJaeger(t, jaeger.QueryURL, spans[0].TraceID, len(spans))
		if !slices.Equal(recorded, sent) {
			t.Errorf("recorded:\n%s\nJaeger has:\n%s", strings.Join(recorded, ""), strings.Join(sent, ""))
		}
	}

	client := goredis.NewClient(&goredis.Options{Addr: redis})
	defer client.Close()
	if keys, err := client.Keys(t.Context(), "*").Result(); err != nil || len(keys) > 0 {
		t.Errorf("left in Redis: %q, %v", keys, err)
	}
	db, err := sql.Open("mysql", mariadb.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var databases int
	if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'gaptrace%'").Scan(&databases); err != nil || databases > 0 {
		t.Errorf("%d databases left in MariaDB, %v", databases, err)
	}
	if indices := fetch(t, elasticsearch+"/_cat/indices/gaptrace*"); indices != "" {
		t.Errorf("left in Elasticsearch: %s", indices)
	}
}

// lines writes all that a span says, to the microsecond as Jaeger keeps it, its parts in an order of their own.
func lines(s gap.Span) string {
	var parts []string
	for _, ref := range s.References {
		parts = append(parts, fmt.Sprintf("  %s %016x/%016x", [...]string{"CHILD_OF", "FOLLOWS_FROM"}[ref.Type], ref.TraceID.Low, uint64(ref.SpanID)))
	}
	for _, tag := range s.Tags {
		parts = append(parts, "  tag "+field(tag.Key, tag.Value))
	}
	for _, l := range s.Logs {
		var fields []string
		for _, f := range l.Fields {
			fields = append(fields, field(f.Key, f.Value))
		}
		parts = append(parts, fmt.Sprintf("  log %d %s", l.Time.UnixMicro(), strings.Join(fields, " ")))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%016x %s: %s, from %d, %d us\n%s\n", uint64(s.SpanID), s.Process.Service, s.Operation, s.Start.UnixMicro(), s.Duration.Microseconds(), strings.Join(parts, "\n"))
}

func field(key string, value any) string {
	if b, ok := value.([]byte); ok {
		value = base64.StdEncoding.EncodeToString(b)
	}
	return fmt.Sprintf("%s=%v", key, value)
}

type jaegerField struct {
	Key   string
	Type  string
	Value any
}

func (f jaegerField) String() string { return field(f.Key, f.Value) }

// fromJaeger asks for a trace until it is complete, and returns its spans as lines does.
func fromJaeger(t *testing.T, queryURL string, id gap.TraceID, spans int) []string {
	t.Helper()
	var answer struct {
		Data []struct {
			Spans []struct {
				SpanID, OperationName, ProcessID string
				StartTime, Duration              int64
				References                       []struct{ RefType, TraceID, SpanID string }
				Tags                             []jaegerField
				Logs                             []struct {
					Timestamp int64
					Fields    []jaegerField
				}
				Warnings []string
			}
			Processes map[string]struct{ ServiceName string }
		}
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		numbers := json.NewDecoder(strings.NewReader(fetch(t, fmt.Sprintf("%s/api/traces/%016x", queryURL, id.Low))))
		numbers.UseNumber()
		if err := numbers.Decode(&answer); err == nil && len(answer.Data) == 1 && len(answer.Data[0].Spans) == spans {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("trace %016x: Jaeger has %+v, want %d spans", id.Low, answer, spans)
		}
	}
	trace := answer.Data[0]
	var result []string
	for _, s := range trace.Spans {
		if len(s.Warnings) > 0 {
			t.Errorf("%s: Jaeger warns: %q", s.OperationName, s.Warnings)
		}
		var parts []string
		for _, ref := range s.References {
			parts = append(parts, fmt.Sprintf("  %s %s/%s", ref.RefType, ref.TraceID, ref.SpanID))
		}
		last := map[string]jaegerField{} // a tag that was set twice was sent twice, and the last one counts
		for _, tag := range s.Tags {
			last[tag.Key] = tag
		}
		delete(last, "internal.span.format") // Jaeger's own
		for tag := range maps.Values(last) {
			parts = append(parts, "  tag "+tag.String())
		}
		for _, l := range s.Logs {
			parts = append(parts, strings.TrimRight(fmt.Sprintln("  log", l.Timestamp, strings.Trim(fmt.Sprint(l.Fields), "[]")), "\n"))
		}
		slices.Sort(parts)
		result = append(result, fmt.Sprintf("%s %s: %s, from %d, %d us\n%s\n", s.SpanID, trace.Processes[s.ProcessID].ServiceName, s.OperationName, s.StartTime, s.Duration, strings.Join(parts, "\n")))
	}
	slices.SortFunc(result, cmp.Compare)
	return result
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
