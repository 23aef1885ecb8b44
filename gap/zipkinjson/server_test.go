package zipkinjson_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gaptrace/gaptrace/gap"
	"github.com/gaptrace/gaptrace/gap/read"
	"github.com/gaptrace/gaptrace/internal/spantest/servers"
)

// A real Zipkin returns what it was sent, with ids of full length and names in lower case.
func TestZipkinsAnswers(t *testing.T) {
	url, _ := servers.Zipkin(t)
	start := time.Now().Add(-time.Minute).UnixMicro()
	trace := func(id string) string {
		return strings.NewReplacer(
			"00000000000000a1", id,
			`"timestamp":1000000`, fmt.Sprintf(`"timestamp":%d`, start),
			`"timestamp":1000100`, fmt.Sprintf(`"timestamp":%d`, start+100),
			`"timestamp":1000120`, fmt.Sprintf(`"timestamp":%d`, start+120),
		).Replace(root + `,` + child + `,` + sharedServer)
	}
	ids := []string{"00000000000000a1", "c7000000000000000000000000000001"}
	sent := "[" + trace(ids[0]) + "," + trace(ids[1]) + "]"
	res, err := http.Post(url+"/api/v2/spans", "application/json", strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		t.Fatal(res.Status)
	}
	want, errs := readAll(strings.NewReader(sent), read.WithEverything())
	if errs != nil || len(want) != 2 {
		t.Fatal(want, errs)
	}
	got, errs := ask(t, url+"/api/v2/traces?serviceName=shop&limit=10", 2)
	for i, id := range ids {
		one, errs := ask(t, url+"/api/v2/trace/"+id, 1)
		if errs != nil || len(one) != 1 || !reflect.DeepEqual(essence(one[0]), essence(want[i])) {
			t.Errorf("trace %s:\n%v, %v\nwant\n%v", id, one, errs, want[i])
		}
	}
	slices.SortFunc(got, func(a, b []gap.Span) int { return a[0].TraceID.Compare(b[0].TraceID) })
	for i := range want {
		if errs != nil || len(got) != 2 || !reflect.DeepEqual(essence(got[i]), essence(want[i])) {
			t.Fatalf("%v, %v\nwant\n%v", got, errs, want)
		}
	}
	built, warnings := gap.Build(got[0])
	if built.Len() != 3 || len(warnings) != 0 {
		t.Errorf("%d spans, %v", built.Len(), warnings)
	}
	for n := range built.Nodes() {
		if kind, _ := n.Span().Tag("span.kind"); n.Depth() == 2 && (n.Span().Operation != "get" || kind != "server") {
			t.Errorf("%+v is below the client", n.Span())
		}
	}
}

// sharedServer has the id of its client.
const sharedServer = `{"traceId":"00000000000000a1","parentId":"00000000000000b1","id":"00000000000000b2","kind":"SERVER"` +
	`,"shared":true,"name":"get","timestamp":1000120,"duration":20,"localEndpoint":{"serviceName":"redis","ipv4":"10.0.0.2"}}`

// ask returns Zipkin's answer once it has this many traces of three spans, or after 30 s.
func ask(t *testing.T, url string, traces int) (found [][]gap.Span, errs []error) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode == http.StatusOK {
			found, errs = readAll(res.Body, read.WithEverything())
		}
		res.Body.Close()
		whole := !slices.ContainsFunc(found, func(spans []gap.Span) bool { return len(spans) != 3 })
		if len(found) == traces && whole || time.Now().After(deadline) {
			return found, errs
		}
	}
}

// essence returns what Zipkin must keep of spans, which it may sort.
func essence(spans []gap.Span) (lines []string) {
	byKey := func(a, b gap.Field) int { return strings.Compare(a.Key, b.Key) }
	for _, s := range spans {
		tags := slices.SortedFunc(slices.Values(s.Tags), byKey)
		lines = append(lines, fmt.Sprint(s.TraceID, s.SpanID, s.References, s.Operation, s.Start, s.Duration,
			*s.Process, tags, s.Logs))
	}
	slices.Sort(lines)
	return lines
}
